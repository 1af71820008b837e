package org.pviommu.server.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TopologyCliTest {
    private record Result(int code, String out, String err) {}

    private static Result run(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = PviCommand.run(new PrintWriter(out), new PrintWriter(err), args);
        return new Result(code, out.toString(), err.toString());
    }

    @Test
    void shouldWriteWhatItPrints(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("viot.aml");

        Result written = run("topology", "viot", "--iommu", "0x20", "--to", file.toString(), "0x30-0x47");
        Result printed = run("topology", "viot", "--iommu", "0x20", "0x30-0x47");

        assertEquals(new Result(ExitCode.DONE, "", ""), written);
        assertEquals(ExitCode.DONE, printed.code());
        StringBuilder digits = new StringBuilder();
        printed.out().lines().forEach(line -> digits.append(line.substring(6).replace(" ", "")));
        assertArrayEquals(Files.readAllBytes(file), HexFormat.of().parseHex(digits));
    }

    @Test
    void shouldPrintDeviceTree() {
        Result printed = run("topology", "dt", "--iommu", "0x20", "--bridge", "pcie7", "0x30");

        assertEquals(ExitCode.DONE, printed.code());
        assertTrue(printed.out().startsWith("&pcie7 {"), printed.out());
        assertTrue(printed.out().contains("iommu-map = <0x30 &virtio_iommu 0x30 0x1>;"), printed.out());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "topology viot 0x30", // no IOMMU
                "topology viot --iommu 0x20", // nothing behind it
                "topology viot --iommu 0x20 0x0-0xff",
                "topology dt --iommu 0x20 --bridge &pcie 0x30",
                "topology dt --iommu 0x20 0x10030",
                "topology"
            })
    void shouldRefuse(String line) {
        Result refused = run(line.split(" "));

        assertEquals(ExitCode.USAGE, refused.code());
        assertEquals("", refused.out());
    }

    @Test
    void shouldSayWhereItCannotWrite(@TempDir Path directory) {
        Result refused = run("topology", "viot", "--iommu", "0x20", "--to", directory.toString(), "0x30");

        assertEquals(ExitCode.REFUSED, refused.code());
        assertTrue(refused.err().startsWith("pvi: cannot write " + directory), refused.err());
    }
}
