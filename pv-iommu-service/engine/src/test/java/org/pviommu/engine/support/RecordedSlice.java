package org.pviommu.engine.support;

import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.engine.SliceRecord;

/** A copy of one record: of each element all of its words, as they were applied, its kind and its status. */
public final class RecordedSlice {
    private final int guestId;
    private final int context;
    private final int subOp;
    private final int elementBytes;
    private final long[][] words;
    private final int[] kinds;
    private final int[] statuses;
    private final SliceRecord.Flush flush;

    RecordedSlice(SliceRecord slice) {
        int n = slice.operations();
        guestId = slice.guestId();
        context = slice.context();
        subOp = slice.subOp();
        elementBytes = slice.elementBytes();
        flush = slice.flush();
        words = new long[n][elementBytes / Long.BYTES];
        kinds = new int[n];
        statuses = new int[n];
        for (int i = 0; i < n; i++) {
            for (int word = 0; word < words[i].length; word++) {
                words[i][word] = slice.word(i, word * Long.BYTES);
            }
            kinds[i] = slice.kind(i);
            statuses[i] = slice.status(i);
        }
        requireRuns(slice);
    }

    /** The engine says which operations it applied as one; it must be what a look at each of them says. */
    private void requireRuns(SliceRecord slice) {
        if (subOp != IommuOp.MAP_PAGE && subOp != IommuOp.UNMAP_PAGE && subOp != IommuOp.MIXED) {
            return;
        }
        int length;
        for (int first = 0; first < operations(); first += length) {
            length = 1;
            while (first + length < operations() && continues(first + length)) {
                length++;
            }
            if (slice.runLength(first) != length) {
                throw new AssertionError(
                        "index=" + first + " runLength=" + slice.runLength(first) + " expected=" + length);
            }
        }
    }

    private boolean continues(int index) {
        int before = index - 1;
        return kinds[index] == kinds[before]
                && statuses[index] == statuses[before]
                && bfn(index) == bfn(before) + 1
                && (kinds[index] == IommuOp.UNMAP_PAGE
                        || (mfn(index) == mfn(before) + 1 && flags(index) == flags(before)));
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

    /** Bytes of one element. */
    public int elementBytes() {
        return elementBytes;
    }

    /** How many operations. */
    public int operations() {
        return statuses.length;
    }

    /** The 64-bit word at {@code offset} of element {@code i}. */
    public long word(int i, int offset) {
        return words[i][offset / Long.BYTES];
    }

    /** Sub-operation of element {@code i}. */
    public int kind(int i) {
        return kinds[i];
    }

    /** Bus frame of operation {@code i}. */
    public long bfn(int i) {
        return word(i, IommuMapOp.BFN_OFFSET);
    }

    /** Frame of operation {@code i}. */
    public long mfn(int i) {
        return word(i, IommuMapOp.MFN_OFFSET);
    }

    /** Flags of operation {@code i}: the low half of their word. */
    public int flags(int i) {
        boolean range = subOp == IommuOp.MAP_RANGE || subOp == IommuOp.UNMAP_RANGE;
        return (int) word(i, range ? IommuRangeOp.FLAGS_OFFSET : IommuMapOp.FLAGS_OFFSET);
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
