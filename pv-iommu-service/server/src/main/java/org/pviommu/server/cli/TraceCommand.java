package org.pviommu.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import org.pviommu.server.Text;
import org.pviommu.server.trace.EngineTrace;
import org.pviommu.server.trace.TraceResult;
import org.pviommu.server.trace.TraceRun;
import org.pviommu.server.trace.TraceTarget;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code pvi trace}. */
@Command(
        name = "trace",
        mixinStandardHelpOptions = true,
        description = "Recorded request streams of virtio-iommu drivers.")
final class TraceCommand {
    private static final List<String> HEADER =
            List.of("FILE", "REQUESTS", "STATUSES", "NS/REQUEST", "LIVE-MAPPINGS", "DIGEST");

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    private record FileResult(Path file, TraceResult result) {}

    /** How to print. */
    enum Output {
        table,
        json
    }

    @Command(
            name = "run",
            mixinStandardHelpOptions = true,
            description = {
                "Feed the requests of each file through the virtio-iommu device, on an engine of its own without hardware",
                "or guest, and compare what is mapped then with a naive model. Exit code 0 only when there were requests,",
                "each line could be read, each request was answered OK, and what is mapped is what should be. No service",
                "is needed."
            },
            footerHeading = "%nA line of a file; numbers are hex, domains and the count of K decimal:%n",
            footer = {
                "  P endpoint | A domain endpoint flags | D domain endpoint          PROBE, ATTACH, DETACH",
                "  M domain first last target flags | U domain first last           MAP, UNMAP; last is inclusive",
                "  K n          the last n requests came with one kick",
                "  S name       another machine begins           # comment",
                "",
                "Example: pvi trace run linux-6.12-virtio-blk-raw-lazy.txt"
            })
    int run(
            @Parameters(paramLabel = "FILE", arity = "1..*", description = "Traces.") List<Path> files,
            @Option(
                            names = {"-o", "--output"},
                            paramLabel = "FORMAT",
                            defaultValue = "table",
                            description = "${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
                    Output output) {
        List<FileResult> results = new ArrayList<>();
        for (Path file : files) {
            results.add(new FileResult(file, run(file)));
        }
        if (output == Output.json) {
            out().println(Json.write(
                    Map.of("traces", results.stream().map(TraceCommand::object).toList())));
        } else {
            tell(results);
        }
        out().flush();
        return results.stream().allMatch(each -> each.result().good()) ? ExitCode.DONE : ExitCode.REFUSED;
    }

    private static TraceResult run(Path file) {
        List<String> lines;
        try {
            lines = Files.readAllLines(file);
        } catch (IOException unreadable) {
            throw CommandException.usage("cannot read " + file + ": " + unreadable);
        }
        try (TraceTarget target = EngineTrace.open(TraceRun.endpoints(lines))) {
            return TraceRun.run(lines, target);
        }
    }

    private void tell(List<FileResult> results) {
        out().print(Table.format(HEADER, results.stream().map(TraceCommand::row).toList()));
        for (FileResult each : results) {
            if (!each.result().good()) {
                out().println(each.file() + ": " + complaint(each.result()));
            }
        }
    }

    private static List<String> row(FileResult of) {
        TraceResult result = of.result();
        return List.of(
                String.valueOf(of.file().getFileName()),
                Long.toString(result.requests()),
                statuses(result),
                Long.toString(result.nsPerRequest()),
                Long.toString(result.liveMappings()),
                Text.hex(result.digest()));
    }

    private static String statuses(TraceResult result) {
        return result.statuses().isEmpty()
                ? "-"
                : result.statuses().entrySet().stream()
                        .map(each -> each.getKey() + "=" + each.getValue())
                        .collect(Collectors.joining(","));
    }

    private static String complaint(TraceResult result) {
        if (result.unparsedLines() > 0) {
            return "unreadable lines=" + result.unparsedLines() + ", the first: " + result.firstUnparsed();
        }
        if (result.requests() == 0) {
            return "there are no requests in it";
        }
        return result.difference().isEmpty()
                ? "not every request was answered OK"
                : "what is mapped differs from the model: " + result.difference();
    }

    private static Map<String, @Nullable Object> object(FileResult of) {
        TraceResult result = of.result();
        Map<String, @Nullable Object> object = new LinkedHashMap<>();
        object.put("file", of.file().toString());
        object.put("good", result.good());
        object.put("requests", result.requests());
        object.put("statuses", result.statuses());
        object.put("nsPerRequest", result.nsPerRequest());
        object.put("liveMappings", result.liveMappings());
        object.put("digest", Text.hex(result.digest()));
        object.put("complaint", result.good() ? null : complaint(result));
        return object;
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }
}
