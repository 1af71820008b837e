package org.pviommu.virtio.iommu;

/**
 * Which text a device follows. A matter of construction, never inferred from a request: bit 2 of a MAP's flags and bytes 12 to 15
 * of an ATTACH mean different things in the two.
 */
public enum Profile {
    /** OASIS virtio 1.2, and unchanged since. */
    VIRTIO_1_2,
    /** The draft of April 2019, for drivers of that time. */
    DRAFT_0_11
}
