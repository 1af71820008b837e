package org.pviommu.journal.replay;

/** A replay went another way than the journal. */
final class DifferenceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Difference difference;

    DifferenceException(Difference difference) {
        super(difference.what());
        this.difference = difference;
    }

    Difference difference() {
        return difference;
    }
}
