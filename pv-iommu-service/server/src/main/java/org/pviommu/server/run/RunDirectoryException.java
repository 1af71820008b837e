package org.pviommu.server.run;

/** The run directory cannot be used: taken by another service, not ours, or not writable. The operator's to mend. */
public final class RunDirectoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** One sentence with name=value. */
    public RunDirectoryException(String message) {
        super(message);
    }

    /** One sentence with name=value, and what the system said. */
    public RunDirectoryException(String message, Throwable cause) {
        super(message + ": " + cause, cause);
    }
}
