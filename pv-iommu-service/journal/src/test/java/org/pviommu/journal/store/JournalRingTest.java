package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.RingBufferDescriptor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The ring by itself: room, order, and what is left of it when its process dies. */
class JournalRingTest {

    private static final int RING_BYTES = 1 << 14;
    private static final JournalId ID = JournalId.random();

    @TempDir
    Path directory;

    private Path path;
    private RingFile file;
    private JournalRing ring;

    /** Keeps what it is given; refuses when told to. */
    private static final class Taken implements RecordSink {
        private final List<Long> sequences = new ArrayList<>();
        private final List<Integer> kinds = new ArrayList<>();
        private boolean refuses;

        @Override
        public boolean take(long sequence, long timeMillis, int kind, MemorySegment memory, long offset, int length) {
            if (refuses) {
                return false;
            }
            if (kind != JournalStore.KIND_ABANDONED) {
                MemorySegment expected = MemorySegment.ofArray(Records.payload(sequence, length));
                assertEquals(-1, expected.mismatch(memory.asSlice(offset, length)), "sequence=" + sequence);
            }
            sequences.add(sequence);
            kinds.add(kind);
            return true;
        }
    }

    @BeforeEach
    void makeRing() throws Exception {
        path = RingFile.path(directory, ID);
        file = RingFile.create(path, ID, RING_BYTES, 0);
        ring = new JournalRing(file, 0, () -> 1234);
    }

    private long append(int payloadBytes) {
        long number = ring.lastSequence() + 1;
        assertTrue(ring.reserve(JournalRing.costBytes(1, payloadBytes), ring.usableBytes()), "number=" + number);
        return ring.append(1, Records.segment(Records.payload(number, payloadBytes)), payloadBytes);
    }

    /** The ring as the next process finds it: from its file. */
    private RingDrain reopened(long lastSequence, RecordSink sink) throws Exception {
        RingFile left = RingFile.open(path, ID);
        assertNotNull(left);
        return new RingDrain(new JournalRing(left, lastSequence, () -> 0), lastSequence, sink);
    }

    @Test
    void shouldGiveRecordsInOrderOverManyLaps() {
        Taken taken = new Taken();
        RingDrain drain = new RingDrain(ring, 0, taken);
        Random random = new Random(1);
        for (int i = 1; i <= 2000; i++) {
            append(random.nextInt(300));
            if (i % 7 == 0) {
                drain.drain(Integer.MAX_VALUE);
            }
        }
        while (drain.drain(Integer.MAX_VALUE) > 0) {
            // The ring's end ends a drain.
        }

        assertEquals(2000, taken.sequences.size());
        for (int i = 0; i < 2000; i++) {
            assertEquals(i + 1, taken.sequences.get(i));
        }
        assertTrue(ring.isEmpty());
    }

    @Test
    void shouldNeverFailAnAppendThatHasRoomReserved() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Taken taken = new Taken();
        RingDrain drain = new RingDrain(ring, 0, taken);
        int max = JournalRing.maxPayloadBytes(RING_BYTES);
        for (int i = 0; i < 20_000; i++) {
            int length = random.nextInt(4) == 0 ? max - random.nextInt(100) : random.nextInt(100);
            long number = ring.lastSequence() + 1;
            if (ring.reserve(JournalRing.costBytes(1, length), ring.usableBytes())) {
                long sequence = ring.append(1, Records.segment(Records.payload(number, length)), length);
                assertEquals(number, sequence, "seed=" + seed);
            } else {
                drain.drain(1 + random.nextInt(8));
            }
        }
        assertTrue(taken.sequences.size() > 1000, "seed=" + seed);
    }

    @Test
    void shouldCountRoomExactly() {
        long cost = JournalRing.costBytes(1, 100);
        int times = (int) (ring.usableBytes() / cost);
        for (int i = 0; i < times; i++) {
            assertTrue(ring.reserve(cost, ring.usableBytes()));
        }
        assertFalse(ring.reserve(cost, ring.usableBytes()));
        assertEquals(times * cost, ring.occupiedBytes());

        ring.unreserve(cost);
        assertTrue(ring.reserve(cost, ring.usableBytes()));
        assertThrows(IllegalStateException.class, () -> ring.unreserve(times * cost + 1));
    }

    @Test
    void shouldRefuseAnAppendWithoutRoom() {
        assertTrue(ring.reserve(JournalRing.costBytes(1, 10), ring.usableBytes()));

        IllegalStateException e =
                assertThrows(IllegalStateException.class, () -> ring.append(1, Records.segment(new byte[11]), 11));

        assertTrue(e.toString().contains("neededBytes=" + JournalRing.costBytes(1, 11)), e.getMessage());
        assertEquals(0, ring.lastSequence(), "no number was used up");
    }

    @Test
    void shouldKeepWhatTheSinkRefuses() {
        Taken taken = new Taken();
        RingDrain drain = new RingDrain(ring, 0, taken);
        append(10);
        append(20);
        taken.refuses = true;
        assertEquals(0, drain.drain(Integer.MAX_VALUE));

        taken.refuses = false;
        assertEquals(2, drain.drain(Integer.MAX_VALUE));
        assertEquals(List.of(1L, 2L), taken.sequences);
    }

    @Test
    void shouldKeepWhatTheSinkFailsAt() {
        append(10);
        RingDrain drain = new RingDrain(ring, 0, (sequence, time, kind, memory, offset, length) -> {
            throw new InternalError("page is gone");
        });
        assertThrows(InternalError.class, () -> drain.drain(Integer.MAX_VALUE));

        Taken taken = new Taken();
        new RingDrain(ring, 0, taken).drain(Integer.MAX_VALUE);
        assertEquals(List.of(1L), taken.sequences);
    }

    @Test
    void shouldGiveTheNumberOfAFailedAppendToAnAbandonedRecord() {
        append(10);
        MemorySegment gone;
        try (Arena arena = Arena.ofConfined()) {
            gone = arena.allocate(100);
        }
        assertTrue(ring.reserve(JournalRing.costBytes(1, 100), ring.usableBytes()));
        assertThrows(IllegalStateException.class, () -> ring.append(1, gone, 100));
        append(30);

        Taken taken = new Taken();
        RingDrain drain = new RingDrain(ring, 0, taken);
        drain.drain(Integer.MAX_VALUE);

        assertEquals(List.of(1L, 2L, 3L), taken.sequences);
        assertEquals(List.of(1, JournalStore.KIND_ABANDONED, 1), taken.kinds);
        assertEquals(1, drain.abandoned());
    }

    @Test
    void shouldTakeWhatADeadProcessLeft() throws Exception {
        for (int i = 0; i < 50; i++) {
            append(i);
        }
        Taken taken = new Taken();

        assertTrue(reopened(0, taken).drainLeftOver());

        assertEquals(50, taken.sequences.size());
    }

    @Test
    void E02_claimOfADeadThreadHidesNothingBehindIt() throws Exception {
        append(10);
        int claimed = ring.agrona().tryClaim(RingRecord.TYPE, RingRecord.PAYLOAD_OFFSET + 40);
        assertTrue(claimed > 0);
        // What a killed thread may have written of its record: something, but no commit.
        UnsafeBuffer buffer = new UnsafeBuffer(file.view());
        buffer.setMemory(claimed, RingRecord.PAYLOAD_OFFSET + 20, (byte) 0x40);
        RingFile same = file;
        JournalRing others = new JournalRing(same, 2, () -> 5);
        assertTrue(others.reserve(JournalRing.costBytes(1, 30), others.usableBytes()));
        others.append(9, Records.segment(Records.payload(3, 30)), 30);

        Taken taken = new Taken();
        RingDrain drain = reopened(0, taken);
        assertTrue(drain.drainLeftOver());

        assertEquals(List.of(1L, 2L, 3L), taken.sequences);
        assertEquals(List.of(1, JournalStore.KIND_ABANDONED, 9), taken.kinds);
    }

    @Test
    void E02_claimWithoutALengthIsTheEnd() throws Exception {
        append(10);
        int ringTail = RING_BYTES + RingBufferDescriptor.TAIL_POSITION_OFFSET;
        UnsafeBuffer buffer = new UnsafeBuffer(file.view());
        buffer.putLong(ringTail, buffer.getLong(ringTail) + 64);

        Taken taken = new Taken();
        assertTrue(reopened(0, taken).drainLeftOver());

        assertEquals(List.of(1L), taken.sequences);
    }

    @Test
    void E02_deathWhileTheHeadMovesLosesNothing() throws Exception {
        for (int i = 0; i < 4; i++) {
            append(100);
        }
        UnsafeBuffer buffer = new UnsafeBuffer(file.view());
        long recordBytes = (buffer.getInt(0) + 7L) & -8L;
        // Two records are in the queue, and the zeroing stopped in the middle of the first one.
        file.consumed(2, 2 * recordBytes);
        buffer.setMemory(0, 50, (byte) 0);

        Taken taken = new Taken();
        assertTrue(reopened(2, taken).drainLeftOver());

        assertEquals(List.of(3L, 4L), taken.sequences);
    }

    @Test
    void shouldSkipWhatTheQueueHasAlready() throws Exception {
        for (int i = 0; i < 5; i++) {
            append(10);
        }
        Taken taken = new Taken();

        RingDrain drain = reopened(3, taken);
        assertTrue(drain.drainLeftOver());

        assertEquals(List.of(4L, 5L), taken.sequences);
        assertEquals(5, drain.lastSequence());
    }

    @Test
    void shouldNoticeEveryBitThatIsFlippedInARecord() throws Exception {
        append(24);
        append(24);
        byte[] good = Files.readAllBytes(path);
        int headerBytes = 4096;
        int recordBytes = RingRecord.AGRONA_HEADER_BYTES + RingRecord.PAYLOAD_OFFSET + 24;
        int detected = 0;
        for (int bit = 0; bit < recordBytes * 8; bit++) {
            flip(headerBytes * 8L + bit);
            Taken taken = new Taken();
            try {
                reopened(0, taken).drainLeftOver();
                // An unfinished claim is no damage; but then the record is given as abandoned, not as another one.
                assertTrue(
                        taken.kinds.isEmpty() || taken.kinds.getFirst() == JournalStore.KIND_ABANDONED, "bit=" + bit);
            } catch (JournalDamagedException e) {
                detected++;
            }
            Files.write(path, good);
        }
        assertTrue(detected > recordBytes * 8 - 64, "detected=" + detected);
    }

    private void flip(long bit) throws Exception {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            channel.read(one, bit / 8);
            one.put(0, (byte) (one.get(0) ^ 1 << (bit % 8))).rewind();
            channel.write(one, bit / 8);
        }
    }

    @Test
    void shouldRefuseARingOfAnotherJournal() {
        JournalDamagedException e =
                assertThrows(JournalDamagedException.class, () -> RingFile.open(path, JournalId.random()));

        assertTrue(e.toString().contains(path.toString()), e.getMessage());
    }

    @Test
    void shouldRefuseARingThatWasCutOff() throws Exception {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            channel.truncate(channel.size() - 1);
        }
        assertThrows(JournalDamagedException.class, () -> RingFile.open(path, ID));
    }

    @Test
    void shouldKeepTheFileToItsOwner() throws Exception {
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
        assertTrue(Files.size(path) > RING_BYTES);
        long allocatedBytes = ((Number) Files.getAttribute(path, "unix:size")).longValue();
        assertEquals(Files.size(path), allocatedBytes);
    }

    @Test
    void shouldKeepOrderWithManyThreads() throws Exception {
        int threads = 4;
        int each = 20_000;
        long[] lastOfThread = new long[threads];
        List<Thread> all = new ArrayList<>();
        List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
        long[] count = {0};
        RingDrain drain = new RingDrain(ring, 0, (sequence, time, kind, memory, offset, length) -> {
            assertEquals(++count[0], sequence);
            int thread = memory.get(ValueLayout.JAVA_INT_UNALIGNED, offset);
            long number = memory.get(ValueLayout.JAVA_LONG_UNALIGNED, offset + 4);
            assertEquals(++lastOfThread[thread], number, "thread=" + thread);
            return true;
        });
        for (int t = 0; t < threads; t++) {
            int thread = t;
            all.add(Thread.ofPlatform().start(() -> {
                try {
                    appendNumbered(thread, each);
                } catch (Throwable e) {
                    failures.add(e);
                }
            }));
        }
        Await.until(
                () -> {
                    drain.drain(100);
                    return count[0] == (long) threads * each || !failures.isEmpty();
                },
                () -> count[0]);
        for (Thread thread : all) {
            Await.end(thread);
        }

        assertEquals(List.of(), failures);
        assertEquals((long) threads * each, ring.lastSequence());
    }

    private void appendNumbered(int thread, int each) {
        MemorySegment payload = Records.segment(new byte[64]);
        payload.set(ValueLayout.JAVA_INT_UNALIGNED, 0, thread);
        long last = 0;
        for (long number = 1; number <= each; number++) {
            payload.set(ValueLayout.JAVA_LONG_UNALIGNED, 4, number);
            Await.until(() -> ring.reserve(JournalRing.costBytes(1, 64), ring.usableBytes()), ring::occupiedBytes);
            long sequence = ring.append(1, payload, 64);
            assertTrue(sequence > last, "an append that came later has the larger number");
            last = sequence;
        }
    }
}
