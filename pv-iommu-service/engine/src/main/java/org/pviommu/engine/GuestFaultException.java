package org.pviommu.engine;

/**
 * The guest's memory vanished while it was accessed: its file shrank, or no page could be had for it. A fault of that guest
 * alone: its connection is dropped, and what its call had done is torn down with it.
 */
public final class GuestFaultException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    GuestFaultException(String message, InternalError cause) {
        super(message, cause);
    }
}
