package org.pviommu.server.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.virtio.iommu.Wire;

class TraceRunTest {
    private static final Path TRACES = Path.of("src/test/resources/traces");

    private final NaiveTarget target = new NaiveTarget();

    private TraceResult run(String lines) {
        return TraceRun.run(lines.lines().toList(), target);
    }

    /** The figures are those of the files, counted with grep. */
    @ParameterizedTest
    @CsvSource({
        "linux-6.12-virtio-blk-raw-lazy.txt, 12309, 6319",
        "linux-6.12-virtio-blk-raw-strict.txt, 777, 776",
        "linux-6.12-nvme-blk-e1000e-lazy.txt, 8118, 0",
        "linux-6.12-passthrough-bypass-attach.txt, 6, 5",
        "linux-6.12-passthrough-identity-maps.txt, 8, 7",
    })
    void shouldSendWhatWasRecordedInItsKicks(String file, long requests, int kicks) throws IOException {
        List<String> lines = Files.readAllLines(TRACES.resolve(file));
        long recorded =
                lines.stream().filter(line -> line.matches("[PADMU] .*")).count();
        long kicked = lines.stream().filter(line -> line.startsWith("K ")).count();

        TraceResult result = TraceRun.run(lines, target);

        assertEquals(recorded, result.requests());
        assertEquals(requests, result.requests());
        assertEquals(kicks, kicked);
        assertEquals(Map.of("OK", requests), result.statuses());
        assertTrue(target.batches() >= kicked, () -> "batches=" + target.batches());
        assertTrue(result.good(), result::toString);
    }

    @Test
    void shouldEncodeEveryRequest() {
        TraceResult result = run("""
                # all kinds
                P 30
                A 4294967295 30 0
                M 4294967295 0 fff fedcba9876543000 1
                M 4294967295 fffffffffffff000 ffffffffffffffff 1000 6
                K 4
                U 4294967295 0 fff
                D 7 30
                """);

        assertEquals(6, result.requests());
        assertEquals(1, result.liveMappings());
        assertEquals(List.of(new LiveMapping(-1, -4096, -1, 0x1000, 6)), List.copyOf(target.mappings));
        assertTrue(result.nsPerRequest() > 0);
    }

    @Test
    void shouldNoticeAMapThatWasNotMade() {
        target.forgottenMap = 2;

        TraceResult result = run("""
                A 1 30 0
                M 1 1000 1fff 5000 3
                M 1 2000 2fff 6000 3
                """);

        assertEquals("missing domain=1 iova=0x2000-0x2fff target=0x6000 flags=3", result.difference());
        assertFalse(result.good());
    }

    @Test
    void shouldNoticeWhatIsLeftBeforeASectionEnds() {
        target.statusOfUnmaps = Wire.OK;
        target.mappings.add(new LiveMapping(9, 0, 0xfff, 0, 1));

        TraceResult result = run("""
                A 1 30 0
                S next
                A 1 30 0
                """);

        assertEquals("too many domain=9 iova=0x0-0xfff target=0x0 flags=1", result.difference());
    }

    @Test
    void shouldCountStatuses() {
        target.statusOfUnmaps = Wire.RANGE;

        TraceResult result = run("""
                A 1 30 0
                M 1 1000 1fff 5000 3
                U 1 1000 1fff
                U 1 1001 1fff
                M 1 1001 1fff 5000 3
                A 1 30 2
                """);

        assertEquals(Map.of("OK", 2L, "RANGE", 3L, "INVAL", 1L), result.statuses());
        assertFalse(result.good());
    }

    @Test
    void shouldNotTakeNothingForSuccess() {
        assertFalse(run("# nothing\n\n").good());
        assertFalse(run("").good());
    }

    @ParameterizedTest
    @CsvSource({
        "X 1, record=X known: P A D M U K S #",
        "P, endpoint is missing",
        "P 1ffffffff, endpoint=0x1ffffffff max=0xffffffff",
        "P 30 30, fields=2 expected=1",
        "A 0x1 30 0, domain=0x1 is not a decimal number",
        "A 4294967296 30 0, domain=4294967296 max=0xffffffff",
        "M 1 0 0xfff 0 3, last=0xfff is not hex of up to 16 digits",
        "M 1 0 FFF 0 3, last=FFF is not hex of up to 16 digits",
        "U 1 0, last is missing",
        "U 1 0 11111111111111111, last=11111111111111111 is not hex of up to 16 digits",
        "K 2, K 2 after 1 requests max=127",
        "S, name is missing",
    })
    void shouldSayWhichLineItCannotRead(String line, String message) {
        TraceResult result = run("A 1 30 0\n" + line + "\nP 30\n");

        assertEquals("line 2: " + message, result.firstUnparsed());
        assertEquals(1, result.unparsedLines());
        assertFalse(result.good());
    }

    @Test
    void shouldFindTheEndpoints() {
        assertEquals(
                List.of(0, 0x28, 0x100),
                TraceRun.endpoints(List.of("P 28", "A 1 100 0", "nonsense", "P 0", "A 2 28 0")));
        assertThrows(IllegalArgumentException.class, () -> TraceParser.parse("nonsense"));
    }

    @Test
    void shouldServeMoreThanAQueueHolds() {
        StringBuilder lines = new StringBuilder("A 1 30 0\nK 1\n");
        for (int i = 0; i < 3 * TraceDriver.MAX_KICK + 5; i++) {
            lines.append("M 1 ").append(Integer.toHexString(i)).append("000 ");
            lines.append(Integer.toHexString(i)).append("fff 0 1\n");
        }

        TraceResult result = run(lines.toString());

        assertEquals(3 * TraceDriver.MAX_KICK + 6, result.requests());
        assertEquals(3 * TraceDriver.MAX_KICK + 5, result.liveMappings());
        assertTrue(result.good(), result::toString);
    }
}
