package org.pviommu.journal.replay;

/** A replay went another way than the journal. */
final class DifferenceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Difference difference;

    DifferenceException(Difference difference) {
        super(difference.what());
        this.difference = difference;
    }

    static DifferenceException at(PendingRecord record, String what, String got) {
        return new DifferenceException(
                new Difference(record.sequence(), record.timeMillis(), what, Describe.record(record.record()), got));
    }

    Difference difference() {
        return difference;
    }
}
