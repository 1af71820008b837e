package org.pviommu.engine;

/**
 * Port: where every slice of a batch is recorded, with its outcome, before anything it released changes hands.
 *
 * <p>Called with the address space's lock held, so the order of records of one address space is the order of its changes.
 */
public interface BatchLog {

    /**
     * Step 2 of a batch: makes sure that the record of a slice will fit.
     *
     * @param operations how many operations the slice has
     * @param removal whether it can only remove; removals may use a reserve that is kept for them
     * @return false when there is no room: the slice must not change anything
     */
    boolean reserve(int operations, boolean removal);

    /**
     * Step 5 of a batch: records what was applied. Room was reserved, so it cannot fail.
     *
     * @param slice valid during the call only; a log copies what it keeps
     */
    void commit(SliceRecord slice);

    /** A log that keeps nothing. */
    static BatchLog none() {
        return new BatchLog() {
            @Override
            public boolean reserve(int operations, boolean removal) {
                return true;
            }

            @Override
            public void commit(SliceRecord slice) {}
        };
    }
}
