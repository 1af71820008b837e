package org.pviommu.engine;

/**
 * Port: where every slice of a batch and every other change of a guest is recorded, with its outcome, before anything it
 * released changes hands.
 *
 * <p>Called with the guest's lock held, so the order of records of one guest is the order of its changes. Each guest may have a
 * log of its own; where one guest's change depends on another's, it begins after the other's record was made.
 */
public interface BatchLog {

    /**
     * Step 2 of a batch: makes sure that what will be committed for a slice fits. That is one record, and one more for each
     * flush before its end, when the bound on held frames is reached; each of them covers operations of the slice that the
     * others do not, so there are at most as many as operations. Records without operations, which only report a flush or the
     * end of a call, are not announced: a log keeps room for them.
     *
     * @param operations how many operations the slice has
     * @param removal whether it can only remove; removals may use a reserve that is kept for them
     * @return false when there is no room: the slice must not change anything
     */
    boolean reserve(int operations, boolean removal);

    /**
     * Step 5 of a batch: records what was applied. Room was made before, so it cannot fail.
     *
     * @param slice valid during the call only; a log copies what it keeps
     */
    void commit(SliceRecord slice);

    /**
     * Records one batch of requests to a virtio-iommu device, before anything that it removed is let go. Room was made before, for as
     * many operations as a batch may have.
     *
     * @param batch valid during the call only; a log copies what it keeps
     */
    void commitDomains(DomainRecord batch);

    /**
     * Records a change that is not a slice, when it has happened. Changes that take something were announced as one operation; those that give
     * something back were not.
     *
     * @param guest whose change it is, as it is now; valid during the call only
     * @param endOfCall whether nothing of what the guest is doing follows
     */
    void changed(Guest guest, Change change, boolean endOfCall);

    /** A log that keeps nothing. */
    static BatchLog none() {
        return new BatchLog() {
            @Override
            public boolean reserve(int operations, boolean removal) {
                return true;
            }

            @Override
            public void commit(SliceRecord slice) {}

            @Override
            public void commitDomains(DomainRecord batch) {}

            @Override
            public void changed(Guest guest, Change change, boolean endOfCall) {}
        };
    }
}
