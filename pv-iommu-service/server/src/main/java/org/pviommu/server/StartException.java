package org.pviommu.server;

/** The service cannot listen where it was told to. The operator's to mend; the message is all that is shown. */
public final class StartException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** One sentence with name=value. */
    public StartException(String message, Throwable cause) {
        super(message, cause);
    }
}
