package org.pviommu.engine;

/** The host IOMMU refused something that is not part of a batch. The operator's problem: the message says which limit. */
public final class HostIommuException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * Says what was refused.
     *
     * @param message what was asked, with values
     * @param errno the positive Linux errno
     */
    public HostIommuException(String message, int errno) {
        super(message + " (errno=" + errno + ")");
        this.errno = errno;
    }

    /** The positive Linux errno of the refusal. */
    public int errno() {
        return errno;
    }
}
