package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Records whose content follows from a number, so that whoever reads one can tell whether it is right. */
final class Records {

    private static final Arena ARENA = Arena.ofAuto();

    private Records() {}

    /** What was read of one record. */
    record Read(long sequence, long timeMillis, int kind, MemorySegment payload, String segment) {}

    static byte[] payload(long number, int lengthBytes) {
        byte[] bytes = new byte[lengthBytes];
        new Random(number).nextBytes(bytes);
        return bytes;
    }

    static MemorySegment segment(byte[] bytes) {
        MemorySegment segment = ARENA.allocate(Math.max(1, bytes.length));
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return segment;
    }

    /** How long the payload of a test's record is. */
    static int lengthBytes(long number) {
        return (int) (number * 37 % 211);
    }

    static int kind(long number) {
        return (int) (number % 255) + 1;
    }

    /** Appends records with the numbers {@code [first, last]}, each with a reservation of its own. */
    static void append(JournalStore store, long first, long last) {
        for (long number = first; number <= last; number++) {
            appendOne(store, number, lengthBytes(number));
        }
    }

    /** As {@link #append(JournalStore, long, long)}, with all room reserved before: the journal may fail meanwhile. */
    static void appendAtOnce(JournalStore store, long first, long last) {
        long bytes = 0;
        for (long number = first; number <= last; number++) {
            bytes += lengthBytes(number);
        }
        assertTrue(store.reserve((int) (last - first + 1), bytes, true));
        for (long number = first; number <= last; number++) {
            int length = lengthBytes(number);
            assertEquals(number, store.append(kind(number), segment(payload(number, length)), length));
        }
    }

    static long appendOne(JournalStore store, long number, int lengthBytes) {
        Await.until(() -> store.reserve(1, lengthBytes, true), store::stats);
        return store.append(kind(number), segment(payload(number, lengthBytes)), lengthBytes);
    }

    static List<Read> readAll(Path directory) {
        List<Read> all = new ArrayList<>();
        try (JournalReader reader = JournalReader.open(directory)) {
            while (reader.next()) {
                all.add(read(reader));
            }
        }
        return all;
    }

    static Read read(JournalReader reader) {
        return new Read(
                reader.sequence(),
                reader.timeMillis(),
                reader.kind(),
                MemorySegment.ofArray(reader.payload().toArray(ValueLayout.JAVA_BYTE)),
                reader.segment());
    }

    /** That a journal holds exactly the records {@code [1, last]} of {@link #append(JournalStore, long, long)}. */
    static void assertHolds(Path directory, long last) {
        List<Read> all = readAll(directory);
        assertEquals(last, all.size());
        for (int i = 0; i < all.size(); i++) {
            assertIsRecord(i + 1, all.get(i));
        }
    }

    static void assertIsRecord(long number, Read read) {
        assertEquals(number, read.sequence());
        assertEquals(kind(number), read.kind(), "sequence=" + number);
        MemorySegment expected = MemorySegment.ofArray(payload(number, lengthBytes(number)));
        assertEquals(-1, expected.mismatch(read.payload()), "sequence=" + number);
    }
}
