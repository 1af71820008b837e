package org.pviommu.engine;

import java.util.List;

/**
 * A domain of a virtio-iommu device; for listings.
 *
 * @param domain its number, unsigned
 * @param bypass whether it is one without translation
 * @param endpoints those that are in it
 * @param mappings how many mappings it has
 * @param mappedFrames how many frames the host IOMMU translates in it
 */
public record DomainInfo(int domain, boolean bypass, List<Integer> endpoints, long mappings, long mappedFrames) {}
