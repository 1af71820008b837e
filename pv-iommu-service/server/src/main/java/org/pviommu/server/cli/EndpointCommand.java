package org.pviommu.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code pvi endpoint}. */
@Command(name = "endpoint", mixinStandardHelpOptions = true, description = "Devices that can do DMA.")
final class EndpointCommand {

    @Command(
            name = "list",
            mixinStandardHelpOptions = true,
            description = "Endpoints of connected guests.",
            footer = {"", "Example: pvi endpoint list --run-dir /tmp/pvi"})
    int list(@Mixin Connection connection) {
        connection.show(
                "/api/v1/endpoints", List.of("ENDPOINT", "GUEST", "CONTEXT", "RESERVED"), EndpointCommand::rows);
        return ExitCode.DONE;
    }

    private static List<List<String>> rows(Map<String, ?> answer) {
        List<List<String>> rows = new ArrayList<>();
        for (Map<?, ?> endpoint : Table.objects(answer, "endpoints")) {
            List<String> reserved = new ArrayList<>();
            for (Map<?, ?> region : Table.objects(endpoint, "reserved")) {
                reserved.add(Table.cell(region, "firstBfn") + "-" + Table.cell(region, "lastBfn") + " "
                        + Table.cell(region, "kind"));
            }
            rows.add(List.of(
                    Table.cell(endpoint, "id"),
                    Table.cell(endpoint, "guest"),
                    Table.cell(endpoint, "context"),
                    reserved.isEmpty() ? "-" : String.join(", ", reserved)));
        }
        return rows;
    }
}
