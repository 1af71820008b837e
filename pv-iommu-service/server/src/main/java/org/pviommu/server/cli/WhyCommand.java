package org.pviommu.server.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.store.JournalReader;
import org.pviommu.server.Json;
import org.pviommu.server.Text;
import org.pviommu.server.records.Touch;
import org.pviommu.server.records.Touches;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code pvi replay why}. */
@Command(
        name = "why",
        mixinStandardHelpOptions = true,
        description = {
            "List everything that was done to a bus frame, refused operations included, and who asked; and what happened to",
            "its whole address space. Exit code 1 when the journal has nothing about it."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  pvi replay why DIR 1 0x1234               guest 1, address space 0",
            "  pvi replay why 1:2 4660 --run-dir DIR     guest 1, address space 2; the same frame in decimal"
        })
final class WhyCommand implements Callable<Integer> {
    private static final List<String> HEADER = List.of("SEQUENCE", "TIME", "OPERATION", "STATUS", "BY", "WHAT");
    private static final int MAX_CONTEXT = 0xffff;

    @Mixin
    private JournalPlace place = new JournalPlace();

    @Parameters(
            arity = "2..3",
            paramLabel = "[DIR] SPACE BFN",
            hideParamSyntax = true,
            description = {
                "DIR: the journal's directory. SPACE: GUEST, or GUEST:CONTEXT.",
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
        List<Touch> touches = touches(where, parsed(words.get(space), words.get(space + 1)));
        print(touches);
        return touches.stream().anyMatch(touch -> touch.operation() != null) ? ExitCode.DONE : ExitCode.REFUSED;
    }

    private static Touches parsed(String space, String bfn) {
        int colon = space.indexOf(':');
        String guest = colon < 0 ? space : space.substring(0, colon);
        String context = colon < 0 ? "0" : space.substring(colon + 1);
        try {
            return new Touches(
                    (int) Text.parseUnsigned("guest", guest, Integer.MAX_VALUE),
                    (int) Text.parseUnsigned("context", context, MAX_CONTEXT),
                    Text.parseUnsigned("bfn", bfn, -1L));
        } catch (IllegalArgumentException wrong) {
            throw CommandException.usage(String.valueOf(wrong.getMessage()));
        }
    }

    private static List<Touch> touches(Path where, Touches about) {
        List<Touch> all = new ArrayList<>();
        try (JournalReader reader = JournalReader.open(where)) {
            while (reader.next()) {
                all.addAll(about.of(
                        reader.sequence(), reader.timeMillis(), RecordDecoder.decode(reader.kind(), reader.payload())));
            }
        }
        return all;
    }

    private void print(List<Touch> touches) {
        switch (place.output()) {
            case table ->
                place.print(HEADER, touches.stream().map(WhyCommand::row).toList());
            case json -> {
                Map<String, Object> object = new LinkedHashMap<>();
                object.put("touches", touches);
                place.out().println(Json.write(object));
            }
            case jsonl -> touches.forEach(touch -> place.out().println(Json.write(touch)));
        }
        place.out().flush();
    }

    private static List<String> row(Touch touch) {
        return List.of(
                Long.toString(touch.sequence()),
                touch.time(),
                touch.operation() == null ? "-" : touch.operation().toString(),
                Objects.requireNonNullElse(touch.status(), "-"),
                Objects.requireNonNullElse(touch.by(), "-"),
                touch.what());
    }
}
