package org.pviommu.virtio.vhost;

import org.jspecify.annotations.Nullable;

/** The messages that a front-end may send, with the sizes they must have; whatever is not here is unknown. */
enum Request {
    GET_FEATURES(1, 0, 0, 0, true),
    SET_FEATURES(2, 8, 8, 0, false),
    SET_OWNER(3, 0, 0, 0, false),
    RESET_OWNER(4, 0, 0, 0, false),
    SET_MEM_TABLE(5, 8, 8 + 32 * Limits.TABLE_REGIONS, Limits.TABLE_REGIONS, false),
    SET_VRING_NUM(8, 8, 8, 0, false),
    SET_VRING_ADDR(9, 40, 40, 0, false),
    SET_VRING_BASE(10, 8, 8, 0, false),
    GET_VRING_BASE(11, 8, 8, 0, true),
    SET_VRING_KICK(12, 8, 8, 1, false),
    SET_VRING_CALL(13, 8, 8, 1, false),
    SET_VRING_ERR(14, 8, 8, 1, false),
    GET_PROTOCOL_FEATURES(15, 0, 0, 0, true),
    SET_PROTOCOL_FEATURES(16, 8, 8, 0, false),
    GET_QUEUE_NUM(17, 0, 0, 0, true),
    SET_VRING_ENABLE(18, 8, 8, 0, false),
    SET_BACKEND_REQ_FD(21, 0, 8, 1, false),
    GET_CONFIG(24, 12, 12 + Limits.CONFIG_BYTES, 0, true),
    SET_CONFIG(25, 12, 12 + Limits.CONFIG_BYTES, 0, false),
    RESET_DEVICE(34, 0, 0, 0, false),
    GET_MAX_MEM_SLOTS(36, 0, 0, 0, true),
    ADD_MEM_REG(37, 40, 40, 1, false),
    REM_MEM_REG(38, 40, 40, 1, false);

    /** Sizes of the protocol. */
    static final class Limits {
        /** Regions in one memory table message: descriptors of one message. */
        static final int TABLE_REGIONS = 8;

        static final int CONFIG_BYTES = 256;

        private Limits() {}
    }

    private final int code;
    private final int minBytes;
    private final int maxBytes;
    private final int maxFds;
    private final boolean answered;

    Request(int code, int minBytes, int maxBytes, int maxFds, boolean answered) {
        this.code = code;
        this.minBytes = minBytes;
        this.maxBytes = maxBytes;
        this.maxFds = maxFds;
        this.answered = answered;
    }

    /** Whether it has an answer of its own; the others are acknowledged when that was asked for. */
    boolean isAnswered() {
        return answered;
    }

    /** The request with this number, null when it is unknown. */
    static @Nullable Request of(int code) {
        for (Request each : values()) {
            if (each.code == code) {
                return each;
            }
        }
        return null;
    }

    /**
     * Refuses a payload or descriptors that this request cannot have.
     *
     * @throws RefusedException for those
     */
    void check(int payloadBytes, int fds) {
        if (payloadBytes < minBytes || payloadBytes > maxBytes) {
            throw new RefusedException(
                    this + " payloadBytes=" + payloadBytes + " min=" + minBytes + " max=" + maxBytes);
        }
        if (fds > maxFds) {
            throw new RefusedException(this + " fds=" + fds + " max=" + maxFds);
        }
    }
}
