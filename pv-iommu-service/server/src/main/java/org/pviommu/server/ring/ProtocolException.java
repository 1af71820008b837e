package org.pviommu.server.ring;

/** What a guest did wrong, and so badly that its connection ends: the text names the field, its value and the limit. */
final class ProtocolException extends RuntimeException {
    private static final long serialVersionUID = 1;

    ProtocolException(String message) {
        super(message);
    }

    ProtocolException(String message, Throwable cause) {
        super(message, cause);
    }
}
