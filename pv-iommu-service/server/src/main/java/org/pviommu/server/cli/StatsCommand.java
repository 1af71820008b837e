package org.pviommu.server.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code pvi stats}. */
@Command(
        name = "stats",
        mixinStandardHelpOptions = true,
        description = "Counters of the service.",
        footer = {"", "Example: pvi stats --run-dir /tmp/pvi -o json"})
final class StatsCommand implements Callable<Integer> {
    @Mixin
    private Connection connection = new Connection();

    @Override
    public Integer call() {
        connection.show("/api/v1/stats", List.of("COUNTER", "VALUE"), Table::pairs);
        return ExitCode.DONE;
    }
}
