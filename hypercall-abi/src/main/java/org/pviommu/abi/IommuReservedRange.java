package org.pviommu.abi;

import java.lang.foreign.MemorySegment;

/**
 * A range of bfns that cannot be mapped, [first, last] inclusive: element of query_reserved, all fields out; C: {@code
 * struct iommu_reserved_range}.
 *
 * <pre>
 *   0                   1                   2
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3
 *  +---------------+---------------+-------+-------+
 *  | first_bfn     | last_bfn      | kind  | rsvd=0|
 *  +---------------+---------------+-------+-------+
 * </pre>
 */
public final class IommuReservedRange {
    /** Bytes of one structure. */
    public static final int SIZE = 24;

    /** Offset of the first bus frame, 64 bits. */
    public static final int FIRST_BFN_OFFSET = 0;
    /** Offset of the last bus frame, inclusive, 64 bits. */
    public static final int LAST_BFN_OFFSET = FIRST_BFN_OFFSET + Long.BYTES;
    /** Offset of the kind, 32 bits. */
    public static final int KIND_OFFSET = LAST_BFN_OFFSET + Long.BYTES;
    /** Offset of the reserved field, 32 bits, 0. */
    public static final int RESERVED_OFFSET = KIND_OFFSET + Integer.BYTES;

    /** Kind: not usable for DMA. */
    public static final int KIND_RESERVED = 0;
    /** Kind: window of message-signalled interrupts. */
    public static final int KIND_MSI = 1;
    /** Kind: firmware demands that it stays mapped 1:1. */
    public static final int KIND_IDENTITY = 2;

    private IommuReservedRange() {}

    /** Reads the first bus frame of the structure at {@code offsetBytes}. */
    public static long firstBfn(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + FIRST_BFN_OFFSET);
    }

    /** Writes the first bus frame of the structure at {@code offsetBytes}. */
    public static void putFirstBfn(MemorySegment array, long offsetBytes, long firstBfn) {
        array.set(WireLayout.U64, offsetBytes + FIRST_BFN_OFFSET, firstBfn);
    }

    /** Reads the last bus frame, inclusive, of the structure at {@code offsetBytes}. */
    public static long lastBfn(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + LAST_BFN_OFFSET);
    }

    /** Writes the last bus frame, inclusive, of the structure at {@code offsetBytes}. */
    public static void putLastBfn(MemorySegment array, long offsetBytes, long lastBfn) {
        array.set(WireLayout.U64, offsetBytes + LAST_BFN_OFFSET, lastBfn);
    }

    /** Reads the kind of the structure at {@code offsetBytes}. */
    public static int kind(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + KIND_OFFSET);
    }

    /** Writes the kind of the structure at {@code offsetBytes}. */
    public static void putKind(MemorySegment array, long offsetBytes, int kind) {
        array.set(WireLayout.U32, offsetBytes + KIND_OFFSET, kind);
    }

    /** Reads the reserved field of the structure at {@code offsetBytes}. */
    public static int reserved(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + RESERVED_OFFSET);
    }

    /** Writes the reserved field of the structure at {@code offsetBytes}. */
    public static void putReserved(MemorySegment array, long offsetBytes, int reserved) {
        array.set(WireLayout.U32, offsetBytes + RESERVED_OFFSET, reserved);
    }
}
