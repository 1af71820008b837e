package org.pviommu.journal.replay;

import org.pviommu.abi.IommuOp;
import org.pviommu.journal.record.Run;

/** Which bus frames a recorded run names. Ranges are inclusive; bus frames are unsigned and may wrap. */
final class Touch {
    private Touch() {}

    /** Whether elements of {@code subOp} name bus frames at all. */
    static boolean namesBfns(int subOp) {
        return switch (subOp) {
            case IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, IommuOp.MIXED, IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> true;
            default -> false;
        };
    }

    static boolean isRange(int subOp) {
        return subOp == IommuOp.MAP_RANGE || subOp == IommuOp.UNMAP_RANGE;
    }

    /** Whether the run names a bus frame of {@code [first, last]}, whatever came of it. */
    static boolean any(int subOp, Run run, long first, long last) {
        if (!namesBfns(subOp)) {
            return false;
        }
        long count = isRange(subOp) ? run.pages() : run.count();
        boolean beginsInside = Long.compareUnsigned(run.bfn() - first, last - first) <= 0;
        boolean coversFirst = Long.compareUnsigned(first - run.bfn(), count) < 0;
        return count != 0 && (beginsInside || coversFirst);
    }

    /** The part of a run that names bus frames of {@code [first, last]}, which it does; a range operation stays whole. */
    static Run within(int subOp, Run run, long first, long last) {
        if (isRange(subOp)) {
            return run;
        }
        long skip = Long.compareUnsigned(first - run.bfn(), run.count()) < 0 ? first - run.bfn() : 0;
        long wanted = last - (run.bfn() + skip) + 1; // the frame after skip is one of [first, last]
        int count = (int) Math.min(run.count() - skip, wanted);
        return new Run(
                count,
                run.kind(),
                run.bfn() + skip,
                run.mfn() + skip,
                run.flags(),
                run.pages(),
                run.nrDone(),
                run.status());
    }

    /** How many pages of the run were really mapped or removed: all, or the leading ones. */
    static long pagesDone(int subOp, Run run) {
        if (isRange(subOp)) {
            return run.nrDone();
        }
        return run.status() == 0 ? run.count() : 0;
    }
}
