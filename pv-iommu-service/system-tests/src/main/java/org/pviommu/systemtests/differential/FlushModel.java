package org.pviommu.systemtests.differential;

import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/** The flush at the end of a call, those in its middle, and what becomes of statuses when one fails. */
final class FlushModel {
    private final RunningCall run;
    private final Call call;
    private final SpaceModel space;

    FlushModel(RunningCall run) {
        this.run = run;
        this.call = run.call;
        this.space = run.space;
    }

    /** Whether one more frame may be held, if need be after a flush. */
    boolean canHold(int index) {
        GuestModel guest = run.guest;
        if (guest.heldPages() < guest.shape.maxHeldFrames()) {
            return true;
        }
        if (run.earlyFlushFailed) {
            return false;
        }
        if (space.gathered) {
            run.coverage.event(Event.EARLY_FLUSH);
            if (run.host.flush(space)) {
                run.firstUnflushed = index;
                run.doneAtEarlyFlush = run.results[index];
                run.removedSinceFlush[index] = false;
            }
        }
        guest.spaces.values().stream().filter(other -> !other.equals(space)).forEach(run.host::flushAndRelease);
        run.earlyFlushFailed = guest.heldPages() >= guest.shape.maxHeldFrames();
        return !run.earlyFlushFailed;
    }

    /** The end of the call; whether it may return 0. */
    boolean finish() {
        boolean removes = call.subOp != IommuOp.MAP_PAGE && call.subOp != IommuOp.MAP_RANGE;
        boolean flushed = !removes || call.deferred || run.host.flushAndRelease(space);
        if (!flushed) {
            failUnflushed();
        }
        space.fresh.clear();
        boolean refused = removes ? !run.removalsRoom : !run.mapsRoom;
        return flushed && !refused && (call.subOp != IommuOp.MIXED || run.mapsRoom);
    }

    private void failUnflushed() {
        boolean undone = call.subOp != IommuOp.MIXED || undoRemaps();
        for (int i = run.firstUnflushed; i < run.statuses.length; i++) {
            if (call.subOp == IommuOp.UNMAP_RANGE) {
                if (run.removedSinceFlush[i]) {
                    run.statuses[i] = IommuStatus.EIO;
                    run.results[i] = i == run.firstUnflushed ? run.doneAtEarlyFlush : 0;
                }
            } else if (run.statuses[i] == IommuStatus.OK && isUnflushed(i, undone)) {
                run.statuses[i] = IommuStatus.EIO;
            }
        }
    }

    private boolean isUnflushed(int i, boolean undone) {
        if (call.kindOf(i) == IommuOp.UNMAP_PAGE) {
            return true;
        }
        long bfn = call.bfn[i];
        return undone ? !space.isMapped(bfn) : space.waitsForFlush(bfn);
    }

    private boolean undoRemaps() {
        boolean all = true;
        for (int i = 0; i < space.owed.size(); i++) { // grows by what is undone
            long bfn = space.owed.get(i).bfn();
            if (space.isMapped(bfn)) {
                boolean undone = run.host.removeOne(space, bfn);
                all &= undone;
                if (undone) {
                    run.coverage.event(Event.UNDONE_REMAP);
                }
            }
        }
        return all;
    }
}
