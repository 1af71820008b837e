package org.pviommu.engine.support;

import org.pviommu.engine.SliceRecord;

/** A copy of one record. Operation {@code i} is {@code (bfns[i], mfns[i], flags[i])} with {@code statuses[i]}. */
public final class RecordedSlice {
    private final int guestId;
    private final int context;
    private final int subOp;
    private final long[] bfns;
    private final long[] mfns;
    private final int[] flags;
    private final int[] statuses;
    private final SliceRecord.Flush flush;

    RecordedSlice(SliceRecord slice) {
        int n = slice.operations();
        guestId = slice.guestId();
        context = slice.context();
        subOp = slice.subOp();
        flush = slice.flush();
        bfns = new long[n];
        mfns = new long[n];
        flags = new int[n];
        statuses = new int[n];
        for (int i = 0; i < n; i++) {
            bfns[i] = slice.bfn(i);
            mfns[i] = slice.mfn(i);
            flags[i] = slice.flags(i);
            statuses[i] = slice.status(i);
        }
    }

    /** Number of the guest. */
    public int guestId() {
        return guestId;
    }

    /** Number of the address space. */
    public int context() {
        return context;
    }

    /** Sub-operation of the call. */
    public int subOp() {
        return subOp;
    }

    /** How many operations. */
    public int operations() {
        return bfns.length;
    }

    /** Bus frame of operation {@code i}. */
    public long bfn(int i) {
        return bfns[i];
    }

    /** Frame of operation {@code i}. */
    public long mfn(int i) {
        return mfns[i];
    }

    /** Flags of operation {@code i}. */
    public int flags(int i) {
        return flags[i];
    }

    /** Status of operation {@code i}. */
    public int status(int i) {
        return statuses[i];
    }

    /** The flush that came with the slice. */
    public SliceRecord.Flush flush() {
        return flush;
    }
}
