package org.pviommu.natives;

/** The kernel refused a call. Whose fault that is, only the caller of the wrapper can tell. */
public final class NativeException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    /**
     * @param call the call and its arguments, {@code name key=value …}, without secrets
     * @param errno the positive error number
     */
    public NativeException(String call, int errno) {
        super(call + ": " + Errno.describe(errno) + " (errno=" + errno + " " + Errno.name(errno) + ")");
        this.call = call;
        this.errno = errno;
    }

    /** The positive error number, see {@link Errno}. */
    public int errno() {
        return errno;
    }

    /** The call and its arguments, as they stand at the beginning of the message. */
    public String call() {
        return call;
    }
}
