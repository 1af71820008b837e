package org.pviommu.server.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.server.Json;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code pvi dma}. */
@Command(
        name = "dma",
        mixinStandardHelpOptions = true,
        description = "Let a simulated device read or write memory. Exit code 1 when the host IOMMU refused a page.")
final class DmaCommand {
    private static final List<String> HEADER = List.of("ENDPOINT", "IOVA", "ASKED", "MOVED", "FAULTS", "DATA");

    @Command(
            name = "read",
            mixinStandardHelpOptions = true,
            description = "The device reads memory.",
            footer = {"", "Example: pvi dma read 0001:00:01.0 0x1000 16 --run-dir /tmp/pvi"})
    int read(
            @Mixin Connection connection,
            @Parameters(paramLabel = "ENDPOINT", description = "Like 0001:00:01.0.") String endpoint,
            @Parameters(paramLabel = "IOVA", description = "Bus address in bytes.") String iova,
            @Parameters(paramLabel = "LENGTH", description = "Bytes, up to 65536.") int length) {
        return dma(connection, endpoint, body("read", iova, "length", length));
    }

    @Command(
            name = "write",
            mixinStandardHelpOptions = true,
            description = "The device writes memory.",
            footer = {"", "Example: pvi dma write 0001:00:01.0 0x1000 c0ffee --run-dir /tmp/pvi"})
    int write(
            @Mixin Connection connection,
            @Parameters(paramLabel = "ENDPOINT", description = "Like 0001:00:01.0.") String endpoint,
            @Parameters(paramLabel = "IOVA", description = "Bus address in bytes.") String iova,
            @Parameters(paramLabel = "HEX", description = "Bytes in hex, up to 28672 of them.") String data) {
        return dma(connection, endpoint, body("write", iova, "data", data));
    }

    private static Map<String, Object> body(String op, String iova, String name, Object value) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("op", op);
        body.put("iova", iova);
        body.put(name, value);
        return body;
    }

    private static int dma(Connection connection, String endpoint, Map<String, Object> body) {
        try (RestClient client = connection.open()) {
            String answer = client.post("/api/v1/endpoints/" + Paths.encode(endpoint) + "/dma", body);
            connection.print(answer, HEADER, DmaCommand::row);
            return Table.objects(Json.object(answer), "faults").isEmpty() ? ExitCode.DONE : ExitCode.REFUSED;
        }
    }

    private static List<List<String>> row(Map<String, @Nullable Object> answer) {
        List<String> faults = Table.objects(answer, "faults").stream()
                .map(fault -> Table.cell(fault, "access") + "@" + Table.cell(fault, "iova"))
                .toList();
        return List.of(List.of(
                Table.cell(answer, "endpoint"),
                Table.cell(answer, "iova"),
                Table.cell(answer, "lengthBytes"),
                Table.cell(answer, "movedBytes"),
                faults.isEmpty() ? "-" : String.join(",", faults),
                Table.cell(answer, "data")));
    }
}
