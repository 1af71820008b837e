package org.pviommu.abi;

import java.lang.foreign.MemorySegment;

/**
 * One page, map or unmap: element of mixed; C: {@code struct iommu_mixed_op}.
 *
 * <pre>
 *   0                   1                   2
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3
 *  +---+---+-------+---------------+---------------+
 *  |sub|flg|status | bfn           | mfn           |
 *  +---+---+-------+---------------+---------------+
 * </pre>
 *
 * <p>The sub-operation is {@link IommuOp#MAP_PAGE} or {@link IommuOp#UNMAP_PAGE}; the flags are those of
 * {@link IommuMapOp}; an unmap uses neither mfn nor flags.
 */
public final class IommuMixedOp {
    /** Bytes of one structure. */
    public static final int SIZE = 24;

    /** Offset of the sub-operation, 16 bits. */
    public static final int SUBOP_OFFSET = 0;
    /** Offset of the access flags, 16 bits. */
    public static final int FLAGS_OFFSET = SUBOP_OFFSET + Short.BYTES;
    /** Offset of the status, 32 bits, signed. */
    public static final int STATUS_OFFSET = FLAGS_OFFSET + Short.BYTES;
    /** Offset of the bus frame number, 64 bits. */
    public static final int BFN_OFFSET = STATUS_OFFSET + Integer.BYTES;
    /** Offset of the machine frame number, 64 bits. */
    public static final int MFN_OFFSET = BFN_OFFSET + Long.BYTES;

    private IommuMixedOp() {}

    /** Reads the sub-operation of the structure at {@code offsetBytes}. */
    public static int subop(MemorySegment array, long offsetBytes) {
        return Short.toUnsignedInt(array.get(WireLayout.U16, offsetBytes + SUBOP_OFFSET));
    }

    /** Writes the sub-operation of the structure at {@code offsetBytes}. */
    public static void putSubop(MemorySegment array, long offsetBytes, int subop) {
        array.set(WireLayout.U16, offsetBytes + SUBOP_OFFSET, (short) subop);
    }

    /** Reads the access flags of the structure at {@code offsetBytes}. */
    public static int flags(MemorySegment array, long offsetBytes) {
        return Short.toUnsignedInt(array.get(WireLayout.U16, offsetBytes + FLAGS_OFFSET));
    }

    /** Writes the access flags of the structure at {@code offsetBytes}. */
    public static void putFlags(MemorySegment array, long offsetBytes, int flags) {
        array.set(WireLayout.U16, offsetBytes + FLAGS_OFFSET, (short) flags);
    }

    /** Reads the status of the structure at {@code offsetBytes}. */
    public static int status(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + STATUS_OFFSET);
    }

    /** Writes the status of the structure at {@code offsetBytes}. */
    public static void putStatus(MemorySegment array, long offsetBytes, int status) {
        array.set(WireLayout.U32, offsetBytes + STATUS_OFFSET, status);
    }

    /** Reads the bus frame number of the structure at {@code offsetBytes}. */
    public static long bfn(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + BFN_OFFSET);
    }

    /** Writes the bus frame number of the structure at {@code offsetBytes}. */
    public static void putBfn(MemorySegment array, long offsetBytes, long bfn) {
        array.set(WireLayout.U64, offsetBytes + BFN_OFFSET, bfn);
    }

    /** Reads the machine frame number of the structure at {@code offsetBytes}. */
    public static long mfn(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + MFN_OFFSET);
    }

    /** Writes the machine frame number of the structure at {@code offsetBytes}. */
    public static void putMfn(MemorySegment array, long offsetBytes, long mfn) {
        array.set(WireLayout.U64, offsetBytes + MFN_OFFSET, mfn);
    }
}
