package org.pviommu.engine;

import org.pviommu.abi.IommuRangeOp;
import org.pviommu.abi.IommuStatus;

/**
 * Applies operations on ranges of pages: map_range and unmap_range.
 *
 * <p>A map_range stops at the first frame it cannot map and keeps what it mapped. An unmap_range skips holes, in time that is
 * bounded by what is mapped and not by the range. Besides the status each element gets nr_done: how many leading pages are
 * finished, holes included.
 */
final class RangeOperations {
    /** In a result word: the element removed something, so a failed flush concerns it. nr_done is below 2^52. */
    private static final long REMOVED = 1L << 62;

    private final BatchExecutor batch;
    private final MapRun mapRun = new MapRun();
    private final UnmapRun unmapRun = new UnmapRun();
    private AddressSpace space;
    private long windowResults;

    /** Pages of the element being applied that are finished. */
    private long done;

    /** Pages of the first element with unflushed removals that an early flush had made final. */
    private long doneAtEarlyFlush;

    private boolean removedAny;
    private boolean removedSinceFlush;

    @SuppressWarnings("NullAway.Init") // set by use()
    RangeOperations(BatchExecutor batch) {
        this.batch = batch;
    }

    void use(AddressSpace newSpace) {
        space = newSpace;
        mapRun.use(newSpace, false);
        unmapRun.use(newSpace, false);
    }

    /** After an exception: see {@link UnmapRun#takeBack}. */
    void takeBackOpenRun() {
        unmapRun.takeBack();
    }

    void startWindow() {
        windowResults = 0;
        doneAtEarlyFlush = 0;
    }

    void maps(long operations, long results, int n, boolean room) {
        for (int i = 0; i < n; i++) {
            long op = operations + (long) i * IommuRangeOp.SIZE;
            done = 0;
            int status = room ? map(op) : IommuStatus.EIO;
            if (status != IommuStatus.OK) {
                batch.fail(i, status);
            }
            RawMemory.putLong(results + 8L * i, done);
        }
    }

    private int map(long op) {
        long bfn = RawMemory.getLong(op + IommuRangeOp.BFN_OFFSET);
        long mfn = RawMemory.getLong(op + IommuRangeOp.MFN_OFFSET);
        long pages = RawMemory.getLong(op + IommuRangeOp.NR_PAGES_OFFSET);
        int flags = RawMemory.getInt(op + IommuRangeOp.FLAGS_OFFSET);
        if (pages == 0 || wraps(bfn, pages) || wraps(mfn, pages)) {
            return IommuStatus.EINVAL;
        }
        while (done != pages) {
            int status = mapRun.open(bfn + done, mfn + done, flags);
            if (status != IommuStatus.OK) {
                return status;
            }
            // Unsigned: a count beyond 2^63 ends at the aperture long before.
            long left = pages - done - 1;
            long n = 1 + mapRun.extendByPages(left < 0 ? Long.MAX_VALUE : left);
            status = mapRun.close();
            if (status != IommuStatus.OK) {
                return status;
            }
            done += n;
        }
        return IommuStatus.OK;
    }

    private static boolean wraps(long first, long pages) {
        return Long.compareUnsigned(first + pages - 1, first) < 0;
    }

    void unmaps(long operations, long results, int n, boolean room) {
        if (windowResults == 0) {
            windowResults = results;
        }
        for (int i = 0; i < n; i++) {
            long op = operations + (long) i * IommuRangeOp.SIZE;
            done = 0;
            removedAny = false;
            removedSinceFlush = false;
            int status = room ? unmap(op, i) : IommuStatus.EIO;
            if (status != IommuStatus.OK) {
                batch.fail(i, status);
            }
            RawMemory.putLong(results + 8L * i, done | (removedSinceFlush ? REMOVED : 0));
        }
    }

    private int unmap(long op, int index) {
        long bfn = RawMemory.getLong(op + IommuRangeOp.BFN_OFFSET);
        long pages = RawMemory.getLong(op + IommuRangeOp.NR_PAGES_OFFSET);
        if (pages == 0 || wraps(bfn, pages)) {
            return IommuStatus.EINVAL;
        }
        if (!space.isInAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        long last = Long.compareUnsigned(bfn + pages - 1, space.lastBfn()) > 0 ? space.lastBfn() : bfn + pages - 1;
        int status = unmapMapped(bfn, last, index);
        if (status != IommuStatus.OK) {
            return status;
        }
        done = last - bfn + 1;
        if (done != pages) {
            return IommuStatus.ERANGE; // the rest is beyond the aperture
        }
        return removedAny ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    /** Removes what is mapped in {@code [first, last]}; {@link #done} counts from {@code first}. */
    private int unmapMapped(long first, long last, int index) {
        long bfn = space.nextMapped(first, last);
        while (bfn >= 0) {
            done = bfn - first;
            if (!batch.canHold(index)) {
                return IommuStatus.EIO;
            }
            unmapRun.open(bfn);
            unmapRun.extendByPages(last - bfn);
            int status = give();
            if (status != IommuStatus.OK) {
                return status;
            }
            bfn = first + done > last ? -1 : space.nextMapped(first + done, last);
        }
        return IommuStatus.OK;
    }

    /** Stops at the first page the host does not remove; what lies behind it is mapped as before. */
    private int give() {
        while (unmapRun.remaining() > 0) {
            long outcome = unmapRun.give();
            if (outcome <= 0) {
                unmapRun.refuse(unmapRun.remaining());
                return outcome == -UnmapRun.EBUSY ? IommuStatus.EBUSY : IommuStatus.EIO;
            }
            done += outcome;
            removedAny = true;
            removedSinceFlush = true;
        }
        return IommuStatus.OK;
    }

    /** An early flush succeeded in the middle of the element: what it has done so far is final. */
    void flushedEarly() {
        doneAtEarlyFlush = done;
        removedSinceFlush = false;
    }

    /**
     * Whether element {@code indexInWindow} removed something that no flush has covered; then its count goes back to what an
     * early flush had made final, which can only have happened in the first such element.
     */
    boolean forgetUnflushed(int indexInWindow, boolean first) {
        long word = windowResults + 8L * indexInWindow;
        long result = RawMemory.getLong(word);
        if ((result & REMOVED) == 0) {
            return false;
        }
        RawMemory.putLong(word, first ? doneAtEarlyFlush : 0);
        return true;
    }

    static long nrDone(long resultWord) {
        return resultWord & ~REMOVED;
    }
}
