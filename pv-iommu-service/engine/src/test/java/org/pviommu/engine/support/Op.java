package org.pviommu.engine.support;

import org.pviommu.abi.IommuMapOp;

/**
 * One element of an array as a guest writes it.
 *
 * @param bfn bus frame
 * @param mfn frame
 * @param flags flags
 */
public record Op(long bfn, long mfn, int flags) {
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
}
