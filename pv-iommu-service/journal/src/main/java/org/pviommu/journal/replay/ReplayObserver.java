package org.pviommu.journal.replay;

import java.util.List;
import org.pviommu.journal.record.JournalRecord;

/** Looks at the state that a replay reaches. */
interface ReplayObserver {
    /** A call has been done once more, or what was recorded of it; {@code call} is valid until this returns. */
    void ran(List<PendingRecord> call);

    /** The service started once more. */
    void started(long sequence, long timeMillis, JournalRecord.ServiceStart start);
}
