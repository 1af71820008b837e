package org.pviommu.journal.replay;

import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;

/** A call of map_page, unmap_page, mixed, map_range or unmap_range on the model, one page after the other. */
final class ModelBatch extends ModelCall {
    /** 8 GiB of mappings, each of them several objects here; a guest with more is not compared. */
    private static final long MAX_PAGES = 1L << 21;

    private final SpaceModel space;
    private final long lastBfn;
    private final boolean deferred;
    private final boolean mapsAgain;
    private final boolean removes;

    private boolean[] removedSinceFlush = {};
    /** Number within the call of the first operation of the slice. */
    private int sliceStart;

    /** Number within the call of the first operation whose removal no flush has covered. */
    private int firstUnflushed;

    private long doneAtEarlyFlush;
    private boolean earlyFlushFailed;

    ModelBatch(GuestModel guest, SpaceModel space, CallScript script, int subOp, boolean deferred, long lastBfn) {
        super(guest, script, subOp);
        this.space = space;
        this.deferred = deferred;
        this.lastBfn = lastBfn;
        this.mapsAgain = subOp == IommuOp.MIXED && !deferred;
        this.removes = subOp != IommuOp.MAP_PAGE && subOp != IommuOp.MAP_RANGE;
    }

    /** The whole call. */
    void run() {
        boolean over = false;
        while (!over) {
            applySlice();
            over = endSlice(script.expectSlice(subOp, space.context, "the end of a slice"));
        }
    }

    /** What the records tell of a call whose end is missing; the flush of a new start covers it. */
    void runCutOff() {
        boolean goesOn = true;
        while (goesOn && !script.isOver()) {
            applySlice();
            goesOn = !script.isOver()
                    && script.current().record() instanceof JournalRecord.Slice slice
                    && slice.subOp() == subOp
                    && endCutOffSlice(script.expectSlice(subOp, space.context, "the end of a slice"));
        }
        space.settle();
    }

    /** True when the slice is whole. Otherwise a flush at the bound comes last, which may lie in the middle of a range. */
    private boolean endCutOffSlice(JournalRecord.Slice record) {
        if (record.part() == SliceRecord.Part.SLICE_END) {
            endSlice(record);
            return true;
        }
        if (subOp == IommuOp.UNMAP_RANGE) {
            script.requireNoDoubt();
        } else {
            compareRecord(record, operations.size());
        }
        return false;
    }

    private void applySlice() {
        startSlice();
        removedSinceFlush = new boolean[operations.size()];
        for (int i = 0; i < operations.size(); i++) {
            statuses[i] = apply(i, operations.get(i));
        }
    }

    /** True when the call is over. */
    private boolean endSlice(JournalRecord.Slice record) {
        return switch (record.part()) {
            case SLICE_END -> {
                script.compareFlush(record, false);
                compareRecord(record, operations.size());
                sliceStart += operations.size();
                yield false;
            }
            case CALL_ABANDONED -> {
                space.settle();
                space.requireFlush();
                compareRecord(record, operations.size());
                yield true;
            }
            case CALL_END -> {
                finish(record);
                yield true;
            }
            default ->
                throw script.differs(
                        "expected " + record.part() + " flush=" + record.flush() + ", got the end of a slice",
                        "no flush here");
        };
    }

    private void finish(JournalRecord.Slice record) {
        boolean failed = record.flush() == SliceRecord.Flush.FAILED;
        if (failed && script.refusalsOfNext().any()) {
            script.doubt(); // an -EIO of the host cannot be told from one of the flush
        }
        script.compareFlush(record, removes && !deferred && space.needsFlush());
        if (failed) {
            failUnflushed();
        }
        compareRecord(record, operations.size());
        if (record.flush() == SliceRecord.Flush.DONE) {
            space.flushed();
        }
        space.settle();
    }

    /** No success without a flush; what was mapped in place of something removed is taken back first. */
    private void failUnflushed() {
        if (subOp == IommuOp.MIXED) {
            space.undoRemaps();
        }
        for (int i = recorded; i < operations.size(); i++) {
            if (sliceStart + i >= firstUnflushed && isUnflushed(i)) {
                statuses[i] = IommuStatus.EIO;
                nrDone[i] = subOp == IommuOp.UNMAP_RANGE && sliceStart + i == firstUnflushed ? doneAtEarlyFlush : 0;
            }
        }
    }

    private boolean isUnflushed(int i) {
        if (subOp == IommuOp.UNMAP_RANGE) {
            return removedSinceFlush[i];
        }
        CallScript.Operation operation = operations.get(i);
        return statuses[i] == IommuStatus.OK
                && (operation.run().kind() == IommuOp.UNMAP_PAGE || !space.isMapped(operation.bfn()));
    }

    private int apply(int i, CallScript.Operation operation) {
        JournalRecord.Slice record = operation.record();
        return switch (operation.run().kind()) {
            case IommuOp.MAP_PAGE -> record.roomForMaps() ? mapPage(operation) : IommuStatus.EIO;
            case IommuOp.UNMAP_PAGE -> record.roomForRemovals() ? unmapPage(i, operation) : IommuStatus.EIO;
            case IommuOp.MAP_RANGE -> record.roomForMaps() ? mapRange(i, operation) : IommuStatus.EIO;
            case IommuOp.UNMAP_RANGE -> record.roomForRemovals() ? unmapRange(i, operation) : IommuStatus.EIO;
            default -> IommuStatus.EINVAL;
        };
    }

    // Pages.

    private int mapPage(CallScript.Operation operation) {
        long bfn = operation.bfn();
        int flags = operation.run().flags();
        int status = MapRules.check(space, guest, lastBfn, mapsAgain, bfn, operation.mfn(), flags);
        if (status != IommuStatus.OK) {
            return status;
        }
        if (operation.refusals().explainsMap(operation.status())) {
            return operation.status();
        }
        map(bfn, operation.mfn(), flags);
        return IommuStatus.OK;
    }

    private void map(long bfn, long mfn, int flags) {
        if (guest.mappedPages() >= MAX_PAGES) {
            throw new CallScript.NotComparableException("more than " + MAX_PAGES + " pages");
        }
        space.map(bfn, mfn, flags);
    }

    private int unmapPage(int i, CallScript.Operation operation) {
        long bfn = operation.bfn();
        if (MapRules.isOutside(bfn, lastBfn)) {
            return IommuStatus.ERANGE;
        }
        if (!space.isMapped(bfn)) {
            return IommuStatus.ENOENT;
        }
        if (!canHold(i)) {
            return IommuStatus.EIO;
        }
        if (operation.refusals().explainsUnmap(operation.status())) {
            return operation.status();
        }
        space.remove(bfn, mapsAgain);
        return IommuStatus.OK;
    }

    // Ranges.

    private int mapRange(int i, CallScript.Operation operation) {
        long pages = operation.run().pages();
        long first = operation.bfn();
        if (pages == 0 || MapRules.wraps(first, pages) || MapRules.wraps(operation.mfn(), pages)) {
            return IommuStatus.EINVAL;
        }
        int flags = operation.run().flags();
        while (nrDone[i] != pages) {
            long bfn = first + nrDone[i];
            long mfn = operation.mfn() + nrDone[i];
            int status = MapRules.check(space, guest, lastBfn, false, bfn, mfn, flags);
            if (status != IommuStatus.OK) {
                return status;
            }
            if (nrDone[i] == operation.run().nrDone() && operation.refusals().explainsMap(operation.status())) {
                return operation.status();
            }
            map(bfn, mfn, flags);
            nrDone[i]++;
        }
        return IommuStatus.OK;
    }

    private int unmapRange(int i, CallScript.Operation operation) {
        long pages = operation.run().pages();
        long first = operation.bfn();
        if (pages == 0 || MapRules.wraps(first, pages)) {
            return IommuStatus.EINVAL;
        }
        if (MapRules.isOutside(first, lastBfn)) {
            return IommuStatus.ERANGE;
        }
        boolean beyond = Long.compareUnsigned(first + pages - 1, lastBfn) > 0;
        long last = beyond ? lastBfn : first + pages - 1;
        boolean removedAny = false;
        for (Long bfn = space.nextMapped(first, last); bfn != null; bfn = space.nextMapped(bfn + 1, last)) {
            nrDone[i] = bfn - first;
            if (!canHold(i)) {
                return IommuStatus.EIO;
            }
            if (nrDone[i] == operation.run().nrDone() && operation.refusals().explainsUnmap(operation.status())) {
                return operation.status();
            }
            space.remove(bfn, false);
            removedAny = true;
            removedSinceFlush[i] = true;
            nrDone[i]++;
        }
        nrDone[i] = last - first + 1;
        if (beyond) {
            return IommuStatus.ERANGE;
        }
        return removedAny ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    // The bound on held frames.

    /** One more frame can be held, if need be after a flush of everything the guest owes. */
    private boolean canHold(int i) {
        if (guest.mayHoldMore()) {
            return true;
        }
        if (earlyFlushFailed) {
            return false;
        }
        if (space.needsFlush()) {
            flushEarly(i);
        }
        for (SpaceModel other : guest.spaces.values()) {
            if (other != space) {
                flushNested(script, other);
            }
        }
        earlyFlushFailed = !guest.mayHoldMore();
        return !earlyFlushFailed;
    }

    private void flushEarly(int i) {
        JournalRecord.Slice record =
                script.expectSlice(subOp, space.context, "a flush at the bound on held frames, before operation " + i);
        if (record.part() != SliceRecord.Part.OF_SLICE) {
            throw script.differs(
                    "expected " + record.part() + ", got a flush at the bound on held frames before operation "
                            + (i - recorded),
                    "a flush before operation " + (i - recorded));
        }
        script.compareFlush(record, true);
        compareRecord(record, i);
        if (record.flush() == SliceRecord.Flush.DONE) {
            space.flushed();
            firstUnflushed = sliceStart + i;
            doneAtEarlyFlush = nrDone[i];
            removedSinceFlush[i] = false;
        }
    }
}
