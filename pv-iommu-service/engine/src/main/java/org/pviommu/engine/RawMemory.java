package org.pviommu.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * Memory by absolute address, without bounds: the one place where speed is bought with trust.
 *
 * <p>One static segment over all addresses makes base, scope and length constants for the compiler, and the unaligned
 * layouts drop the alignment test: 2.0 ns against 2.8 ns an operation for bounds-checked segments. Nothing checks an address any more, so each one must come from trusted
 * state: a table page of {@link TableMemory} plus a masked index, a frame count inside its region, or a window of guest
 * memory that {@link GuestMemoryMap} has validated. Package-private on purpose.
 *
 * <p>Plain accesses order nothing. Whoever publishes a table page to lock-free readers does so with
 * {@link #putLongRelease}; readers use {@link #getLongAcquire}. Both need 8-byte alignment, which table entries have.
 */
final class RawMemory {
    private static final MemorySegment ALL = everything();
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final VarHandle ORDERED_LONG = ValueLayout.JAVA_LONG.varHandle();

    /** User space of a 57-bit address space, the largest there is; nothing mapped lies above it. */
    private static final long LAST_USER_ADDRESS = (1L << 56) - 1;

    private RawMemory() {}

    // SAFETY: a segment over all addresses; the class comment lists where addresses may come from.
    @SuppressWarnings("restricted")
    private static MemorySegment everything() {
        return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
    }

    /**
     * The same address, in a form that tells the compiler that it lies in user space. A loop that adds small offsets to it
     * then needs no check that they stay between 0 and the end of the segment, which were a third of a tight loop's time.
     */
    static long inUserSpace(long address) {
        return address & LAST_USER_ADDRESS;
    }

    static long getLong(long address) {
        return ALL.get(LONG, address);
    }

    static void putLong(long address, long value) {
        ALL.set(LONG, address, value);
    }

    static int getInt(long address) {
        return ALL.get(INT, address);
    }

    static void putInt(long address, int value) {
        ALL.set(INT, address, value);
    }

    static short getShort(long address) {
        return ALL.get(SHORT, address);
    }

    static void putShort(long address, short value) {
        ALL.set(SHORT, address, value);
    }

    static byte getByte(long address) {
        return ALL.get(BYTE, address);
    }

    static void putByte(long address, byte value) {
        ALL.set(BYTE, address, value);
    }

    /** A slice of {@link #ALL} to fill would be an object; eight bytes at a time are fast enough for a line or two. */
    static void clear(long address, long lengthBytes) {
        long words = lengthBytes >>> 3;
        for (long i = 0; i < words; i++) {
            ALL.set(LONG, address + (i << 3), 0L);
        }
        for (long i = words << 3; i < lengthBytes; i++) {
            ALL.set(BYTE, address + i, (byte) 0);
        }
    }

    static void copy(long fromAddress, long toAddress, long lengthBytes) {
        MemorySegment.copy(ALL, fromAddress, ALL, toAddress, lengthBytes);
    }

    /** An 8-byte aligned read that later reads cannot overtake. */
    static long getLongAcquire(long address) {
        return (long) ORDERED_LONG.getAcquire(ALL, address);
    }

    /** An 8-byte aligned write that earlier writes cannot be delayed past. */
    static void putLongRelease(long address, long value) {
        ORDERED_LONG.setRelease(ALL, address, value);
    }
}
