package org.pviommu.journal.record;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Writes a payload into a buffer. Numbers are little-endian; a varint has 7 bits in each byte, the lowest first, and the top
 * bit says that another byte follows, so that 64 bits take at most {@link #MAX_VARINT_BYTES}.
 */
final class RecordWriter {
    static final int MAX_VARINT_BYTES = 10;
    /** Longer texts are cut: what a reader would refuse must not be written. */
    static final int MAX_STRING_BYTES = 256;

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
        buffer.set(ValueLayout.JAVA_LONG_UNALIGNED, position, value);
        position += Long.BYTES;
    }

    void putVarint(long value) {
        long rest = value;
        while ((rest & -0x80L) != 0) {
            buffer.set(ValueLayout.JAVA_BYTE, position++, (byte) (rest | 0x80));
            rest >>>= 7;
        }
        buffer.set(ValueLayout.JAVA_BYTE, position++, (byte) rest);
    }

    /** Small numbers of either sign take few bytes. */
    void putSigned(long value) {
        putVarint(value << 1 ^ value >> 63);
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
