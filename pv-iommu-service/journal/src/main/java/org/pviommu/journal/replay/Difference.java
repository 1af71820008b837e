package org.pviommu.journal.replay;

import org.pviommu.journal.record.JournalRecord;

/**
 * Where a replay went another way than the journal.
 *
 * @param sequence of the record in the journal; 0 when the replay made one that the journal does not have
 * @param timeMillis when it was made
 * @param what in one sentence
 * @param expected what the journal says
 * @param got what the replay came to
 */
public record Difference(long sequence, long timeMillis, String what, String expected, String got) {

    /** For people: everything, a line each. */
    public String describe() {
        return "record " + sequence + ": " + what + "\n  expected: " + expected + "\n  got:      " + got;
    }

    static Difference of(long sequence, long timeMillis, JournalRecord expected, JournalRecord got) {
        return new Difference(
                sequence,
                timeMillis,
                Differences.firstOf(expected, got),
                Describe.record(expected),
                Describe.record(got));
    }
}
