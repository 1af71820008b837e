package org.pviommu.virtio.vhost;

/** A message that is not obeyed; nothing has changed. The peer's mistake. */
final class RefusedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    RefusedException(String message) {
        super(message);
    }

    RefusedException(String message, Throwable cause) {
        super(message, cause);
    }
}
