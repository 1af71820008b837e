package org.pviommu.engine.support;

import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;

/**
 * An element of a mixed call.
 *
 * @param subOp map_page, unmap_page, or anything else that should be refused
 * @param bfn bus frame
 * @param mfn frame
 * @param flags flags
 */
public record MixedOp(int subOp, long bfn, long mfn, int flags) implements Element {
    /** A mapping for reads and writes. */
    public static MixedOp map(long bfn, long mfn) {
        return new MixedOp(IommuOp.MAP_PAGE, bfn, mfn, 3);
    }

    /** A removal. */
    public static MixedOp unmap(long bfn) {
        return new MixedOp(IommuOp.UNMAP_PAGE, bfn, 0, 0);
    }

    @Override
    public int sizeBytes() {
        return IommuMixedOp.SIZE;
    }

    @Override
    public int statusOffset() {
        return IommuMixedOp.STATUS_OFFSET;
    }

    @Override
    public void write(MemorySegment array, long offsetBytes) {
        IommuMixedOp.putSubop(array, offsetBytes, subOp);
        IommuMixedOp.putFlags(array, offsetBytes, flags);
        IommuMixedOp.putBfn(array, offsetBytes, bfn);
        IommuMixedOp.putMfn(array, offsetBytes, mfn);
    }
}
