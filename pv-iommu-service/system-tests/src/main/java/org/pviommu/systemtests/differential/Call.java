package org.pviommu.systemtests.differential;

import java.util.Arrays;
import org.pviommu.abi.IommuOp;

/**
 * One hypercall of a run: parallel arrays of {@code count} operations.
 *
 * <p>{@code accessible} of them lie in the guest's memory; the others make the call -EFAULT.
 */
final class Call {
    final int subOp;
    final int count;
    final int accessible;
    final long[] bfn;
    final long[] mfn;
    final int[] flags;

    Call(int subOp, int count, int accessible) {
        this.subOp = subOp;
        this.count = count;
        this.accessible = accessible;
        this.bfn = new long[count];
        this.mfn = new long[count];
        this.flags = new int[count];
    }

    @Override
    public String toString() {
        return IommuOp.name(subOp) + " bfn=" + Arrays.toString(bfn) + " mfn=" + Arrays.toString(mfn) + " flags="
                + Arrays.toString(flags) + " accessible=" + accessible;
    }
}
