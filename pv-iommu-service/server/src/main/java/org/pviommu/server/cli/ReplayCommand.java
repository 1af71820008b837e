package org.pviommu.server.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.journal.StoredRecords;
import org.pviommu.journal.replay.Difference;
import org.pviommu.journal.replay.GuestDigest;
import org.pviommu.journal.replay.MappedRange;
import org.pviommu.journal.replay.MappedRun;
import org.pviommu.journal.replay.ReplayReport;
import org.pviommu.journal.replay.Replayer;
import org.pviommu.server.Json;
import org.pviommu.server.Text;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pvi replay}. */
@Command(
        name = "replay",
        mixinStandardHelpOptions = true,
        subcommands = WhyCommand.class,
        description = {
            "Run a journal again, on an engine of its own without hardware or guests, and compare each status and the",
            "digest of all mappings after each record. Exit code 1 at the first difference, which is told in full."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  pvi replay --run-dir /tmp/pvi",
            "  pvi replay DIR --until 5000 --dump        the mappings after record 5000",
            "  pvi replay DIR --model                    on a naive model instead of the engine",
            "  pvi replay why DIR 1 0x1234               everything that was done to a bus frame of guest 1"
        })
final class ReplayCommand implements Callable<Integer> {
    private static final List<String> MAPPINGS =
            List.of("GUEST", "CONTEXT", "FIRST-BFN", "LAST-BFN", "FIRST-MFN", "PAGES", "ACCESS");

    private static final List<String> DOMAIN_MAPPINGS =
            List.of("GUEST", "DOMAIN", "FIRST-IOVA", "LAST-IOVA", "TARGET", "ACCESS", "MMIO");

    @Mixin
    private JournalPlace place = new JournalPlace();

    @Parameters(paramLabel = "DIR", arity = "0..1", description = "The journal's directory.")
    private @Nullable Path directory;

    @Option(names = "--until", paramLabel = "INDEX", description = "Stop after this record. Default: the last one.")
    private long until = Long.MAX_VALUE;

    @Option(names = "--model", description = "On a naive model, which shares no code with the engine.")
    private boolean model;

    @Option(names = "--dump", description = "Print the mappings of all guests at that moment.")
    private boolean dump;

    @Override
    public Integer call() {
        if (until < 1) {
            throw CommandException.usage("--until=" + until + " min=1");
        }
        try (StoredRecords records = StoredRecords.open(place.directory(directory));
                Replayer replayer = model ? Replayer.onModel(records) : Replayer.onEngine(records)) {
            ReplayReport report = replayer.run(until);
            List<MappedRun> mappings = dump ? replayer.mappings() : null;
            List<MappedRange> domains = dump ? replayer.domainMappings() : List.of();
            if (place.output() == JournalPlace.Output.table) {
                tell(report, mappings, domains);
            } else {
                place.out().println(Json.write(object(report, mappings, domains)));
                place.out().flush();
            }
            return report.difference() == null ? ExitCode.DONE : ExitCode.REFUSED;
        }
    }

    private void tell(ReplayReport report, @Nullable List<MappedRun> mappings, List<MappedRange> domains) {
        place.out()
                .println("records=" + report.records() + " operations=" + report.operations() + " last record="
                        + report.lastSequence()
                        + (report.openCalls() == 0 ? "" : " calls under way=" + report.openCalls()));
        place.print(
                List.of("GUEST", "MAPPED-PAGES", "DIGEST"),
                report.guests().stream()
                        .map(guest -> List.of(
                                Integer.toString(guest.guestId()),
                                Long.toString(guest.mappedPages()),
                                Text.hex(guest.digest())))
                        .toList());
        if (mappings != null) {
            place.out().println();
            place.print(MAPPINGS, mappings.stream().map(ReplayCommand::row).toList());
        }
        if (!domains.isEmpty()) {
            place.out().println();
            place.print(
                    DOMAIN_MAPPINGS, domains.stream().map(ReplayCommand::row).toList());
        }
        Difference difference = report.difference();
        place.out().println();
        place.out().println(difference == null ? "replay: as recorded" : difference.describe());
        if (difference != null) {
            place.out().println("replay: DIFFERENT");
        }
        place.out().flush();
    }

    private static List<String> row(MappedRun run) {
        return mapping(run).values().stream().map(String::valueOf).toList();
    }

    private static List<String> row(MappedRange range) {
        return mapping(range).values().stream().map(String::valueOf).toList();
    }

    private static Map<String, Object> mapping(MappedRange range) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("guest", range.guestId());
        object.put("domain", Integer.toUnsignedLong(range.domain()));
        object.put("firstIova", Text.hex(range.first()));
        object.put("lastIova", Text.hex(range.last()));
        object.put("target", Text.hex(range.target()));
        object.put("access", Access.name(range.access()));
        object.put("mmio", range.mmio());
        return object;
    }

    private static Map<String, Object> mapping(MappedRun run) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("guest", run.guestId());
        object.put("context", run.context());
        object.put("firstBfn", Text.hex(run.bfn()));
        object.put("lastBfn", Text.hex(run.bfn() + run.pages() - 1));
        object.put("firstMfn", Text.hex(run.mfn()));
        object.put("pages", run.pages());
        object.put("access", Access.name(run.access()));
        return object;
    }

    private static Map<String, @Nullable Object> object(
            ReplayReport report, @Nullable List<MappedRun> mappings, List<MappedRange> domains) {
        Map<String, @Nullable Object> object = new LinkedHashMap<>();
        object.put("result", report.difference() == null ? "as recorded" : "different");
        object.put("records", report.records());
        object.put("operations", report.operations());
        object.put("lastSequence", report.lastSequence());
        object.put("callsUnderWay", report.openCalls());
        object.put("guests", report.guests().stream().map(ReplayCommand::digest).toList());
        object.put("difference", report.difference());
        if (mappings != null) {
            object.put("mappings", mappings.stream().map(ReplayCommand::mapping).toList());
            object.put(
                    "domainMappings",
                    domains.stream().map(ReplayCommand::mapping).toList());
        }
        return object;
    }

    private static Map<String, Object> digest(GuestDigest guest) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("guest", guest.guestId());
        object.put("mappedPages", guest.mappedPages());
        object.put("digest", Text.hex(guest.digest()));
        return object;
    }
}
