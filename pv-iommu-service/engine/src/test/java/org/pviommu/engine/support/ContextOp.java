package org.pviommu.engine.support;

import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuContextOp;

/**
 * An element of an alloc_context or free_context call.
 *
 * @param context number of the address space
 */
public record ContextOp(int context) implements Element {
    /** One whose number the engine should write. */
    public static ContextOp any() {
        return new ContextOp((int) OLD_WORD);
    }

    @Override
    public int sizeBytes() {
        return IommuContextOp.SIZE;
    }

    @Override
    public int statusOffset() {
        return IommuContextOp.STATUS_OFFSET;
    }

    @Override
    public void write(MemorySegment array, long offsetBytes) {
        IommuContextOp.putCtxNo(array, offsetBytes, context);
    }
}
