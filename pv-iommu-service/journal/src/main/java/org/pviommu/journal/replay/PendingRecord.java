package org.pviommu.journal.replay;

import java.lang.foreign.MemorySegment;
import org.pviommu.journal.record.JournalRecord;

/**
 * A record of a call whose last record has not come yet.
 *
 * @param payload a copy
 */
record PendingRecord(long sequence, long timeMillis, int kind, MemorySegment payload, JournalRecord.OfGuest record) {}
