package org.pviommu.abi;

import java.lang.foreign.MemorySegment;

/**
 * One page: element of map_page, unmap_page and lookup_page; C: {@code struct iommu_map_op}.
 *
 * <pre>
 *   0                   1                   2
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3
 *  +---------------+---------------+-------+-------+
 *  | bfn           | mfn           | flags |status |
 *  +---------------+---------------+-------+-------+
 * </pre>
 *
 * <p>map: bfn, mfn and flags in, status out. unmap: bfn in, status out. lookup: bfn in, the others out, mfn and flags
 * only where the status is {@link IommuStatus#OK}.
 */
public final class IommuMapOp {
    /** Bytes of one structure. */
    public static final int SIZE = 24;

    /** Offset of the bus frame number, 64 bits. */
    public static final int BFN_OFFSET = 0;
    /** Offset of the machine frame number, 64 bits. */
    public static final int MFN_OFFSET = BFN_OFFSET + Long.BYTES;
    /** Offset of the access flags, 32 bits. */
    public static final int FLAGS_OFFSET = MFN_OFFSET + Long.BYTES;
    /** Offset of the status, 32 bits, signed. */
    public static final int STATUS_OFFSET = FLAGS_OFFSET + Integer.BYTES;

    /** Flag: the device may read. */
    public static final int READABLE = 0x1;
    /** Flag: the device may write; only together with {@link #READABLE}. */
    public static final int WRITEABLE = 0x2;
    /** All flags that exist; the other bits are reserved. */
    public static final int FLAGS_MASK = 0x3;

    private IommuMapOp() {}

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

    /** Reads the access flags of the structure at {@code offsetBytes}. */
    public static int flags(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + FLAGS_OFFSET);
    }

    /** Writes the access flags of the structure at {@code offsetBytes}. */
    public static void putFlags(MemorySegment array, long offsetBytes, int flags) {
        array.set(WireLayout.U32, offsetBytes + FLAGS_OFFSET, flags);
    }

    /** Reads the status of the structure at {@code offsetBytes}. */
    public static int status(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + STATUS_OFFSET);
    }

    /** Writes the status of the structure at {@code offsetBytes}. */
    public static void putStatus(MemorySegment array, long offsetBytes, int status) {
        array.set(WireLayout.U32, offsetBytes + STATUS_OFFSET, status);
    }
}
