package org.pviommu.journal.record;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Writes a payload into a buffer. Numbers are little-endian; a varint has 7 bits in each byte, the lowest first, and the top
 * bit says that another byte follows, so that 64 bits take at most {@link #MAX_VARINT_BYTES}.
 */
final class RecordWriter {
    static final int MAX_VARINT_BYTES = 10;
    /** Longer texts are cut: what a reader would refuse must not be written. */
    static final int MAX_STRING_BYTES = 256;

    private static final long TOP_BITS = 0x8080808080808080L;
    static final ValueLayout.OfLong LITTLE_ENDIAN_LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment buffer;
    private long position;

    RecordWriter(MemorySegment buffer) {
        this.buffer = buffer;
    }

    void restart() {
        position = 0;
    }

    long lengthBytes() {
        return position;
    }

    long freeBytes() {
        return buffer.byteSize() - position;
    }

    MemorySegment buffer() {
        return buffer;
    }

    void putByte(int value) {
        buffer.set(ValueLayout.JAVA_BYTE, position++, (byte) value);
    }

    void putLong(long value) {
        buffer.set(LITTLE_ENDIAN_LONG, position, value);
        position += Long.BYTES;
    }

    void putVarint(long value) {
        position = putVarint(position, value);
    }

    /** Small numbers of either sign take few bytes. */
    void putSigned(long value) {
        position = putSigned(position, value);
    }

    // With a position of the caller's own, which a loop keeps in a register: the field would be stored after each
    // number.

    long position() {
        return position;
    }

    void position(long newPosition) {
        position = newPosition;
    }

    long putByte(long at, int value) {
        buffer.set(ValueLayout.JAVA_BYTE, at, (byte) value);
        return at + 1;
    }

    long putSigned(long at, long value) {
        return putVarint(at, value << 1 ^ value >> 63);
    }

    /** May write over up to 6 bytes behind the number, which must exist. */
    long putVarint(long at, long value) {
        if (value >>> 7 == 0) {
            return putByte(at, (int) value);
        }
        if (value >>> 56 != 0) {
            return putLongVarint(at, value);
        }
        // All bytes at once: 7 bits each, and the top bit in all but the last.
        int bytes = (70 - Long.numberOfLeadingZeros(value)) / 7;
        long more = TOP_BITS & ((1L << (8 * (bytes - 1))) - 1);
        buffer.set(LITTLE_ENDIAN_LONG, at, Long.expand(value, ~TOP_BITS) | more);
        return at + bytes;
    }

    private long putLongVarint(long at, long value) {
        long next = at;
        long rest = value;
        while (rest >>> 7 != 0) {
            next = putByte(next, (int) rest | 0x80);
            rest >>>= 7;
        }
        return putByte(next, (int) rest);
    }

    /** At most {@link #MAX_STRING_BYTES} of it, whole characters. */
    void putString(String value) {
        if (value.isEmpty()) {
            putByte(0);
            return;
        }
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(bytes.length, MAX_STRING_BYTES);
        while (length < bytes.length && (bytes[length] & 0xc0) == 0x80) {
            length--; // the byte after the cut continues a character
        }
        putVarint(length);
        MemorySegment.copy(bytes, 0, buffer, ValueLayout.JAVA_BYTE, position, length);
        position += length;
    }
}
