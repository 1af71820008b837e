package org.pviommu.engine.support;

import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuMapOp;

/**
 * An element of a map_page, unmap_page or lookup_page call.
 *
 * @param bfn bus frame
 * @param mfn frame
 * @param flags flags
 */
public record Op(long bfn, long mfn, int flags) implements Element {
    /** A mapping for reads and writes. */
    public static Op rw(long bfn, long mfn) {
        return new Op(bfn, mfn, IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
    }

    /** A mapping for reads. */
    public static Op ro(long bfn, long mfn) {
        return new Op(bfn, mfn, IommuMapOp.READABLE);
    }

    /** An element that only names a bus frame. */
    public static Op at(long bfn) {
        return new Op(bfn, 0, 0);
    }

    /** {@code n} elements from this one on, with both frames counting up. */
    public Op[] run(int n) {
        Op[] ops = new Op[n];
        for (int i = 0; i < n; i++) {
            ops[i] = new Op(bfn + i, mfn + i, flags);
        }
        return ops;
    }

    @Override
    public int sizeBytes() {
        return IommuMapOp.SIZE;
    }

    @Override
    public int statusOffset() {
        return IommuMapOp.STATUS_OFFSET;
    }

    @Override
    public void write(MemorySegment array, long offsetBytes) {
        IommuMapOp.putBfn(array, offsetBytes, bfn);
        IommuMapOp.putMfn(array, offsetBytes, mfn);
        IommuMapOp.putFlags(array, offsetBytes, flags);
    }
}
