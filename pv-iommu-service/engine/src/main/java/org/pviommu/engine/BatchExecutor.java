package org.pviommu.engine;

import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/**
 * The life of one batch on one address space, in the order that makes it safe:
 *
 * <ol>
 *   <li>the caller has copied the operations out of guest memory; they are read from its copy only;
 *   <li>room for the record is reserved;
 *   <li>each operation is checked and applied in array order, runs of them are given to the host;
 *   <li>one flush over what was really removed, after the last slice;
 *   <li>the record is committed with its outcome;
 *   <li>the removed frames are released;
 *   <li>the caller publishes the statuses.
 * </ol>
 *
 * <p>A run is a sequence of operations with contiguous bus frames, contiguous frames and one access. The open run is given
 * to the host before an operation that does not extend it is checked, so that each operation sees the true outcome of
 * those before it.
 *
 * <p>One instance per serving thread; allocates nothing per batch. Statuses are kept as positive errno bytes (all are
 * below 128) until they are published. Source of the statuses and of their precedence: docs/hypercall-abi.md.
 */
public final class BatchExecutor {
    private static final byte OK = 0;
    private static final int EBUSY = 16;
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;

    private final BatchLog log;
    private final SliceRecord record = new SliceRecord();

    // The call.
    private AddressSpace space;
    private Guest guest;
    private RadixTable table;
    private int subOp;
    private boolean open;
    private boolean earlyFlushFailed;
    private boolean refusedByLog;
    /** Status of the first operation whose removal no flush has covered yet. */
    private long firstUnflushedStatus;
    /** Behind the status of the last operation applied. */
    private long endOfStatuses;

    // The slice.
    private long operations;
    private long statuses;
    private int count;
    /** Operations of the slice before this one are in a record already. */
    private int recorded;

    // The open run.
    private int runIndex;
    private long runBfn;
    private long runMfn;
    private long runPages;
    /** Pages of an unmap's run whose outcome is known. */
    private long runDone;

    private int runAccess;
    private GuestRegion runRegion;

    /** An executor that records to {@code log}. */
    @SuppressWarnings("NullAway.Init") // the fields of a call are set by begin()
    public BatchExecutor(BatchLog log) {
        this.log = log;
    }

    /**
     * Starts a call on {@code space}, whose lock the caller holds until after {@link #end}.
     *
     * @param subOperation {@link IommuOp#MAP_PAGE} or {@link IommuOp#UNMAP_PAGE}
     */
    public void begin(AddressSpace space, int subOperation) {
        this.space = space;
        this.guest = space.guest();
        this.table = space.table();
        this.subOp = subOperation;
        this.earlyFlushFailed = false;
        this.refusedByLog = false;
        this.firstUnflushedStatus = 0;
        this.endOfStatuses = 0;
        this.count = 0;
        this.recorded = 0;
        this.runPages = 0;
        this.runDone = 0;
        guest.frameLock().lock();
        this.open = true;
    }

    /**
     * Applies one slice of the call. A slice boundary does not flush and cannot be seen by the guest.
     *
     * @param operationsAddress {@code n} operations of {@link IommuMapOp#SIZE} bytes, our own copy
     * @param n how many, at least 1
     * @param statusesAddress {@code n} bytes for their statuses; slices of one window of statuses follow each other
     * @param last whether no other slice of this call follows; its record then waits for {@link #finish}
     */
    public void apply(long operationsAddress, int n, long statusesAddress, boolean last) {
        operations = operationsAddress;
        statuses = statusesAddress;
        count = n;
        recorded = 0;
        if (firstUnflushedStatus == 0) {
            firstUnflushedStatus = statusesAddress;
        }
        endOfStatuses = statusesAddress + n;
        boolean removal = subOp == IommuOp.UNMAP_PAGE;
        if (!log.reserve(n, removal)) {
            refuseSlice();
            return;
        }
        if (removal) {
            applyUnmaps();
        } else {
            applyMaps();
        }
        guest.counters().operations.add(n);
        if (!last) {
            commit(count, SliceRecord.Flush.NONE);
        }
    }

    /** No room to record the slice: nothing is changed, and every element says so. */
    private void refuseSlice() {
        for (int i = 0; i < count; i++) {
            fail(i, IommuStatus.EIO);
        }
        guest.counters().operations.add(count);
        recorded = count;
        refusedByLog = true;
    }

    /**
     * The flush, the record and the release of the call, or of a window of a long call.
     *
     * @return false when the call has to return -EIO: the flush failed, or the log had no room
     */
    public boolean finish() {
        SliceRecord.Flush outcome = SliceRecord.Flush.NONE;
        if (subOp == IommuOp.UNMAP_PAGE && !space.gather().isEmpty()) {
            outcome = space.flush() ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED;
        }
        if (outcome == SliceRecord.Flush.FAILED) {
            failUnflushed();
        }
        commit(count, outcome);
        if (outcome == SliceRecord.Flush.DONE) {
            space.releaseOwed();
        }
        firstUnflushedStatus = 0;
        count = 0;
        recorded = 0;
        return outcome != SliceRecord.Flush.FAILED && !refusedByLog;
    }

    /**
     * Closes the call, also after an exception: then it is not known exactly what was removed, so the next flush has to
     * cover everything (XSA-80: a "flush is deferred" state that survives an error path).
     *
     * @param finished whether {@link #finish} was reached
     */
    public void end(boolean finished) {
        if (!open) {
            return;
        }
        open = false;
        if (!finished) {
            takeBackOpenUnmap();
            space.gather().addWholeSpace();
        }
        guest.frameLock().unlock();
    }

    /**
     * What the host did with the rest of the open run is not known, so its frames stay held, and its entries are mapped
     * again: marked owed they would be on no list, and no flush would ever let them go. The guest can unmap them again.
     */
    private void takeBackOpenUnmap() {
        if (subOp == IommuOp.UNMAP_PAGE && runDone < runPages) {
            space.rollBackUnmap(runBfn + runDone, runMfn + runDone, runPages - runDone, runAccess);
        }
    }

    private void commit(int to, SliceRecord.Flush flush) {
        int n = to - recorded;
        if (n == 0 && flush == SliceRecord.Flush.NONE) {
            return;
        }
        record.set(space, subOp, operations + (long) recorded * IommuMapOp.SIZE, statuses + recorded, n, flush);
        log.commit(record);
        recorded = to;
    }

    /** Every removal that no flush has covered loses its success; its frame stays held and its bus frame owed. */
    private void failUnflushed() {
        for (long status = firstUnflushedStatus; status < endOfStatuses; status++) {
            if (RawMemory.getByte(status) == OK) {
                RawMemory.putByte(status, (byte) -IommuStatus.EIO);
                guest.counters().failures.add(1);
            }
        }
    }

    private void fail(int index, int status) {
        RawMemory.putByte(statuses + index, (byte) -status);
        guest.counters().failures.add(1);
    }

    private long operation(int index) {
        return operations + (long) index * IommuMapOp.SIZE;
    }

    // Maps.

    private void applyMaps() {
        int i = 0;
        while (i < count) {
            int status = openMap(i);
            if (status != IommuStatus.OK) {
                fail(i++, status);
                continue;
            }
            i = extendMap(i + 1);
            closeMap();
        }
    }

    /** Checks operation {@code index} with no run open, and opens one with it when it is good. */
    private int openMap(int index) {
        long op = operation(index);
        long bfn = RawMemory.getLong(op + IommuMapOp.BFN_OFFSET);
        long mfn = RawMemory.getLong(op + IommuMapOp.MFN_OFFSET);
        int flags = RawMemory.getInt(op + IommuMapOp.FLAGS_OFFSET);
        int status = checkMapRequest(bfn, flags);
        if (status != IommuStatus.OK) {
            return status;
        }
        GuestRegion region = guest.memory().find(mfn);
        if (region == null) {
            return IommuStatus.ENXIO;
        }
        status = checkMapState(bfn, mfn, region);
        if (status != IommuStatus.OK) {
            return status;
        }
        long leaf = table.leafForMap(bfn);
        if (leaf == 0) {
            return IommuStatus.ENOMEM;
        }
        region.tryHold(mfn); // checkMapState saw that there is room
        RawMemory.putLong(RadixTable.slot(leaf, bfn), PageEntry.mapped(mfn, flags));
        RawMemory.putByte(statuses + index, OK);
        openRun(index, bfn, mfn, flags, region);
        return IommuStatus.OK;
    }

    /** Reserved flag bits, write without read, no access: -EINVAL. Then the aperture, then reserved regions. */
    private int checkMapRequest(long bfn, int flags) {
        if (flags != IommuMapOp.READABLE && flags != (IommuMapOp.READABLE | IommuMapOp.WRITEABLE)) {
            return IommuStatus.EINVAL;
        }
        if (!space.isInAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        return space.isReserved(bfn) ? IommuStatus.EADDRNOTAVAIL : IommuStatus.OK;
    }

    /** The frame, then occupancy, then quota. */
    private int checkMapState(long bfn, long mfn, GuestRegion region) {
        if (region.isReserved(mfn)) {
            return IommuStatus.EPERM;
        }
        if (table.entryForWriter(bfn) != PageEntry.EMPTY) {
            return IommuStatus.EADDRINUSE;
        }
        if (guest.mappableFrames() <= 0 || region.holds(mfn) >= GuestRegion.MAX_HOLDS) {
            return IommuStatus.ENOSPC;
        }
        return IommuStatus.OK;
    }

    private void openRun(int index, long bfn, long mfn, int access, GuestRegion region) {
        runIndex = index;
        runBfn = bfn;
        runMfn = mfn;
        runPages = 1;
        runAccess = access;
        runRegion = region;
    }

    /**
     * Applies the operations from {@code from} on that continue the open run, as far as all checks hold; the index of the
     * first that does not. That one is looked at again by {@link #openMap} after the run was given to the host.
     */
    private int extendMap(int from) {
        long bfn = runBfn + 1;
        long mfn = runMfn + 1;
        int access = runAccess;
        int most = (int) maxExtension(from, runRegion.lastMfn() - runMfn, guest.mappableFrames() - 1);
        // Base plus i times a constant: the form in which the compiler can prove the addresses' range (RawMemory).
        long ops = RawMemory.inUserSpace(operation(from));
        long holdSlots = RawMemory.inUserSpace(runRegion.holdSlot(mfn));
        long answers = RawMemory.inUserSpace(statuses + from);
        long entry = PageEntry.mapped(mfn, access);
        long leaf = RawMemory.inUserSpace(table.leaf(runBfn));
        int i = 0;
        for (; i < most; i++, bfn++, mfn++) {
            long op = ops + (long) i * IommuMapOp.SIZE;
            long hold = holdSlots + (long) i * Short.BYTES;
            if (RawMemory.getLong(op + IommuMapOp.BFN_OFFSET) != bfn
                    || RawMemory.getLong(op + IommuMapOp.MFN_OFFSET) != mfn
                    || RawMemory.getInt(op + IommuMapOp.FLAGS_OFFSET) != access) {
                break;
            }
            int holds = Short.toUnsignedInt(RawMemory.getShort(hold));
            if (holds >= GuestRegion.MAX_HOLDS) { // reserved frames have more
                break;
            }
            if ((bfn & (RadixTable.ENTRIES - 1)) == 0) {
                leaf = RawMemory.inUserSpace(table.leafForMap(bfn));
                if (leaf == 0) {
                    break;
                }
            }
            long slot = RadixTable.slot(leaf, bfn);
            if (RawMemory.getLong(slot) != PageEntry.EMPTY) {
                break;
            }
            RawMemory.putShort(hold, (short) (holds + 1));
            RawMemory.putLong(slot, entry);
            RawMemory.putByte(answers + i, OK);
            entry += PageEntry.NEXT_FRAME;
        }
        runRegion.addHolds(i);
        runPages += i;
        return from + i;
    }

    /** How many operations may extend the run: those left, within the aperture, the region or bound, and the quota. */
    private long maxExtension(int from, long framesLeft, long quotaLeft) {
        long bfnsLeft = space.lastBfnOfRun(runBfn) - runBfn;
        return Math.max(0, Math.min(Math.min(count - from, bfnsLeft), Math.min(framesLeft, quotaLeft)));
    }

    private void closeMap() {
        guest.addMappedFrames(runPages);
        space.addMapped(runPages);
        long offsetBytes = runRegion.offsetBytes(runMfn);
        int result = space.host().map(runBfn, runPages, runRegion.memory(), offsetBytes, runAccess);
        if (result == 0) {
            guest.counters().maps.add(runPages);
            return;
        }
        space.rollBackMap(runBfn, runMfn, runPages);
        failRun(runIndex, runPages, mapStatus(result));
    }

    /** ENOMEM and ENOSPC keep their meaning; whatever else the host says, the guest learns that the host refused. */
    private static int mapStatus(int hostResult) {
        return switch (-hostResult) {
            case ENOMEM -> IommuStatus.ENOMEM;
            case ENOSPC -> IommuStatus.ENOSPC;
            default -> IommuStatus.EIO;
        };
    }

    private void failRun(int index, long pages, int status) {
        for (int i = 0; i < pages; i++) {
            fail(index + i, status);
        }
    }

    // Unmaps.

    private void applyUnmaps() {
        int i = 0;
        while (i < count) {
            int status = openUnmap(i);
            if (status != IommuStatus.OK) {
                fail(i++, status);
                continue;
            }
            i = extendUnmap(i + 1);
            closeUnmap();
        }
    }

    /** Checks operation {@code index} with no run open, and opens one with it when it is good. */
    private int openUnmap(int index) {
        long bfn = RawMemory.getLong(operation(index) + IommuMapOp.BFN_OFFSET);
        if (!space.isInAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        long entry = table.entryForWriter(bfn);
        if (!PageEntry.isMapped(entry)) {
            return IommuStatus.ENOENT; // an owed bus frame is not mapped either (catalogue A36)
        }
        if (guest.holdableFrames() <= 0 && !flushEarly(index)) {
            return IommuStatus.EIO;
        }
        RawMemory.putLong(RadixTable.slot(table.leaf(bfn), bfn), PageEntry.owed(entry));
        RawMemory.putByte(statuses + index, OK);
        runIndex = index;
        runBfn = bfn;
        runMfn = PageEntry.mfn(entry);
        runPages = 1;
        runDone = 0;
        runAccess = PageEntry.access(entry);
        return IommuStatus.OK;
    }

    /** Like {@link #extendMap}: the bus frames that follow, as long as their entries continue the run. */
    private int extendUnmap(int from) {
        long bfn = runBfn + 1;
        int most = (int) maxExtension(from, PageEntry.LAST_MFN - runMfn, guest.holdableFrames() - 1);
        long ops = RawMemory.inUserSpace(operation(from));
        long answers = RawMemory.inUserSpace(statuses + from);
        long expected = PageEntry.mapped(runMfn + 1, runAccess);
        long leaf = RawMemory.inUserSpace(table.leaf(runBfn));
        int i = 0;
        for (; i < most; i++, bfn++) {
            if (RawMemory.getLong(ops + (long) i * IommuMapOp.SIZE + IommuMapOp.BFN_OFFSET) != bfn) {
                break;
            }
            if ((bfn & (RadixTable.ENTRIES - 1)) == 0) {
                leaf = RawMemory.inUserSpace(table.leaf(bfn));
                if (leaf == 0) {
                    break;
                }
            }
            long slot = RadixTable.slot(leaf, bfn);
            if (RawMemory.getLong(slot) != expected) {
                break;
            }
            RawMemory.putLong(slot, PageEntry.owed(expected));
            RawMemory.putByte(answers + i, OK);
            expected += PageEntry.NEXT_FRAME;
        }
        runPages += i;
        return from + i;
    }

    /** Gives the run to the host, piece by piece when it removes less than was asked. */
    private void closeUnmap() {
        while (runDone < runPages) {
            long left = runPages - runDone;
            long removed = space.host().unmap(runBfn + runDone, left);
            if (removed <= 0) {
                runDone += refuseUnmap(runDone, left, removed);
                continue;
            }
            long mine = Math.min(removed, left);
            space.owe(runBfn + runDone, runMfn + runDone, mine);
            guest.counters().unmaps.add(mine);
            runDone += mine;
            if (removed > left) {
                space.oweUnasked(runBfn + runDone, removed - left);
            }
        }
    }

    /** -EBUSY speaks about one page that cannot be cut out; anything else, no progress included, about all that is left. */
    private long refuseUnmap(long done, long left, long hostResult) {
        boolean cannotCut = hostResult == -EBUSY;
        long refused = cannotCut ? 1 : left;
        space.rollBackUnmap(runBfn + done, runMfn + done, refused, runAccess);
        failRun(runIndex + (int) done, refused, cannotCut ? IommuStatus.EBUSY : IommuStatus.EIO);
        return refused;
    }

    /**
     * The bound on held frames is reached before operation {@code index}: flush what was removed so far, which is always
     * safe. What came before is recorded before its frames are let go. Tried once a call: a host that cannot flush would
     * otherwise be asked for each operation.
     */
    private boolean flushEarly(int index) {
        if (earlyFlushFailed) {
            return false;
        }
        boolean flushed = space.flush();
        commit(index, flushed ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED);
        guest.counters().earlyFlushes.add(1);
        if (flushed) {
            space.releaseOwed();
            firstUnflushedStatus = statuses + index;
        } else {
            earlyFlushFailed = true;
        }
        return flushed;
    }
}
