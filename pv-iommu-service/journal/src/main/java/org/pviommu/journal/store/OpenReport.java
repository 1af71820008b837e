package org.pviommu.journal.store;

import java.util.List;

/**
 * What a journal was like when it was opened for writing.
 *
 * @param state how it was left
 * @param lastSequence the last record, those from the ring included
 * @param segments how many queue files there are, the new one included
 * @param drainedRecords how many records the ring had that the queue had not
 * @param abandonedClaims how many of those stand for appends that never returned
 * @param ringLost whether the journal was not closed and yet has no ring: what the queue had not got is gone (loss of power, or
 *     somebody removed the file)
 * @param messages what was dropped or removed, for the operator
 */
public record OpenReport(
        State state,
        long lastSequence,
        int segments,
        long drainedRecords,
        long abandonedClaims,
        boolean ringLost,
        List<String> messages) {

    /** How a journal was left. */
    public enum State {
        /** There was none. */
        FRESH,
        /** Closed in order. */
        CLEAN,
        /** The process that wrote it died. */
        CRASHED
    }

    /** Copies the list. */
    public OpenReport {
        messages = List.copyOf(messages);
    }
}
