package org.pviommu.engine.support;

import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuAttachOp;

/**
 * An element of an attach_device call.
 *
 * @param endpoint the device
 * @param context the address space that should translate its DMA
 * @param flags flags, all of them reserved
 */
public record AttachOp(int endpoint, int context, int flags) implements Element {
    /** Without flags. */
    public AttachOp(int endpoint, int context) {
        this(endpoint, context, 0);
    }

    @Override
    public int sizeBytes() {
        return IommuAttachOp.SIZE;
    }

    @Override
    public int statusOffset() {
        return IommuAttachOp.STATUS_OFFSET;
    }

    @Override
    public void write(MemorySegment array, long offsetBytes) {
        IommuAttachOp.putEndpoint(array, offsetBytes, endpoint);
        IommuAttachOp.putCtxNo(array, offsetBytes, context);
        IommuAttachOp.putFlags(array, offsetBytes, flags);
    }
}
