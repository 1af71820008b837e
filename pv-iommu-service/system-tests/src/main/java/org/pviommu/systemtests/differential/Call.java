package org.pviommu.systemtests.differential;

import java.util.Arrays;
import org.pviommu.abi.IommuOp;

/**
 * One hypercall of a run: parallel arrays of {@code count} operations, of which each sub-operation uses what it has.
 *
 * <p>{@code accessible} of them lie in the guest's memory; the others make the call -EFAULT.
 */
final class Call {
    final int subOp;
    final int context;
    final boolean deferred;
    final int count;
    final int accessible;
    /** map_page or unmap_page, or something that does not exist; of mixed elements. */
    final int[] kind;

    final long[] bfn;
    final long[] mfn;
    final long[] pages;
    final int[] flags;
    final int[] endpoint;
    final int[] target;

    Call(int subOp, int context, boolean deferred, int count, int accessible) {
        this.subOp = subOp;
        this.context = context;
        this.deferred = deferred;
        this.count = count;
        this.accessible = accessible;
        this.kind = new int[count];
        this.bfn = new long[count];
        this.mfn = new long[count];
        this.pages = new long[count];
        this.flags = new int[count];
        this.endpoint = new int[count];
        this.target = new int[count];
    }

    /** A call on address space 0, all of it in memory. */
    static Call of(int subOp, int count) {
        return new Call(subOp, 0, false, count, count);
    }

    int cmd() {
        return IommuOp.cmd(subOp, deferred ? IommuOp.F_DEFER : 0, context);
    }

    /** What element {@code index} does: the sub-operation of the call, or its own in a mixed call. */
    int kindOf(int index) {
        return subOp == IommuOp.MIXED ? kind[index] : subOp;
    }

    @Override
    public String toString() {
        return IommuOp.name(subOp) + (deferred ? " deferred" : "") + " context=" + context + " accessible=" + accessible
                + "/" + count + " kind=" + Arrays.toString(kind) + " bfn=" + Arrays.toString(bfn) + " mfn="
                + Arrays.toString(mfn) + " pages=" + Arrays.toString(pages) + " flags=" + Arrays.toString(flags)
                + " endpoint=" + Arrays.toString(endpoint) + " target=" + Arrays.toString(target);
    }
}
