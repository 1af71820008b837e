package org.pviommu.journal.store;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.AtomicBuffer;
import org.agrona.concurrent.ControlledMessageHandler;
import org.agrona.concurrent.ringbuffer.ManyToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.RingBufferDescriptor;
import org.jspecify.annotations.Nullable;

/**
 * The consuming side of the ring: gives records to a sink, in order, and advances only past what the sink has taken.
 *
 * <p>A sequence number that is missing belongs to a claim whose owner failed before it was filled; nobody was told that it
 * exists. It becomes a record of kind {@link JournalStore#KIND_ABANDONED} without payload, so that the sequence stays dense.
 *
 * <p>Threads: one.
 */
final class RingDrain implements ControlledMessageHandler {

    private final RingFile file;
    private final ManyToOneRingBuffer ring;
    private final AtomicBuffer buffer;
    private final MemorySegment memory;
    private final ByteBuffer view;
    private final RecordSink sink;
    private final CRC32C crc = new CRC32C();

    private long lastSequence;
    private long abandoned;
    private long readFrom;
    private @Nullable Throwable failure;

    /** @param lastSequence the last record that the sink has already */
    RingDrain(JournalRing ring, long lastSequence, RecordSink sink) {
        this.file = ring.file();
        this.ring = ring.agrona();
        this.buffer = this.ring.buffer();
        this.memory = ring.memory();
        this.view = file.view();
        this.lastSequence = lastSequence;
        this.sink = sink;
    }

    /** The last record that the sink has. */
    long lastSequence() {
        return lastSequence;
    }

    /** How many sequence numbers turned out to belong to nothing. */
    long abandoned() {
        return abandoned;
    }

    /**
     * Gives records to the sink until the ring is empty or at its end, the next record is not complete, the sink refuses, or
     * {@code recordLimit} is reached.
     *
     * @return how many left the ring
     * @throws JournalDamagedException for a record that is not what was appended
     */
    int drain(int recordLimit) {
        readFrom = ring.consumerPosition();
        int count = ring.controlledRead(this, recordLimit);
        Throwable thrown = failure;
        failure = null;
        if (thrown instanceof Error error) {
            throw error;
        } else if (thrown instanceof RuntimeException exception) {
            throw exception;
        }
        return count;
    }

    /**
     * Gives everything to the sink that a dead process has left. Claims that it did not complete are skipped: nobody was told
     * about them.
     *
     * @return whether all is taken; false when the sink refused
     * @throws JournalDamagedException for a ring or a record that is not what was appended
     */
    boolean drainLeftOver() {
        finishConsuming();
        requireSoundLengths();
        do {
            long before;
            do {
                before = ring.consumerPosition();
                drain(Integer.MAX_VALUE);
                // Agrona stops at the ring's end, so there may be more at its start.
            } while (ring.consumerPosition() != before);
            wipeUnfinished();
        } while (ring.unblock());
        // A length of zero is the end, see requireHole.
        return ring.consumerPosition() == ring.producerPosition() || headLength() == 0;
    }

    /** Completes the step that moves the head, in case its process died in the middle of it; see {@link RingFile}. */
    private void finishConsuming() {
        long head = ring.consumerPosition();
        long tail = ring.producerPosition();
        long consumed = file.consumedPosition();
        int ringBytes = file.ringBytes();
        // With head and tail not negative, the difference cannot overflow.
        boolean sound = head >= 0 && tail >= head && tail - head <= ringBytes && consumed <= tail;
        if (!sound || ((head | tail | consumed) & (RingRecord.ALIGNMENT_BYTES - 1)) != 0) {
            throw damaged(0, "head=" + head + " tail=" + tail + " consumed=" + consumed + " ringBytes=" + ringBytes);
        }
        for (long position = head; position < consumed; position += RingRecord.ALIGNMENT_BYTES) {
            buffer.putLong(index(position), 0);
        }
        buffer.putLongRelease(ringBytes + RingBufferDescriptor.HEAD_POSITION_OFFSET, Math.max(head, consumed));
    }

    /** Agrona trusts lengths, and would step out of the ring with a wrong one. */
    private void requireSoundLengths() {
        long tail = ring.producerPosition();
        long position = ring.consumerPosition();
        int length = headLength();
        while (position < tail && length != 0) {
            long takes = Math.abs((long) length) + RingRecord.ALIGNMENT_BYTES - 1 & -RingRecord.ALIGNMENT_BYTES;
            if (takes < RingRecord.AGRONA_HEADER_BYTES
                    || takes > Math.min(file.ringBytes() - index(position), tail - position)) {
                throw damaged(lastSequence + 1, "ring record lengthBytes=" + length + " at position=" + position);
            }
            position += takes;
            length = position < tail ? buffer.getIntVolatile(index(position)) : 0;
        }
        requireHole(position, tail);
    }

    /** A length of zero is the last claim of somebody who died before he could say how much; nothing can be behind it. */
    private void requireHole(long first, long tail) {
        for (long position = first; position < tail; position += RingRecord.ALIGNMENT_BYTES) {
            if (buffer.getLong(index(position)) != 0) {
                throw damaged(lastSequence + 1, "ring has something behind its end, position=" + position);
            }
        }
    }

    /** What an unfinished claim holds must be gone before it is skipped, or a second crash could take it for a record. */
    private void wipeUnfinished() {
        int length = headLength();
        if (length < 0) {
            int index = index(ring.consumerPosition());
            int end = (int) Math.min(index - (long) length, file.ringBytes());
            for (int at = index + RingRecord.AGRONA_HEADER_BYTES; at < end; at++) {
                buffer.putByte(at, (byte) 0);
            }
        }
    }

    private int headLength() {
        return buffer.getIntVolatile(index(ring.consumerPosition()));
    }

    private int index(long position) {
        return (int) position & file.ringBytes() - 1;
    }

    @Override
    public Action onMessage(int type, MutableDirectBuffer ignored, int index, int length) {
        try {
            long sequence = check(type, index, length);
            if (!fillGapBefore(sequence, index) || !take(sequence, index)) {
                return Action.ABORT;
            }
            file.consumed(sequence, positionBehind(index, length));
            return Action.CONTINUE;
        } catch (Throwable thrown) {
            // Thrown on from here, Agrona would count the record as read and it would be lost.
            failure = thrown;
            return Action.ABORT;
        }
    }

    /** The record's sequence number, once the record is known to be what was appended. */
    private long check(int type, int index, int length) {
        boolean within = length >= RingRecord.PAYLOAD_OFFSET && length <= file.ringBytes() - index;
        if (type != RingRecord.TYPE || !within) {
            throw damaged(lastSequence + 1, "ring record type=" + type + " lengthBytes=" + length);
        }
        int payloadBytes = buffer.getInt(index + RingRecord.LENGTH_OFFSET);
        crc.reset();
        view.limit(index + length).position(index + RingRecord.KIND_OFFSET);
        crc.update(view);
        long sequence = buffer.getLong(index + RingRecord.SEQUENCE_OFFSET);
        if (payloadBytes != length - RingRecord.PAYLOAD_OFFSET
                || buffer.getInt(index + RingRecord.CRC_OFFSET) != (int) crc.getValue()
                || sequence <= 0) {
            throw damaged(lastSequence + 1, "ring record's checksum is wrong");
        }
        return sequence;
    }

    private boolean fillGapBefore(long sequence, int index) {
        long missing = sequence - lastSequence - 1;
        if (missing > file.ringBytes() / RingRecord.PAYLOAD_OFFSET) {
            throw damaged(lastSequence + 1, "the ring goes on with sequence=" + sequence);
        }
        while (lastSequence + 1 < sequence) {
            long timeMillis = buffer.getLong(index + RingRecord.TIME_OFFSET);
            if (!sink.take(lastSequence + 1, timeMillis, JournalStore.KIND_ABANDONED, memory, index, 0)) {
                return false;
            }
            lastSequence++;
            abandoned++;
        }
        return true;
    }

    private boolean take(long sequence, int index) {
        if (sequence <= lastSequence) {
            return true;
        }
        boolean taken = sink.take(
                sequence,
                buffer.getLong(index + RingRecord.TIME_OFFSET),
                buffer.getInt(index + RingRecord.KIND_OFFSET),
                memory,
                index + RingRecord.PAYLOAD_OFFSET,
                buffer.getInt(index + RingRecord.LENGTH_OFFSET));
        if (taken) {
            lastSequence = sequence;
        }
        return taken;
    }

    /** One read stays within the ring's end, so the distance from where it began is the difference of the indexes. */
    private long positionBehind(int index, int length) {
        int begin = index - RingRecord.AGRONA_HEADER_BYTES;
        int recordBytes = RingRecord.AGRONA_HEADER_BYTES + length + RingRecord.ALIGNMENT_BYTES - 1;
        return readFrom + begin - index(readFrom) + (recordBytes & -RingRecord.ALIGNMENT_BYTES);
    }

    private JournalDamagedException damaged(long sequence, String what) {
        return new JournalDamagedException(file.toString(), sequence, what);
    }
}
