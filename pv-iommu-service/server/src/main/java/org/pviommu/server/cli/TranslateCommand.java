package org.pviommu.server.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pvi translate}. */
@Command(
        name = "translate",
        mixinStandardHelpOptions = true,
        description = "What one bus address (IOVA, in bytes) reaches.",
        footer = {"", "Example: pvi translate 1 0x1234567 --run-dir /tmp/pvi"})
final class TranslateCommand implements Callable<Integer> {
    @Mixin
    private Connection connection = new Connection();

    @Parameters(index = "0", paramLabel = "GUEST", description = "Guest id.")
    private String guest = "";

    @Parameters(index = "1", paramLabel = "IOVA", description = "Bus address in bytes, hex with 0x or decimal.")
    private String iova = "";

    @Option(names = "--context", defaultValue = "0", description = "Address space. Default: 0.")
    private String context = "0";

    @Override
    public Integer call() {
        connection.show(
                Paths.space(guest, context) + "/translate?iova=" + Paths.encode(iova),
                LookupCommand.HEADER,
                answer -> List.of(LookupCommand.FIELDS.stream()
                        .map(f -> Table.cell(answer, f))
                        .toList()));
        return ExitCode.DONE;
    }
}
