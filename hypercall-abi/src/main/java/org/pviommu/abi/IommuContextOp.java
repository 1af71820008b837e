package org.pviommu.abi;

import java.lang.foreign.MemorySegment;

/**
 * An address space: element of alloc_context (number out) and free_context (number in); C: {@code struct
 * iommu_context_op}.
 *
 * <pre>
 *   0 1 2 3 4 5 6 7
 *  +-------+-------+
 *  |ctx_no |status |
 *  +-------+-------+
 * </pre>
 */
public final class IommuContextOp {
    /** Bytes of one structure. */
    public static final int SIZE = 8;

    /** Offset of the number of the address space, 32 bits. */
    public static final int CTX_NO_OFFSET = 0;
    /** Offset of the status, 32 bits, signed. */
    public static final int STATUS_OFFSET = CTX_NO_OFFSET + Integer.BYTES;

    private IommuContextOp() {}

    /** Reads the number of the address space of the structure at {@code offsetBytes}. */
    public static int ctxNo(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + CTX_NO_OFFSET);
    }

    /** Writes the number of the address space of the structure at {@code offsetBytes}. */
    public static void putCtxNo(MemorySegment array, long offsetBytes, int ctxNo) {
        array.set(WireLayout.U32, offsetBytes + CTX_NO_OFFSET, ctxNo);
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
