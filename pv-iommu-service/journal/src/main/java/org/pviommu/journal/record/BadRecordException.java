package org.pviommu.journal.record;

/** A record does not have the form that records have, although its checksum is right: it was not made by this program, or by an older or newer one. */
public final class BadRecordException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Says what is wrong, with the value and the limit. */
    public BadRecordException(String message) {
        super(message);
    }
}
