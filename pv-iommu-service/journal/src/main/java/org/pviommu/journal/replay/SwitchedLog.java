package org.pviommu.journal.replay;

import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.Guest;
import org.pviommu.engine.SliceRecord;

/** A guest's log that leads somewhere else once its replay is over. */
final class SwitchedLog implements BatchLog {
    private BatchLog target;

    SwitchedLog(BatchLog target) {
        this.target = target;
    }

    void switchTo(BatchLog newTarget) {
        target = newTarget;
    }

    @Override
    public boolean reserve(int operations, boolean removal) {
        return target.reserve(operations, removal);
    }

    @Override
    public void commit(SliceRecord slice) {
        target.commit(slice);
    }

    @Override
    public void commitDomains(DomainRecord batch) {
        target.commitDomains(batch);
    }

    @Override
    public void changed(Guest guest, Change change, boolean endOfCall) {
        target.changed(guest, change, endOfCall);
    }
}
