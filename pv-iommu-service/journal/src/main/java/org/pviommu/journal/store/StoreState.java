package org.pviommu.journal.store;

/** Whether a journal takes records. */
public enum StoreState {
    /** It does. */
    RUNNING,
    /** The disk is full: removals only, until there is space again. */
    DISK_FULL,
    /** Something failed that must not be tried again: no more reservations. What was acknowledged is in the ring. */
    FAILED,
    /** Closed. */
    CLOSED
}
