package org.pviommu.server.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code pvi guest}. */
@Command(name = "guest", mixinStandardHelpOptions = true, description = "Guests that are connected or waited for.")
final class GuestCommand {

    @Command(
            name = "list",
            mixinStandardHelpOptions = true,
            description = "Guests that are connected or waited for after a restart, and what they did.",
            footer = {"", "Example: pvi guest list --run-dir /tmp/pvi"})
    int list(@Mixin Connection connection) {
        connection.show(
                "/api/v1/guests",
                List.of(
                        "GUEST",
                        "STATE",
                        "ENDPOINTS",
                        "MEMORY-PAGES",
                        "MAPPED",
                        "HELD",
                        "CALLS",
                        "OPERATIONS",
                        "FAILURES"),
                GuestCommand::rows);
        return ExitCode.DONE;
    }

    @Command(
            name = "forget",
            mixinStandardHelpOptions = true,
            description = {
                "Stop waiting for a guest that was there before the service started: what it had is gone,",
                "its endpoints are free, and the journal need not keep its records any longer."
            },
            footer = {"", "Example: pvi guest forget 1 --run-dir /tmp/pvi"})
    int forget(
            @Mixin Connection connection, @Parameters(paramLabel = "GUEST", description = "Guest id.") String guest) {
        try (RestClient client = connection.open()) {
            client.delete("/api/v1/guests/" + Paths.encode(guest));
        }
        return ExitCode.DONE;
    }

    private static List<List<String>> rows(Map<String, ?> answer) {
        List<List<String>> rows = new ArrayList<>();
        for (Map<?, ?> guest : Table.objects(answer, "guests")) {
            Map<?, ?> counters = Table.object(guest, "counters");
            rows.add(List.of(
                    Table.cell(guest, "id"),
                    Table.cell(guest, "state"),
                    Table.cell(guest, "endpoints"),
                    Table.cell(counters, "registeredFrames"),
                    Table.cell(counters, "mappedFrames"),
                    Table.cell(counters, "heldFrames"),
                    Table.cell(counters, "calls"),
                    Table.cell(counters, "operations"),
                    Table.cell(counters, "failures")));
        }
        return rows;
    }
}
