package org.pviommu.journal.record;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** Reads what {@link RecordWriter} wrote, from somebody who may not be trusted. */
final class RecordReader {
    private final MemorySegment payload;
    private long position;

    RecordReader(MemorySegment payload) {
        this.payload = payload;
    }

    int getByte() {
        require(1);
        return Byte.toUnsignedInt(payload.get(ValueLayout.JAVA_BYTE, position++));
    }

    long getLong() {
        require(Long.BYTES);
        long value = payload.get(RecordWriter.LITTLE_ENDIAN_LONG, position);
        position += Long.BYTES;
        return value;
    }

    long getVarint() {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            int next = getByte();
            long bits = next & 0x7fL;
            value |= bits << shift;
            if (value >>> shift != bits) {
                break; // the tenth byte has room for one bit
            }
            if (next < 0x80) {
                return value;
            }
        }
        throw new BadRecordException("a number at byte " + position + " has more than 64 bits");
    }

    /** A varint that is at most {@code max}. */
    int getCount(String name, int max) {
        long value = getVarint();
        if (value < 0 || value > max) {
            throw new BadRecordException(name + "=" + Long.toUnsignedString(value) + " max=" + max);
        }
        return (int) value;
    }

    long getSigned() {
        long value = getVarint();
        return value >>> 1 ^ -(value & 1);
    }

    String getString() {
        int length = getCount("text bytes", RecordWriter.MAX_STRING_BYTES);
        if (length == 0) {
            return "";
        }
        require(length);
        byte[] bytes = new byte[length];
        MemorySegment.copy(payload, ValueLayout.JAVA_BYTE, position, bytes, 0, length);
        position += length;
        return new String(bytes, StandardCharsets.UTF_8);
    }

    long remainingBytes() {
        return payload.byteSize() - position;
    }

    void requireEnd() {
        if (remainingBytes() != 0) {
            throw new BadRecordException("lengthBytes=" + payload.byteSize() + " but the content ends at " + position);
        }
    }

    private void require(long bytes) {
        if (bytes > payload.byteSize() - position) {
            throw new BadRecordException(
                    "cut off: lengthBytes=" + payload.byteSize() + ", and " + bytes + " more wanted at " + position);
        }
    }
}
