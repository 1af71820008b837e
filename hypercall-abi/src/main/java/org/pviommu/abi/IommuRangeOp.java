package org.pviommu.abi;

import java.lang.foreign.MemorySegment;

/**
 * A run of pages: element of map_range and unmap_range; C: {@code struct iommu_range_op}.
 *
 * <pre>
 *   0        8        16       24       32    36    40
 *  +--------+--------+--------+--------+-----+------+
 *  | bfn    | mfn    |nr_pages|nr_done |flags|status|
 *  +--------+--------+--------+--------+-----+------+
 * </pre>
 */
public final class IommuRangeOp {
    /** Bytes of one structure. */
    public static final int SIZE = 40;

    /** Offset of the first bus frame number, 64 bits. */
    public static final int BFN_OFFSET = 0;
    /** Offset of the first machine frame number, 64 bits. */
    public static final int MFN_OFFSET = BFN_OFFSET + Long.BYTES;
    /** Offset of the length in pages, 64 bits. */
    public static final int NR_PAGES_OFFSET = MFN_OFFSET + Long.BYTES;
    /** Offset of the number of finished leading pages, 64 bits. */
    public static final int NR_DONE_OFFSET = NR_PAGES_OFFSET + Long.BYTES;
    /** Offset of the access flags, 32 bits. */
    public static final int FLAGS_OFFSET = NR_DONE_OFFSET + Long.BYTES;
    /** Offset of the status, 32 bits, signed. */
    public static final int STATUS_OFFSET = FLAGS_OFFSET + Integer.BYTES;

    private IommuRangeOp() {}

    /** Reads the first bus frame number of the structure at {@code offsetBytes}. */
    public static long bfn(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + BFN_OFFSET);
    }

    /** Writes the first bus frame number of the structure at {@code offsetBytes}. */
    public static void putBfn(MemorySegment array, long offsetBytes, long bfn) {
        array.set(WireLayout.U64, offsetBytes + BFN_OFFSET, bfn);
    }

    /** Reads the first machine frame number of the structure at {@code offsetBytes}. */
    public static long mfn(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + MFN_OFFSET);
    }

    /** Writes the first machine frame number of the structure at {@code offsetBytes}. */
    public static void putMfn(MemorySegment array, long offsetBytes, long mfn) {
        array.set(WireLayout.U64, offsetBytes + MFN_OFFSET, mfn);
    }

    /** Reads the length in pages of the structure at {@code offsetBytes}. */
    public static long nrPages(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + NR_PAGES_OFFSET);
    }

    /** Writes the length in pages of the structure at {@code offsetBytes}. */
    public static void putNrPages(MemorySegment array, long offsetBytes, long nrPages) {
        array.set(WireLayout.U64, offsetBytes + NR_PAGES_OFFSET, nrPages);
    }

    /** Reads the number of finished leading pages of the structure at {@code offsetBytes}. */
    public static long nrDone(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + NR_DONE_OFFSET);
    }

    /** Writes the number of finished leading pages of the structure at {@code offsetBytes}. */
    public static void putNrDone(MemorySegment array, long offsetBytes, long nrDone) {
        array.set(WireLayout.U64, offsetBytes + NR_DONE_OFFSET, nrDone);
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
