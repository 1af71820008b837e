package org.pviommu.server.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code pvi version}. */
@Command(
        name = "version",
        mixinStandardHelpOptions = true,
        description = "Versions of the running service (pvi --version tells that of the command).",
        footer = {"", "Example: pvi version --run-dir /tmp/pvi"})
final class VersionCommand implements Callable<Integer> {
    @Mixin
    private Connection connection = new Connection();

    @Override
    public Integer call() {
        connection.show("/api/v1/version", List.of("WHAT", "VERSION"), Table::pairs);
        return ExitCode.DONE;
    }
}
