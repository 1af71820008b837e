package org.pviommu.engine;

/**
 * The ranges of bus frames made stale by removals, waiting for the one flush that covers them (Linux: iotlb_gather).
 * Ranges are inclusive {@code [first, last]}.
 *
 * <p>It holds what was really removed, never what was requested (catalogue I3, CVE-2026-31735). Past
 * {@value #MAX_RANGES} separate ranges, or when asked to, it stands for the whole address space: one wide flush is
 * cheaper than many narrow ones, and covers more, which is always safe.
 *
 * <p>Not thread-safe; belongs to one address space and is used under its lock.
 */
public final class IotlbGather {
    /** More separate ranges than this become a flush of the whole address space. */
    public static final int MAX_RANGES = 64;

    private final long[] first = new long[MAX_RANGES];
    private final long[] last = new long[MAX_RANGES];
    private int ranges;
    private boolean wholeSpace;

    /** Adds {@code pages} (at least 1) bus frames from {@code firstBfn} on. */
    public void add(long firstBfn, long pages) {
        if (wholeSpace) {
            return;
        }
        long lastBfn = firstBfn + pages - 1;
        if (extendsNewestRange(firstBfn, lastBfn)) {
            return;
        }
        if (ranges == MAX_RANGES) {
            wholeSpace = true;
            ranges = 0;
            return;
        }
        first[ranges] = firstBfn;
        last[ranges] = lastBfn;
        ranges++;
    }

    /** Batches remove upwards or downwards far more often than at random, so only the newest range is tried. */
    private boolean extendsNewestRange(long firstBfn, long lastBfn) {
        if (ranges == 0) {
            return false;
        }
        int newest = ranges - 1;
        if (firstBfn == last[newest] + 1) {
            last[newest] = lastBfn;
            return true;
        }
        if (lastBfn + 1 == first[newest]) {
            first[newest] = firstBfn;
            return true;
        }
        return false;
    }

    /** Whether nothing is waiting for a flush. */
    public boolean isEmpty() {
        return ranges == 0 && !wholeSpace;
    }

    /** Whether the flush has to cover the whole address space; then there are no ranges. */
    public boolean isWholeSpace() {
        return wholeSpace;
    }

    /** How many separate ranges are waiting. */
    public int rangeCount() {
        return ranges;
    }

    /** First bus frame of range {@code index}. */
    public long firstBfn(int index) {
        return first[index];
    }

    /** Last bus frame of range {@code index}, inclusive. */
    public long lastBfn(int index) {
        return last[index];
    }

    /** Whether a flush of this gather covers {@code bfn}. */
    public boolean covers(long bfn) {
        for (int i = 0; i < ranges; i++) {
            if (first[i] <= bfn && bfn <= last[i]) {
                return true;
            }
        }
        return wholeSpace;
    }

    /** Forgets everything, after a flush that succeeded. */
    void clear() {
        ranges = 0;
        wholeSpace = false;
    }

    /** Makes the next flush cover everything; used where an exception left the exact ranges unknown. */
    void addWholeSpace() {
        wholeSpace = true;
        ranges = 0;
    }
}
