package org.pviommu.server.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.journal.StoredRecords;
import org.pviommu.journal.replay.Why;
import org.pviommu.server.Json;
import org.pviommu.server.Text;
import org.pviommu.server.records.WhyStep;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code pvi replay why}. */
@Command(
        name = "why",
        mixinStandardHelpOptions = true,
        description = {
            "List everything that was done to a bus frame, refused operations included, and who asked; what happened to it",
            "unasked; and what it leads to now. Replays the journal. Exit code 1 when no operation named it."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  pvi replay why DIR 1 0x1234               guest 1, address space 0",
            "  pvi replay why 1:2 4660 --run-dir DIR     guest 1, address space 2; the same frame in decimal",
            "  pvi replay why 1:d5 0x100000              guest 1, domain 5 of its virtio-iommu, by iova >> 12"
        })
final class WhyCommand implements Callable<Integer> {
    private static final List<String> HEADER = List.of("SEQUENCE", "TIME", "OPERATION", "STATUS", "BY", "WHAT");
    private static final int MAX_CONTEXT = 0xffff;
    private static final long MAX_DOMAIN = 0xffff_ffffL;

    @Mixin
    private JournalPlace place = new JournalPlace();

    @Parameters(
            arity = "2..3",
            paramLabel = "[DIR] SPACE BFN",
            hideParamSyntax = true,
            description = {
                "DIR: the journal's directory. SPACE: GUEST, GUEST:CONTEXT, or GUEST:dDOMAIN.",
                "BFN: bus frame, hex with 0x or decimal."
            })
    private List<String> words = List.of();

    @Override
    public Integer call() {
        int space = words.size() - 2;
        if (space < 0 || space > 1) {
            throw CommandException.usage("give [DIR] SPACE BFN, words=" + words.size());
        }
        Path where = place.directory(space == 0 ? null : Path.of(words.getFirst()));
        Why why = why(where, words.get(space), words.get(space + 1));
        print(why);
        return why.steps().stream().anyMatch(step -> step.operation() != null) ? ExitCode.DONE : ExitCode.REFUSED;
    }

    private static Why why(Path where, String space, String bfn) {
        int colon = space.indexOf(':');
        String guest = colon < 0 ? space : space.substring(0, colon);
        String context = colon < 0 ? "0" : space.substring(colon + 1);
        boolean isDomain = context.startsWith("d");
        int guestId;
        int number;
        long frame;
        try {
            guestId = (int) Text.parseUnsigned("guest", guest, Integer.MAX_VALUE);
            number = isDomain
                    ? (int) Text.parseUnsigned("domain", context.substring(1), MAX_DOMAIN)
                    : (int) Text.parseUnsigned("context", context, MAX_CONTEXT);
            frame = Text.parseUnsigned("bfn", bfn, isDomain ? Why.MAX_DOMAIN_BFN : HostCapabilities.MAX_LAST_BFN);
        } catch (IllegalArgumentException wrong) {
            throw CommandException.usage(String.valueOf(wrong.getMessage()));
        }
        try (StoredRecords records = StoredRecords.open(where)) {
            return isDomain
                    ? Why.ofDomain(records, guestId, number, frame, frame)
                    : Why.of(records, guestId, number, frame);
        }
    }

    private void print(Why why) {
        List<WhyStep> steps = why.steps().stream().map(WhyStep::of).toList();
        switch (place.output()) {
            case table -> {
                place.print(HEADER, steps.stream().map(WhyStep::row).toList());
                place.out().println("now: " + why.now());
            }
            case json -> {
                Map<String, Object> object = new LinkedHashMap<>();
                object.put("steps", steps);
                object.put("now", why.now());
                place.out().println(Json.write(object));
            }
            case jsonl -> {
                steps.forEach(step -> place.out().println(Json.write(step)));
                place.out().println(Json.write(Map.of("now", why.now())));
            }
        }
        place.out().flush();
    }
}
