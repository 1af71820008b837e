package org.pviommu.server.cli;

import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pvi space}. */
@Command(name = "space", mixinStandardHelpOptions = true, description = "Address spaces and what they map.")
final class SpaceCommand {

    @Command(
            name = "list",
            mixinStandardHelpOptions = true,
            description = "All address spaces.",
            footer = {"", "Example: pvi space list --run-dir /tmp/pvi"})
    int list(@Mixin Connection connection) {
        connection.show(
                "/api/v1/address-spaces",
                List.of("GUEST", "CONTEXT", "MAPPED", "OWED", "LAST-BFN", "ENDPOINTS"),
                answer -> Table.rows(
                        answer,
                        "addressSpaces",
                        List.of("guest", "context", "mappedPages", "owedPages", "lastBfn", "endpoints")));
        return ExitCode.DONE;
    }

    @Command(
            name = "dump",
            mixinStandardHelpOptions = true,
            description = "Mappings of an address space as runs, in ascending order.",
            footer = {
                "",
                "Examples: pvi space dump 1 --run-dir /tmp/pvi",
                "          pvi space dump 1 --from 0x40000 --limit 10 -o json"
            })
    int dump(
            @Mixin Connection connection,
            @Parameters(paramLabel = "GUEST", description = "Guest id.") String guest,
            @Option(names = "--context", defaultValue = "0", description = "Address space. Default: 0.") String context,
            @Option(names = "--from", defaultValue = "0x0", description = "First bus frame of interest.") String from,
            @Option(names = "--limit", defaultValue = "256", description = "Most runs, up to 4096. Default: 256.")
                    String limit) {
        connection.show(
                Paths.space(guest, context) + "/mappings?from=" + Paths.encode(from) + "&limit=" + Paths.encode(limit),
                List.of("FIRST-BFN", "LAST-BFN", "FIRST-MFN", "PAGES", "ACCESS"),
                answer ->
                        Table.rows(answer, "mappings", List.of("firstBfn", "lastBfn", "firstMfn", "pages", "access")));
        return ExitCode.DONE;
    }
}
