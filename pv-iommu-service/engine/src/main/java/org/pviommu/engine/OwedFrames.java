package org.pviommu.engine;

import org.pviommu.natives.AnonymousMemory;

/**
 * The frames that an address space removed and still holds, until the flush that covers their removal has completed.
 *
 * <p>Runs of contiguous bfn and mfn, in the order of removal. Room for every frame the guest may have held is set aside
 * when the address space is made, because an unmap must not need memory; pages of it are touched as they are used.
 *
 * <p>Belongs to one address space, used under its lock.
 */
final class OwedFrames implements AutoCloseable {
    private static final int RUN_BYTES = 24;
    private static final int BFN = 0;
    private static final int MFN = 8;
    private static final int PAGES = 16;

    private final AnonymousMemory memory;
    private final long base;
    private final int capacityRuns;
    private int runs;
    private long frames;

    OwedFrames(int maxFrames) {
        this.capacityRuns = maxFrames;
        long bytes = (long) maxFrames * RUN_BYTES; // below 2^36: maxFrames is an int
        this.memory = AnonymousMemory.reserve((bytes + TableMemory.PAGE_BYTES - 1) & -TableMemory.PAGE_BYTES, false);
        this.base = memory.segment().address();
    }

    /** Adds frames that were removed just now. False when there is no room, and nothing was added. */
    boolean add(long bfn, long mfn, long pages) {
        if (!extendsNewest(bfn, mfn)) {
            if (runs == capacityRuns) {
                return false;
            }
            long run = base + (long) runs * RUN_BYTES;
            RawMemory.putLong(run + BFN, bfn);
            RawMemory.putLong(run + MFN, mfn);
            RawMemory.putLong(run + PAGES, 0);
            runs++;
        }
        long newest = base + (runs - 1L) * RUN_BYTES;
        RawMemory.putLong(newest + PAGES, RawMemory.getLong(newest + PAGES) + pages);
        frames += pages;
        return true;
    }

    private boolean extendsNewest(long bfn, long mfn) {
        if (runs == 0) {
            return false;
        }
        int newest = runs - 1;
        return bfn(newest) + pages(newest) == bfn && mfn(newest) + pages(newest) == mfn;
    }

    int runs() {
        return runs;
    }

    long frames() {
        return frames;
    }

    long bfn(int run) {
        return RawMemory.getLong(base + (long) run * RUN_BYTES + BFN);
    }

    long mfn(int run) {
        return RawMemory.getLong(base + (long) run * RUN_BYTES + MFN);
    }

    long pages(int run) {
        return RawMemory.getLong(base + (long) run * RUN_BYTES + PAGES);
    }

    void clear() {
        runs = 0;
        frames = 0;
    }

    @Override
    public void close() {
        memory.close();
    }
}
