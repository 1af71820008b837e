package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AnonymousMemoryTest {

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final long HUGE_PAGE_BYTES = 2 << 20;

    @Test
    void shouldBeZeroAndPageAligned() {
        try (AnonymousMemory memory = AnonymousMemory.reserve(1 << 20, false)) {
            assertEquals(0, memory.segment().address() % 4096);
            assertEquals(1 << 20, memory.segment().byteSize());
            for (long at = 0; at < 1 << 20; at += 8) {
                assertEquals(0, memory.segment().get(LONG, at));
            }
        }
    }

    @Test
    void shouldReserveMoreThanTheMachineHas() {
        long sizeBytes = 1L << 42;
        try (AnonymousMemory memory = AnonymousMemory.reserve(sizeBytes, false)) {
            memory.segment().set(LONG, sizeBytes - 8, 42);

            assertEquals(42, memory.segment().get(LONG, sizeBytes - 8));
        }
    }

    @Test
    void shouldReadAsZeroAgainWhereDiscarded() {
        try (AnonymousMemory memory = AnonymousMemory.reserve(3 * 4096, false)) {
            for (long at = 0; at < 3 * 4096; at += 8) {
                memory.segment().set(LONG, at, -1);
            }

            memory.discard(4096, 4096);

            assertEquals(-1, memory.segment().get(LONG, 4088));
            assertEquals(0, memory.segment().get(LONG, 4096));
            assertEquals(0, memory.segment().get(LONG, 8184));
            assertEquals(-1, memory.segment().get(LONG, 8192));
            memory.discard(0, 0);
            memory.discard(3 * 4096, 0);
            assertEquals(-1, memory.segment().get(LONG, 0));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "-4096, 4096",
        "0, -4096",
        "1, 4096",
        "0, 4095",
        "0, 12288",
        "4096, 8192",
        "12288, 4096",
        "4096, 9223372036854771712",
        "9223372036854771712, 9223372036854771712"
    })
    void shouldRefuseToDiscardWhatIsNotWithin(long offsetBytes, long lengthBytes) {
        try (AnonymousMemory memory = AnonymousMemory.reserve(2 * 4096, false)) {
            memory.segment().set(LONG, 0, 1);
            memory.segment().set(LONG, 4096, 2);

            var thrown = assertThrows(IllegalArgumentException.class, () -> memory.discard(offsetBytes, lengthBytes));

            assertTrue(thrown.toString().contains("offsetBytes=" + offsetBytes + " lengthBytes=" + lengthBytes));
            assertEquals(1, memory.segment().get(LONG, 0));
            assertEquals(2, memory.segment().get(LONG, 4096));
        }
    }

    @Test
    void shouldTellWhetherKernelKnowsHugePages() throws Exception {
        boolean known = Files.exists(Path.of("/sys/kernel/mm/transparent_hugepage/enabled"));
        try (AnonymousMemory asked = AnonymousMemory.reserve(4 * HUGE_PAGE_BYTES, true);
                AnonymousMemory notAsked = AnonymousMemory.reserve(4096, false)) {
            asked.segment().set(LONG, 0, 1);

            assertEquals(known, asked.hugePages());
            assertEquals(known, adviceOf(asked).contains(" hg"), "VmFlags of the mapping");
            assertFalse(notAsked.hugePages());
        }
    }

    @Test
    void shouldUnmapOnce() {
        AnonymousMemory memory = AnonymousMemory.reserve(4096, false);

        memory.close();
        memory.close();

        assertThrows(IllegalStateException.class, () -> memory.segment().get(LONG, 0));
        assertThrows(IllegalStateException.class, () -> memory.discard(0, 4096));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE})
    void shouldRefuseSizeThatIsNotPositive(long sizeBytes) {
        var thrown = assertThrows(IllegalArgumentException.class, () -> AnonymousMemory.reserve(sizeBytes, false));

        assertEquals("sizeBytes=" + sizeBytes + " min=1", thrown.getMessage());
    }

    @Test
    void shouldReportThatAddressSpaceIsUsedUp() {
        NativeException thrown = assertThrows(NativeException.class, () -> AnonymousMemory.reserve(1L << 60, false));

        assertEquals(
                "mmap lengthBytes=1152921504606846976: Cannot allocate memory (errno=12 ENOMEM)", thrown.getMessage());
    }

    /** The kernel may merge the mapping with a neighbour, so the range that contains the address counts. */
    private static String adviceOf(AnonymousMemory memory) throws Exception {
        long address = memory.segment().address();
        boolean inside = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                String[] range = line.substring(0, line.indexOf(' ')).split("-", 2);
                inside = Long.parseUnsignedLong(range[0], 16) <= address
                        && address < Long.parseUnsignedLong(range[1], 16);
            } else if (inside && line.startsWith("VmFlags:")) {
                return line;
            }
        }
        throw new AssertionError("not mapped: " + memory.segment());
    }
}
