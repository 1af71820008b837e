package org.pviommu.server.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pvi lookup}. */
@Command(
        name = "lookup",
        mixinStandardHelpOptions = true,
        description = "What one bus frame is mapped to.",
        footer = {"", "Example: pvi lookup 1 0x1234 --run-dir /tmp/pvi"})
final class LookupCommand implements Callable<Integer> {
    static final List<String> FIELDS = List.of("iova", "bfn", "mfn", "address", "access");
    static final List<String> HEADER = List.of("IOVA", "BFN", "MFN", "ADDRESS", "ACCESS");

    @Mixin
    private Connection connection = new Connection();

    @Parameters(index = "0", paramLabel = "GUEST", description = "Guest id.")
    private String guest = "";

    @Parameters(index = "1", paramLabel = "BFN", description = "Bus frame number, hex with 0x or decimal.")
    private String bfn = "";

    @Option(names = "--context", defaultValue = "0", description = "Address space. Default: 0.")
    private String context = "0";

    @Override
    public Integer call() {
        connection.show(
                Paths.space(guest, context) + "/translate?bfn=" + Paths.encode(bfn),
                HEADER,
                answer ->
                        List.of(FIELDS.stream().map(f -> Table.cell(answer, f)).toList()));
        return ExitCode.DONE;
    }
}
