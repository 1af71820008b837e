package org.pviommu.journal.replay;

/**
 * A mapping of a domain of a virtio-iommu device. Bytes, inclusive, unsigned.
 *
 * @param guestId whose
 * @param domain in which of its domains, unsigned
 * @param target where the first byte leads to
 * @param access {@link org.pviommu.engine.Access} bits
 * @param mmio whether to device registers
 */
public record MappedRange(int guestId, int domain, long first, long last, long target, int access, boolean mmio) {}
