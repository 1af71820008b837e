package org.pviommu.server.demo;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the guest fills its memory with: word i of frame mfn is {@code (mfn ^ seed) + i * step}, little-endian, so every
 * page tells which one it is. The same rule as in the guest's source, written again from its description.
 */
final class Pattern {
    static final int PAGE_BYTES = 4096;

    private static final long SEED = 0x5056_4931L;
    private static final long STEP = 0x9e37_79b9_7f4a_7c15L;

    private Pattern() {}

    /** Whether {@code data} is the beginning of frame {@code mfn} and of the frames after it. */
    static boolean matches(byte[] data, long mfn) {
        ByteBuffer words = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + Long.BYTES <= data.length; at += Long.BYTES) {
            long frame = mfn + at / PAGE_BYTES;
            long word = at % PAGE_BYTES / Long.BYTES;
            if (words.getLong(at) != (frame ^ SEED) + word * STEP) {
                return false;
            }
        }
        return true;
    }
}
