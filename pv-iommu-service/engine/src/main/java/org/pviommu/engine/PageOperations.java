package org.pviommu.engine;

import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/**
 * Applies operations on single pages: map_page, unmap_page and mixed.
 *
 * <p>A mixed element is brought into the form of a map_page element when it is copied in, with the kind of operation in the
 * word of the status; then all three go through the same loops. A change between maps and unmaps ends a run.
 */
final class PageOperations {
    /** Where a mixed element carries its kind after {@link #normaliseMixed}. */
    private static final int KIND_OFFSET = IommuMapOp.STATUS_OFFSET;

    private final BatchExecutor batch;
    private final MapRun mapRun = new MapRun();
    private final UnmapRun unmapRun = new UnmapRun();
    private AddressSpace space;
    private long operations;
    /** The first slice of the window: a mixed call keeps all of them, because a failed flush looks at them again. */
    private long windowOperations;

    /** For each first operation of a run how long it is, see {@link SliceRecord#runs}. */
    private long runs;

    private boolean runsKnown;

    @SuppressWarnings("NullAway.Init") // set by use()
    PageOperations(BatchExecutor batch) {
        this.batch = batch;
    }

    void use(AddressSpace newSpace, boolean mapsWhatItRemoved) {
        space = newSpace;
        mapRun.use(newSpace, mapsWhatItRemoved);
        unmapRun.use(newSpace, mapsWhatItRemoved);
    }

    /** After an exception: see {@link UnmapRun#takeBack}. */
    void takeBackOpenRun() {
        unmapRun.takeBack();
    }

    void startWindow() {
        windowOperations = 0;
    }

    /** Whether the operations of a run have all the same status, so that the lengths of the runs say all about them. */
    boolean areRunsKnown() {
        return runsKnown;
    }

    /**
     * Applies {@code n} operations, in array order. What there is no room to record is refused with -EIO and changes nothing.
     *
     * @param newRuns {@code n} 64-bit words for the lengths of the runs
     */
    void apply(int subOp, long newOperations, int n, long newRuns, boolean roomForMaps, boolean roomForRemovals) {
        operations = newOperations;
        runs = newRuns;
        runsKnown = true;
        if (windowOperations == 0) {
            windowOperations = newOperations;
        }
        switch (subOp) {
            case IommuOp.MAP_PAGE -> mapsOrRefused(0, n, roomForMaps);
            case IommuOp.UNMAP_PAGE -> unmapsOrRefused(0, n, roomForRemovals);
            default -> mixed(n, roomForMaps, roomForRemovals);
        }
    }

    private void mixed(int n, boolean roomForMaps, boolean roomForRemovals) {
        normaliseMixed(operations, n);
        int from = 0;
        while (from < n) {
            int kind = kind(operations, from);
            int to = from + 1;
            while (to < n && kind(operations, to) == kind) {
                to++;
            }
            switch (kind) {
                case IommuOp.MAP_PAGE -> mapsOrRefused(from, to, roomForMaps);
                case IommuOp.UNMAP_PAGE -> unmapsOrRefused(from, to, roomForRemovals);
                default -> failAll(from, to, IommuStatus.EINVAL);
            }
            from = to;
        }
    }

    /** Both elements have 24 bytes, and each is read completely before it is written. */
    private static void normaliseMixed(long elements, int n) {
        for (long element = elements; n > 0; n--, element += IommuMixedOp.SIZE) {
            int kind = Short.toUnsignedInt(RawMemory.getShort(element + IommuMixedOp.SUBOP_OFFSET));
            int flags = Short.toUnsignedInt(RawMemory.getShort(element + IommuMixedOp.FLAGS_OFFSET));
            long bfn = RawMemory.getLong(element + IommuMixedOp.BFN_OFFSET);
            long mfn = RawMemory.getLong(element + IommuMixedOp.MFN_OFFSET);
            RawMemory.putLong(element + IommuMapOp.BFN_OFFSET, bfn);
            RawMemory.putLong(element + IommuMapOp.MFN_OFFSET, mfn);
            RawMemory.putInt(element + IommuMapOp.FLAGS_OFFSET, flags);
            RawMemory.putInt(element + KIND_OFFSET, kind);
        }
    }

    private static int kind(long elements, int index) {
        return RawMemory.getInt(elements + (long) index * IommuMapOp.SIZE + KIND_OFFSET);
    }

    private long operation(int index) {
        return operations + (long) index * IommuMapOp.SIZE;
    }

    private void mapsOrRefused(int from, int to, boolean room) {
        if (room) {
            maps(from, to);
        } else {
            failAll(from, to, IommuStatus.EIO);
        }
    }

    private void failAll(int from, int to, int status) {
        batch.fail(from, to - from, status);
        runsKnown = false;
    }

    private void noteRun(int index, int operationsOfRun) {
        RawMemory.putLong(runs + 8L * index, operationsOfRun);
    }

    private void unmapsOrRefused(int from, int to, boolean room) {
        if (room) {
            unmaps(from, to);
        } else {
            failAll(from, to, IommuStatus.EIO);
        }
    }

    private void maps(int from, int to) {
        int i = from;
        while (i < to) {
            long op = operation(i);
            int status = mapRun.open(
                    RawMemory.getLong(op + IommuMapOp.BFN_OFFSET),
                    RawMemory.getLong(op + IommuMapOp.MFN_OFFSET),
                    RawMemory.getInt(op + IommuMapOp.FLAGS_OFFSET));
            int n = 1;
            if (status == IommuStatus.OK) {
                n += mapRun.extendByOperations(op + IommuMapOp.SIZE, to - i - 1);
                status = mapRun.close();
            }
            if (status != IommuStatus.OK) {
                batch.fail(i, n, status);
            }
            noteRun(i, n);
            i += n;
        }
    }

    private void unmaps(int from, int to) {
        int i = from;
        while (i < to) {
            long op = operation(i);
            long bfn = RawMemory.getLong(op + IommuMapOp.BFN_OFFSET);
            int status = unmapRun.check(bfn);
            if (status == IommuStatus.OK && !batch.canHold(i)) {
                status = IommuStatus.EIO;
            }
            if (status != IommuStatus.OK) {
                batch.fail(i, status);
                noteRun(i++, 1);
                continue;
            }
            unmapRun.open(bfn);
            int n = 1 + unmapRun.extendByOperations(op + IommuMapOp.SIZE, to - i - 1);
            giveUnmaps(i);
            noteRun(i, n);
            i += n;
        }
    }

    /**
     * Gives the run to the host, piece by piece when it removes less than was asked. -EBUSY speaks about one page that cannot
     * be cut out; anything else, no progress included, about all that is left.
     */
    private void giveUnmaps(int index) {
        int i = index;
        while (unmapRun.remaining() > 0) {
            long outcome = unmapRun.give();
            if (outcome > 0) {
                i += (int) outcome;
                continue;
            }
            boolean cannotCut = outcome == -UnmapRun.EBUSY;
            long refused = cannotCut ? 1 : unmapRun.remaining();
            unmapRun.refuse(refused);
            runsKnown = false;
            batch.fail(i, refused, cannotCut ? IommuStatus.EBUSY : IommuStatus.EIO);
            i += (int) refused;
        }
    }

    /**
     * Whether element {@code indexInWindow} of a mixed call, which was done, speaks about a bus frame whose flush failed. A map
     * of a bus frame that is still mapped does not, because what was mapped in place of something removed has been undone,
     * unless the host refused even that. The gather cannot tell: it may stand for the whole address space.
     */
    boolean isUnflushed(int indexInWindow, boolean remapsUndone) {
        if (kind(windowOperations, indexInWindow) == IommuOp.UNMAP_PAGE) {
            return true;
        }
        long element = windowOperations + (long) indexInWindow * IommuMapOp.SIZE;
        long bfn = RawMemory.getLong(element + IommuMapOp.BFN_OFFSET);
        boolean mapped = PageEntry.isMapped(space.table().entryForWriter(bfn));
        return !mapped || (!remapsUndone && space.isNotUndone(bfn));
    }
}
