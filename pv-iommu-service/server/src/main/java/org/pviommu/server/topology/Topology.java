package org.pviommu.server.topology;

import java.util.List;
import org.pviommu.server.EndpointId;

/**
 * A virtio-iommu that is a PCI function, and what is behind it.
 *
 * @param iommu its segment, bus, device, function in 32 bits
 * @param ranges one at least; no function and no endpoint id twice, and never the IOMMU itself
 */
public record Topology(int iommu, List<EndpointRange> ranges) {
    /** As many ranges as anybody needs; a table counts them in 16 bits. */
    static final int MAX_RANGES = 1024;

    /**
     * Refuses what a guest would misunderstand.
     *
     * @throws IllegalArgumentException for no ranges or too many, two that overlap, or one with the IOMMU in it
     */
    public Topology {
        ranges = List.copyOf(ranges);
        if (ranges.isEmpty() || ranges.size() > MAX_RANGES) {
            throw new IllegalArgumentException("ranges=" + ranges.size() + " min=1 max=" + MAX_RANGES);
        }
        for (int i = 0; i < ranges.size(); i++) {
            requireOutside(iommu, ranges.get(i));
            for (EndpointRange earlier : ranges.subList(0, i)) {
                requireApart(earlier, ranges.get(i));
            }
        }
    }

    /** A kernel would wait for the IOMMU before it starts the IOMMU. */
    private static void requireOutside(int iommu, EndpointRange range) {
        if (range.contains(iommu)) {
            throw new IllegalArgumentException(
                    "range=" + range + " has the IOMMU " + EndpointId.format(iommu) + " in it: leave that one out");
        }
    }

    private static void requireApart(EndpointRange one, EndpointRange other) {
        if (one.overlaps(other)) {
            throw new IllegalArgumentException("ranges overlap: " + one + " and " + other);
        }
    }
}
