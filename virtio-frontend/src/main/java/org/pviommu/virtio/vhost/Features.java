package org.pviommu.virtio.vhost;

/** Feature bits of virtio that are not a device's own, and of the vhost-user protocol. */
public final class Features {
    /** VIRTIO_F_INDIRECT_DESC. */
    public static final long INDIRECT_DESC = 1L << 28;
    /** VIRTIO_F_EVENT_IDX. */
    public static final long EVENT_IDX = 1L << 29;
    /** VHOST_USER_F_PROTOCOL_FEATURES: between the front-end and us, no guest sees it. */
    public static final long PROTOCOL_FEATURES = 1L << 30;
    /** VIRTIO_F_VERSION_1. */
    public static final long VERSION_1 = 1L << 32;
    /** VIRTIO_F_ACCESS_PLATFORM: the device's addresses go through an IOMMU. Front-ends may strip it when they acknowledge. */
    public static final long ACCESS_PLATFORM = 1L << 33;

    /** Several queues. */
    public static final long PROTOCOL_MQ = 1L;
    /** Acknowledgements on request. */
    public static final long PROTOCOL_REPLY_ACK = 1L << 3;
    /** A channel for requests of ours. */
    public static final long PROTOCOL_BACKEND_REQ = 1L << 5;
    /** Configuration space. */
    public static final long PROTOCOL_CONFIG = 1L << 9;
    /** A device reset is told to us. */
    public static final long PROTOCOL_RESET_DEVICE = 1L << 13;
    /** Memory comes and goes region by region. */
    public static final long PROTOCOL_CONFIGURE_MEM_SLOTS = 1L << 15;

    static final long TRANSPORT = INDIRECT_DESC | EVENT_IDX | PROTOCOL_FEATURES | VERSION_1;

    /**
     * STATUS is left out on purpose: front-ends send status 0 whenever they stop a device, also when the virtual machine is
     * only paused, and that would be taken for a reset that drops all mappings.
     */
    static final long PROTOCOL = PROTOCOL_MQ
            | PROTOCOL_REPLY_ACK
            | PROTOCOL_BACKEND_REQ
            | PROTOCOL_CONFIG
            | PROTOCOL_RESET_DEVICE
            | PROTOCOL_CONFIGURE_MEM_SLOTS;

    private Features() {}
}
