package org.pviommu.server.records;

import org.pviommu.abi.IommuOp;
import org.pviommu.journal.record.Run;
import org.pviommu.server.Text;

/**
 * Bus frames, inclusive, unsigned.
 *
 * @param first the first one
 * @param last the last one
 */
public record BfnRange(long first, long last) {
    private static final long ANY = -1L;

    /**
     * Reads {@code 0x10}, or {@code 0x10-0x1f}; each number may be decimal.
     *
     * @throws IllegalArgumentException for anything else
     */
    public static BfnRange parse(String text) {
        int dash = text.indexOf('-');
        if (dash < 0) {
            long only = Text.parseUnsigned("bfn", text, ANY);
            return new BfnRange(only, only);
        }
        long first = Text.parseUnsigned("bfn", text.substring(0, dash), ANY);
        long last = Text.parseUnsigned("bfn", text.substring(dash + 1), ANY);
        if (Long.compareUnsigned(first, last) > 0) {
            throw new IllegalArgumentException("bfn=" + Text.quote(text) + " ends before it begins");
        }
        return new BfnRange(first, last);
    }

    /** Whether operations speak about one of these frames; what a guest gave may wrap around 2^64, which ends at its end. */
    boolean meets(Run run) {
        if (!RecordViews.hasBfns(run)) {
            return false;
        }
        boolean range = run.kind() == IommuOp.MAP_RANGE || run.kind() == IommuOp.UNMAP_RANGE;
        long pages = range ? run.pages() : run.count();
        long runLast = pages == 0 ? run.bfn() : run.bfn() + (pages - 1);
        long bounded = Long.compareUnsigned(runLast, run.bfn()) < 0 ? ANY : runLast;
        return Long.compareUnsigned(run.bfn(), last) <= 0 && Long.compareUnsigned(bounded, first) >= 0;
    }

    boolean meets(long firstBfn, long lastBfn) {
        return Long.compareUnsigned(firstBfn, last) <= 0 && Long.compareUnsigned(lastBfn, first) >= 0;
    }

    boolean contains(long bfn) {
        return Long.compareUnsigned(bfn, first) >= 0 && Long.compareUnsigned(bfn, last) <= 0;
    }
}
