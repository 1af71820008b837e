package org.pviommu.abi;

import java.lang.foreign.MemorySegment;

/**
 * An endpoint and the address space it shall use: element of attach_device; C: {@code struct iommu_attach_op}.
 *
 * <pre>
 *   0                   1
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
 *  +-------+-------+-------+-------+
 *  |endpnt |ctx_no |flags=0|status |
 *  +-------+-------+-------+-------+
 * </pre>
 */
public final class IommuAttachOp {
    /** Bytes of one structure. */
    public static final int SIZE = 16;

    /** Offset of the endpoint id, 32 bits. */
    public static final int ENDPOINT_OFFSET = 0;
    /** Offset of the number of the address space, 32 bits. */
    public static final int CTX_NO_OFFSET = ENDPOINT_OFFSET + Integer.BYTES;
    /** Offset of the flags, 32 bits, reserved. */
    public static final int FLAGS_OFFSET = CTX_NO_OFFSET + Integer.BYTES;
    /** Offset of the status, 32 bits, signed. */
    public static final int STATUS_OFFSET = FLAGS_OFFSET + Integer.BYTES;

    private IommuAttachOp() {}

    /** Reads the endpoint id of the structure at {@code offsetBytes}. */
    public static int endpoint(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + ENDPOINT_OFFSET);
    }

    /** Writes the endpoint id of the structure at {@code offsetBytes}. */
    public static void putEndpoint(MemorySegment array, long offsetBytes, int endpoint) {
        array.set(WireLayout.U32, offsetBytes + ENDPOINT_OFFSET, endpoint);
    }

    /** Reads the number of the address space of the structure at {@code offsetBytes}. */
    public static int ctxNo(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + CTX_NO_OFFSET);
    }

    /** Writes the number of the address space of the structure at {@code offsetBytes}. */
    public static void putCtxNo(MemorySegment array, long offsetBytes, int ctxNo) {
        array.set(WireLayout.U32, offsetBytes + CTX_NO_OFFSET, ctxNo);
    }

    /** Reads the flags, which are reserved, of the structure at {@code offsetBytes}. */
    public static int flags(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + FLAGS_OFFSET);
    }

    /** Writes the flags, which are reserved, of the structure at {@code offsetBytes}. */
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
