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
    static final int MEMORY_LOST = 8;
    static final int DEVICE_OPENED = 9;
    static final int BYPASS_SET = 10;
    static final int DEVICE_RESET = 11;
    static final int DEVICE_CLOSED = 12;

    private ChangeNumber() {}
}
