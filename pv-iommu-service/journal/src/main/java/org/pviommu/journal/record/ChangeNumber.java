package org.pviommu.journal.record;

/** The numbers of changes in the journal; they never change their meaning. */
final class ChangeNumber {
    static final int GUEST_ADDED = 1;
    static final int GUEST_REMOVED = 2;
    static final int MEMORY_REGISTERED = 3;
    static final int MEMORY_UNREGISTERED = 4;
    static final int GRANT_GIVEN = 5;
    static final int GRANT_REVOKED = 6;
    static final int GUEST_RETURNED = 7;

    private ChangeNumber() {}
}
