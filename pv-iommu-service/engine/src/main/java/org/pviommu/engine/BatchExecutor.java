package org.pviommu.engine;

import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/**
 * The life of one call on one address space, in the order that makes it safe:
 *
 * <ol>
 *   <li>the caller has copied the operations out of guest memory; they are read from its copy only;
 *   <li>room for the record is reserved;
 *   <li>each operation is checked and applied in array order, runs of them are given to the host;
 *   <li>one flush over what was really removed, after the last slice, unless the guest deferred it;
 *   <li>the record is committed with its outcome;
 *   <li>the removed frames are released;
 *   <li>the caller publishes the statuses.
 * </ol>
 *
 * <p>The open run is given to the host before an operation that does not extend it is checked, so that each operation sees
 * the true outcome of those before it.
 *
 * <p>One instance per serving thread; allocates nothing per call. Statuses are kept as positive errno bytes (all are below
 * 128) until they are published. Source of the statuses and of their precedence: docs/hypercall-abi.md.
 */
final class BatchExecutor {
    private static final byte OK = 0;

    private final SliceRecord record = new SliceRecord();
    private final PageOperations pageOperations = new PageOperations(this);
    private final RangeOperations rangeOperations = new RangeOperations(this);

    // The call.
    private AddressSpace space;
    private Guest guest;
    private int subOp;
    private boolean deferred;
    private boolean open;
    /** Whether a slice is being applied: then nobody knows what has happened if it is not finished. */
    private boolean applying;

    /** Whether the call has records already, of which none is its last. */
    private boolean hasRecords;

    private boolean earlyFlushFailed;
    private boolean refusedByLog;
    /** The window of statuses: its first, the first whose removal no flush has covered, and behind the last. */
    private long windowStatuses;

    private long firstUnflushed;
    private long endOfStatuses;

    // The slice.
    private long operations;
    private long statuses;
    private int count;
    private long results;
    private boolean roomForMaps;
    private boolean roomForRemovals;
    /** Operations of the slice before this one are in a record already. */
    private int recorded;

    @SuppressWarnings("NullAway.Init") // the fields of a call are set by begin()
    BatchExecutor() {}

    /**
     * Starts a call on {@code space}; the caller holds its guest's lock until after {@link #end}.
     *
     * @param subOperation map_page, unmap_page, mixed, map_range or unmap_range
     * @param isDeferred whether the guest flushes later itself
     */
    void begin(AddressSpace space, int subOperation, boolean isDeferred) {
        this.space = space;
        this.guest = space.guest();
        this.subOp = subOperation;
        this.deferred = isDeferred;
        this.earlyFlushFailed = false;
        this.refusedByLog = false;
        boolean mapsAgain = subOperation == IommuOp.MIXED && !isDeferred;
        pageOperations.use(space, mapsAgain);
        rangeOperations.use(space);
        startWindow();
        guest.beginCall();
        this.hasRecords = false;
        this.open = true;
    }

    private void startWindow() {
        pageOperations.startWindow();
        rangeOperations.startWindow();
        windowStatuses = 0;
        firstUnflushed = 0;
        endOfStatuses = 0;
        count = 0;
        recorded = 0;
    }

    /**
     * Applies one slice of the call. A slice boundary does not flush and cannot be seen by the guest.
     *
     * @param operationsAddress {@code n} elements, our own copy; those of a mixed call stay until {@link #finish}
     * @param n how many, at least 1
     * @param statusesAddress {@code n} bytes for their statuses; slices of one window of statuses follow each other
     * @param resultsAddress {@code n} 64-bit words for what range operations give back besides, as {@code statuses}; operations on
     *     pages keep the lengths of their runs there
     * @param last whether no other slice of this window follows; its record then waits for {@link #finish}
     */
    void apply(long operationsAddress, int n, long statusesAddress, long resultsAddress, boolean last) {
        applying = true;
        operations = operationsAddress;
        statuses = statusesAddress;
        count = n;
        recorded = 0;
        results = resultsAddress;
        if (windowStatuses == 0) {
            windowStatuses = statusesAddress;
            firstUnflushed = statusesAddress;
        }
        endOfStatuses = statusesAddress + n;
        RawMemory.clear(statusesAddress, n); // all of them OK so far
        BatchLog log = guest.log();
        roomForMaps = subOp != IommuOp.UNMAP_PAGE && subOp != IommuOp.UNMAP_RANGE && log.reserve(n, false);
        roomForRemovals = roomForMaps || (removes() && log.reserve(n, true));
        if (!roomForMaps && !roomForRemovals) {
            recorded = n; // nothing will be changed, so there is nothing to record
        }
        refusedByLog |= !(removes() ? roomForRemovals : roomForMaps) || (subOp == IommuOp.MIXED && !roomForMaps);
        switch (subOp) {
            case IommuOp.MAP_RANGE -> rangeOperations.maps(operations, results, n, roomForMaps);
            case IommuOp.UNMAP_RANGE -> rangeOperations.unmaps(operations, results, n, roomForRemovals);
            default -> pageOperations.apply(subOp, operations, n, results, roomForMaps, roomForRemovals);
        }
        guest.counters().operations.add(n);
        if (!last) {
            commit(count, SliceRecord.Flush.NONE, SliceRecord.Part.SLICE_END);
            applying = false;
        }
    }

    /** Whether the log had no room for the slice applied last, so that nothing of it was done. */
    boolean hadNoRoom() {
        return !roomForMaps && !roomForRemovals;
    }

    private boolean removes() {
        return subOp != IommuOp.MAP_PAGE && subOp != IommuOp.MAP_RANGE;
    }

    /**
     * The flush, the record and the release of a call, or of a window of a long call.
     *
     * @return false when the call has to return -EIO: the flush failed, or the log had no room
     */
    boolean finish() {
        SliceRecord.Flush outcome = SliceRecord.Flush.NONE;
        if (removes() && !deferred && !space.gather().isEmpty()) {
            outcome = space.flush() ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED;
        }
        if (outcome == SliceRecord.Flush.FAILED) {
            failUnflushed();
        }
        commit(count, outcome, SliceRecord.Part.CALL_END);
        if (outcome == SliceRecord.Flush.DONE) {
            space.releaseOwed();
        }
        applying = false;
        startWindow();
        return outcome != SliceRecord.Flush.FAILED && !refusedByLog;
    }

    /**
     * Closes the call, also after an exception: then it is not known exactly what was removed, so the next flush has to
     * cover everything (XSA-80: a "flush is deferred" state that survives an error path).
     *
     * @param finished whether {@link #finish} was reached
     */
    void end(boolean finished) {
        if (open && !finished && !applying && !hasRecords) {
            guest.endCallUnrecorded(); // it has changed nothing
        } else if (open && !finished) {
            pageOperations.takeBackOpenRun();
            rangeOperations.takeBackOpenRun();
            space.gather().addWholeSpace();
            space.settleFresh();
            commitUnfinished(applying ? SliceRecord.Part.CALL_BROKEN : SliceRecord.Part.CALL_ABANDONED);
        }
        applying = false;
        open = false;
    }

    private void commitUnfinished(SliceRecord.Part part) {
        record.set(space, subOp, elementBytes(), operations, statuses, 0, SliceRecord.Flush.NONE);
        record.part(part);
        guest.commit(record);
    }

    /** Records operations up to {@code to}; nothing when there is nothing to tell. */
    private void commit(int to, SliceRecord.Flush flush, SliceRecord.Part part) {
        int n = to - recorded;
        boolean end = part == SliceRecord.Part.CALL_END;
        if (n == 0 && flush == SliceRecord.Flush.NONE && !(end && hasRecords)) {
            if (end) {
                guest.endCallUnrecorded();
            }
            return;
        }
        long first = operations + (long) recorded * elementBytes();
        record.set(space, subOp, elementBytes(), first, statuses + recorded, n, flush);
        record.part(part);
        record.options(deferred, n == 0 || roomForMaps, n == 0 || roomForRemovals);
        if (subOp == IommuOp.MAP_RANGE || subOp == IommuOp.UNMAP_RANGE) {
            record.results(results + 8L * recorded);
        } else if (n > 0 && flush != SliceRecord.Flush.FAILED && pageOperations.areRunsKnown()) {
            record.runs(results + 8L * recorded); // a flush that failed has changed statuses in the middle of runs
        }
        recorded = to;
        hasRecords = !end;
        guest.commit(record);
    }

    private int elementBytes() {
        return IommuOp.elementBytes(subOp);
    }

    /**
     * No flush could cover what was removed: the elements whose bus frames wait for it lose their success; the frames stay
     * held and the bus frames owed. What the call had mapped in their place is undone first.
     */
    private void failUnflushed() {
        boolean remapsUndone = subOp != IommuOp.MIXED || space.undoRemaps();
        space.settleFresh();
        for (long status = firstUnflushed; status < endOfStatuses; status++) {
            if (isUnflushed(status, remapsUndone)) {
                failAt(status, IommuStatus.EIO);
            }
        }
    }

    /** A range that stopped early has a status of its own already, but what it removed is as unflushed as the rest. */
    private boolean isUnflushed(long status, boolean remapsUndone) {
        int index = (int) (status - windowStatuses);
        if (subOp == IommuOp.UNMAP_RANGE) {
            return rangeOperations.forgetUnflushed(index, status == firstUnflushed);
        }
        return RawMemory.getByte(status) == OK
                && (subOp != IommuOp.MIXED || pageOperations.isUnflushed(index, remapsUndone));
    }

    /** Gives operation {@code index} of the slice a status other than 0. */
    void fail(int index, int status) {
        failAt(statuses + index, status);
    }

    private void failAt(long address, int status) {
        if (RawMemory.getByte(address) == OK) {
            guest.counters().failures.add(1);
        }
        RawMemory.putByte(address, (byte) -status);
    }

    void fail(int from, long n, int status) {
        for (int i = 0; i < n; i++) {
            fail(from + i, status);
        }
    }

    /**
     * Makes sure that one more frame can be held, before operation {@code index} removes it. When the bound is reached,
     * everything the guest owes is flushed, which is always safe; what came before is recorded before its frames are let
     * go. A flush that failed is not tried again for each operation of the call.
     */
    boolean canHold(int index) {
        if (guest.holdableFrames() > 0) {
            return true;
        }
        if (earlyFlushFailed) {
            return false;
        }
        if (!space.gather().isEmpty()) {
            boolean flushed = space.flush();
            commit(index, flushed ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED, SliceRecord.Part.OF_SLICE);
            guest.counters().earlyFlushes.add(1);
            if (flushed) {
                space.releaseOwed();
                firstUnflushed = statuses + index;
                rangeOperations.flushedEarly();
            }
        }
        guest.flushAllBut(space); // what its other address spaces owe counts against the same bound
        earlyFlushFailed = guest.holdableFrames() <= 0;
        return !earlyFlushFailed;
    }
}
