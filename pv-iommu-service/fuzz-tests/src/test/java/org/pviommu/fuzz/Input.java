package org.pviommu.fuzz;

/**
 * The bytes of one input, read as a script. After the last byte every read gives 0, so each prefix of an input is an input,
 * which is what lets a fuzzer shorten what it found.
 */
public final class Input {
    private final byte[] bytes;
    private int at;

    /** Reads {@code bytes} from the start. */
    public Input(byte[] bytes) {
        this.bytes = bytes;
    }

    /** Whether bytes are left. */
    public boolean hasMore() {
        return at < bytes.length;
    }

    /** The next byte, 0 to 255. */
    public int u8() {
        return hasMore() ? Byte.toUnsignedInt(bytes[at++]) : 0;
    }

    /** A number from 0 to {@code bound} - 1, from one byte; {@code bound} is at most 256. */
    public int below(int bound) {
        return u8() % bound;
    }

    /** The next two bytes. */
    public int u16() {
        return u8() | u8() << 8;
    }

    /** The next four bytes. */
    public int i32() {
        return u16() | u16() << 16;
    }

    /** The next eight bytes. */
    public long i64() {
        return Integer.toUnsignedLong(i32()) | (long) i32() << 32;
    }

    /**
     * A 64-bit number in few bytes: small ones are their own byte, then powers of two and their neighbours, where limits lie,
     * then any.
     */
    public long number() {
        int tag = u8();
        if (tag < 0xe0) {
            return tag;
        }
        if (tag < 0xf8) {
            return (1L << (u8() & 63)) + (tag - 0xec);
        }
        return tag < 0xfc ? -1L - (tag - 0xf8) : i64();
    }

    /** {@code length} bytes, zero beyond the end of the input. */
    public byte[] take(int length) {
        byte[] taken = new byte[length];
        for (int i = 0; i < length && hasMore(); i++) {
            taken[i] = (byte) u8();
        }
        return taken;
    }
}
