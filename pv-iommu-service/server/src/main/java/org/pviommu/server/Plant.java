package org.pviommu.server;

/**
 * A fault that the demonstration plants in the service on purpose, to show that its checks would notice. Each is a
 * mistake that real IOMMU code has made (docs/operating.md).
 */
public enum Plant {
    /** No fault: the service as it is. */
    NONE,
    /** The host's IOTLB flush is skipped and reported as done: a device still reaches removed pages. */
    FLUSH,
    /** The host leaves the run out that holds one certain bus frame, and reports it as mapped: a device faults where the guest was told all is well. */
    MAP,
    /** The host maps the run that holds one certain bus frame, and reports that it did not: the guest gets statuses that are not true. */
    STATUS
}
