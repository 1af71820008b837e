package org.pviommu.journal.store;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.function.LongSupplier;
import java.util.zip.CRC32C;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.ManyToOneRingBuffer;

/**
 * The appending side of the ring: room, sequence numbers, records.
 *
 * <p>One small lock covers the claim of ring space together with the sequence number, so the ring's order is the order of the
 * sequence; the record is filled and checksummed outside the lock. Room is counted under the same lock: what is in the ring,
 * plus what is promised, never exceeds what can be claimed, so an append with a reservation cannot fail.
 *
 * <p>Threads: any. Nothing here allocates, once a thread has appended for the first time, and nothing waits for anything but
 * the lock.
 */
final class JournalRing {

    private final RingFile file;
    private final ManyToOneRingBuffer ring;
    private final UnsafeBuffer buffer;
    private final MemorySegment memory;
    private final LongSupplier clockMillis;
    private final ThreadLocal<Checksum> checksums;
    private final int usableBytes;

    private final Object lock = new Object();
    private long reservedBytes;
    private long peakBytes;
    /**
     * Where the consumer was when it was last looked at, at or before where it is now: the line is the consumer's, and fetching it for
     * each reservation costs more than the rest of it.
     */
    private long knownConsumerPosition;

    private boolean closed;
    private volatile long lastSequence;

    /** One thread's CRC, with its own view of the ring because the CRC moves the view's position. */
    private static final class Checksum {
        private final CRC32C crc = new CRC32C();
        private final ByteBuffer view;

        Checksum(ByteBuffer view) {
            this.view = view;
        }

        int of(int offsetBytes, int lengthBytes) {
            crc.reset();
            view.limit(offsetBytes + lengthBytes).position(offsetBytes);
            crc.update(view);
            return (int) crc.getValue();
        }
    }

    /** @param lastSequence the number of the record before the first one to be appended */
    JournalRing(RingFile file, long lastSequence, LongSupplier clockMillis) {
        this.file = file;
        this.lastSequence = lastSequence;
        this.clockMillis = clockMillis;
        buffer = new UnsafeBuffer(file.view());
        memory = MemorySegment.ofBuffer(file.view());
        ring = new ManyToOneRingBuffer(buffer);
        checksums = ThreadLocal.withInitial(() -> new Checksum(file.view()));
        usableBytes = usableBytes(file.ringBytes());
        knownConsumerPosition = ring.consumerPosition();
    }

    /**
     * How much of a ring can be promised: a record that does not fit before the ring's end begins at its start, and what it
     * leaves unused is less than the largest record.
     */
    static int usableBytes(int ringBytes) {
        return ringBytes - ringBytes / 8;
    }

    /** The largest payload: Agrona allows a record an eighth of the ring, and a frame has its own limit. */
    static int maxPayloadBytes(int ringBytes) {
        return Math.min(Frame.MAX_PAYLOAD_BYTES, ringBytes / 8 - RingRecord.OVERHEAD_BYTES);
    }

    /** What a reservation takes; payloadBytes up to 2^62, a record's overhead is below 2^6. */
    static long costBytes(int records, long payloadBytes) {
        return (long) records * RingRecord.OVERHEAD_BYTES + payloadBytes;
    }

    /** What can be promised of this ring. */
    int usableBytes() {
        return usableBytes;
    }

    /** What is in the ring, plus what is promised. */
    long occupiedBytes() {
        synchronized (lock) {
            return occupiedBytesLocked();
        }
    }

    private long occupiedBytesLocked() {
        knownConsumerPosition = ring.consumerPosition();
        return ring.producerPosition() - knownConsumerPosition + reservedBytes;
    }

    /** Promises room, unless more than {@code limitBytes} of the ring would then be occupied. */
    boolean reserve(long costBytes, long limitBytes) {
        synchronized (lock) {
            long occupiedBytes = ring.producerPosition() - knownConsumerPosition + reservedBytes;
            if (occupiedBytes + costBytes > Math.min(limitBytes, peakBytes)) {
                occupiedBytes =
                        occupiedBytesLocked(); // it may be less: neither a refusal nor a new peak is told without
                // looking
            }
            if (closed || costBytes > limitBytes - occupiedBytes) {
                return false;
            }
            reservedBytes += costBytes;
            peakBytes = Math.max(peakBytes, occupiedBytes + costBytes);
            return true;
        }
    }

    /** The most that was ever occupied. */
    long peakBytes() {
        synchronized (lock) {
            return peakBytes;
        }
    }

    /**
     * Gives back what was promised and not used.
     *
     * @throws IllegalStateException when less is promised
     */
    void unreserve(long costBytes) {
        synchronized (lock) {
            takeReservation(costBytes);
        }
    }

    /**
     * Appends, using up a promise.
     *
     * @return the record's sequence number
     * @throws IllegalStateException without a promise large enough, or when closed
     */
    long append(int kind, MemorySegment payload, int payloadBytes) {
        long timeMillis = clockMillis.getAsLong();
        long sequence;
        int index;
        synchronized (lock) {
            takeReservation(costBytes(1, payloadBytes));
            if (closed) {
                throw new IllegalStateException("the journal is closed");
            }
            index = claim(payloadBytes);
            sequence = lastSequence;
        }
        fill(index, sequence, timeMillis, kind, payload, payloadBytes);
        return sequence;
    }

    private void takeReservation(long costBytes) {
        if (costBytes > reservedBytes) {
            throw new IllegalStateException("reservedBytes=" + reservedBytes + " neededBytes=" + costBytes);
        }
        reservedBytes -= costBytes;
    }

    /** Where the record goes. With the lock held: the next sequence number belongs to exactly this place. */
    private int claim(int payloadBytes) {
        int index = ring.tryClaim(RingRecord.TYPE, RingRecord.PAYLOAD_OFFSET + payloadBytes);
        if (index < 0) {
            throw new IllegalStateException("ring full in spite of a reservation: payloadBytes=" + payloadBytes);
        }
        // Only written with the lock held.
        long next = lastSequence + 1;
        lastSequence = next;
        return index;
    }

    /** The commit at the end is a release store: who sees the record's length sees the record. */
    private void fill(int index, long sequence, long timeMillis, int kind, MemorySegment payload, int payloadBytes) {
        boolean filled = false;
        try {
            buffer.putInt(index + RingRecord.KIND_OFFSET, kind);
            buffer.putLong(index + RingRecord.SEQUENCE_OFFSET, sequence);
            buffer.putLong(index + RingRecord.TIME_OFFSET, timeMillis);
            buffer.putInt(index + RingRecord.LENGTH_OFFSET, payloadBytes);
            buffer.putInt(index + RingRecord.RESERVED_OFFSET, 0);
            MemorySegment.copy(payload, 0, memory, index + RingRecord.PAYLOAD_OFFSET, payloadBytes);
            int coveredBytes = RingRecord.PAYLOAD_OFFSET - RingRecord.KIND_OFFSET + payloadBytes;
            int crc = checksums.get().of(index + RingRecord.KIND_OFFSET, coveredBytes);
            buffer.putInt(index + RingRecord.CRC_OFFSET, crc);
            filled = true;
        } finally {
            // Whatever went wrong, the claim must not stay open: nothing behind it would ever be read.
            if (filled) {
                ring.commit(index);
            } else {
                buffer.setMemory(index, RingRecord.PAYLOAD_OFFSET + payloadBytes, (byte) 0);
                ring.abort(index);
            }
        }
    }

    /** No promise and no append from here on; what is being filled will still be committed. */
    void close() {
        synchronized (lock) {
            closed = true;
        }
    }

    /** The sequence number that was given out last. */
    long lastSequence() {
        return lastSequence;
    }

    /** Whether everything that was claimed has been consumed. */
    boolean isEmpty() {
        return ring.producerPosition() == ring.consumerPosition();
    }

    /** Agrona's side, for whoever consumes. */
    ManyToOneRingBuffer agrona() {
        return ring;
    }

    /** The ring's memory, for whoever consumes. */
    MemorySegment memory() {
        return memory;
    }

    RingFile file() {
        return file;
    }
}
