package org.pviommu.server.topology;

import java.util.Locale;
import java.util.stream.Collectors;

/** A fragment of device-tree source: the IOMMU as a child of its PCI host bridge, and the bridge's map of what is behind it. */
public final class DeviceTree {
    private static final int BDF_SHIFT = 8;
    private static final String LABEL = "virtio_iommu";

    private DeviceTree() {}

    /**
     * To be included after the node of the bridge.
     *
     * @param bridge the bridge's label
     * @throws IllegalArgumentException when something is in another segment than the IOMMU: that is another bridge's map
     */
    public static String fragment(Topology topology, String bridge) {
        int segment = EndpointRange.segment(topology.iommu());
        for (EndpointRange range : topology.ranges()) {
            if (EndpointRange.segment(range.first()) != segment) {
                throw new IllegalArgumentException("range=" + range + " is not in the IOMMU's PCI segment "
                        + String.format(Locale.ROOT, "%04x", segment) + ", the only one that this bridge has");
            }
        }
        int bdf = EndpointRange.bdf(topology.iommu());
        return """
                &%s {
                	iommu-map = %s;

                	%s: iommu@%x,%x {
                		compatible = "virtio,pci-iommu";
                		reg = <0x%x 0x0 0x0 0x0 0x0>;
                		#iommu-cells = <1>;
                	};
                };
                """.formatted(bridge, map(topology), LABEL, bdf >>> 3 & 0x1f, bdf & 7, bdf << BDF_SHIFT);
    }

    /** Each entry: first requester id, who translates, first endpoint id, how many. */
    private static String map(Topology topology) {
        return topology.ranges().stream()
                .map(range -> String.format(
                        Locale.ROOT,
                        "<0x%x &%s 0x%x 0x%x>",
                        EndpointRange.bdf(range.first()),
                        LABEL,
                        range.firstEndpoint(),
                        range.count()))
                .collect(Collectors.joining(",\n\t\t    "));
    }
}
