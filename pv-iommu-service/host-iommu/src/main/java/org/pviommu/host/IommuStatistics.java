package org.pviommu.host;

/**
 * Counters of a simulated IOMMU since it was made; each is exact, though they are not read at one instant.
 *
 * @param addressSpaces live address spaces
 * @param iotlbEntries translations cached now
 * @param iotlbHits accesses to a page that the IOTLB answered
 * @param iotlbMisses accesses to a page that walked the table
 * @param rangeFlushes flushes of single ranges
 * @param wholeSpaceFlushes flushes of a whole address space
 * @param faults refused accesses
 */
public record IommuStatistics(
        int addressSpaces,
        long iotlbEntries,
        long iotlbHits,
        long iotlbMisses,
        long rangeFlushes,
        long wholeSpaceFlushes,
        long faults) {}
