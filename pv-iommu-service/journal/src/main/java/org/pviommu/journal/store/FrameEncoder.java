package org.pviommu.journal.store;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * Builds frames in memory of its own, one at a time, and knows the chain they continue.
 *
 * <p>Threads: one.
 */
final class FrameEncoder {

    private final ByteBuffer buffer;
    private final MemorySegment segment;
    private final CRC32C crc = new CRC32C();

    FrameEncoder(int maxPayloadBytes) {
        // No overflow: a payload is at most 1 MiB.
        buffer = ByteBuffer.allocateDirect(maxPayloadBytes + Frame.OVERHEAD_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        segment = MemorySegment.ofBuffer(buffer);
    }

    /** Where the frame is: from position 0 on, as long as {@link #encode} said. */
    ByteBuffer buffer() {
        return buffer;
    }

    /**
     * Builds one frame.
     *
     * @param before the CRC of the frame before it
     * @return how long it is in bytes
     */
    int encode(
            int before,
            long sequence,
            long timeMillis,
            int kind,
            MemorySegment from,
            long fromBytes,
            int payloadBytes) {
        buffer.clear();
        buffer.putInt(Frame.MAGIC_OFFSET, Frame.MAGIC)
                .putShort(Frame.VERSION_OFFSET, Frame.VERSION)
                .put(Frame.KIND_OFFSET, (byte) kind)
                .put(Frame.RESERVED_OFFSET, (byte) 0)
                .putLong(Frame.SEQUENCE_OFFSET, sequence)
                .putLong(Frame.TIME_OFFSET, timeMillis)
                .putInt(Frame.LENGTH_OFFSET, payloadBytes);
        MemorySegment.copy(from, fromBytes, segment, Frame.PAYLOAD_OFFSET, payloadBytes);
        int crcOffset = Frame.PAYLOAD_OFFSET + payloadBytes;
        buffer.putInt(crcOffset, chain(crc, before, buffer, 0, crcOffset));
        return crcOffset + Frame.CRC_BYTES;
    }

    /** The CRC of the frame that was built last. */
    int crc(int frameBytes) {
        return buffer.getInt(frameBytes - Frame.CRC_BYTES);
    }

    /** The CRC of {@code lengthBytes} from {@code offsetBytes} on, as the continuation of {@code before}. */
    static int chain(CRC32C crc, int before, ByteBuffer buffer, int offsetBytes, int lengthBytes) {
        crc.reset();
        crc.update(before);
        crc.update(before >>> 8);
        crc.update(before >>> 16);
        crc.update(before >>> 24);
        int position = buffer.position();
        int limit = buffer.limit();
        buffer.limit(offsetBytes + lengthBytes).position(offsetBytes);
        crc.update(buffer);
        buffer.limit(limit).position(position);
        return (int) crc.getValue();
    }
}
