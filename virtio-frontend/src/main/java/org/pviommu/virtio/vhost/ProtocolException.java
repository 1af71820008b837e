package org.pviommu.virtio.vhost;

/** What arrived is no message, or a refusal that could not be told: the connection ends. The peer's mistake. */
final class ProtocolException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ProtocolException(String message) {
        super(message);
    }

    ProtocolException(String message, Throwable cause) {
        super(message, cause);
    }
}
