package org.pviommu.engine;

/**
 * A request that is not part of a batch was refused: registering memory, adding a guest. The message is one sentence for
 * people that names the value and the limit.
 */
public final class EngineException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What kind of refusal; transports translate it to their own codes. */
    public enum Kind {
        /** The request makes no sense whatever the state is. */
        INVALID,
        /** What should be made is there already. */
        EXISTS,
        /** What it speaks about is not there. */
        NOT_FOUND,
        /** It is in use; later it may work. */
        BUSY,
        /** A quota or a limit is reached. */
        LIMIT,
        /** The journal has no room to record it: nobody's fault who asks, and later it may work. */
        NO_ROOM,
        /** The host IOMMU refused. */
        HOST
    }

    private final Kind kind;

    /**
     * Refuses a request.
     *
     * @param kind what kind of refusal
     * @param message the value and the limit, for people
     */
    public EngineException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    /** What kind of refusal. */
    public Kind kind() {
        return kind;
    }
}
