package org.pviommu.server.ring;

/** A well-formed request that is not granted. Nothing has changed; the guest gets the errno and the text. */
final class RefusedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int errno;

    /**
     * A refusal.
     *
     * @param errno why, as a positive errno number
     */
    RefusedException(int errno, String message) {
        super(message);
        this.errno = errno;
    }

    /** Why, as a positive errno number. */
    int errno() {
        return errno;
    }
}
