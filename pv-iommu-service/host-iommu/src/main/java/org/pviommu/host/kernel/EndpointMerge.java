package org.pviommu.host.kernel;

import java.util.ArrayList;
import java.util.List;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.ReservedRegion;

/** Adds to an endpoint what the host knows. Ranges are inclusive. */
final class EndpointMerge {
    private EndpointMerge() {}

    /**
     * The configured endpoint in its real group, with the holes of its allowed ranges as reserved regions.
     *
     * @param holes what the IOMMU cannot map inside the aperture
     * @param known what sysfs calls reserved, which says why a hole is one
     */
    static EndpointDescriptor of(
            EndpointDescriptor configured, int group, List<FrameRange> holes, List<ReservedRegion> known) {
        List<ReservedRegion> reserved = new ArrayList<>(configured.reserved());
        for (FrameRange hole : holes) {
            ReservedRegion region = new ReservedRegion(hole, kind(hole, known));
            if (!reserved.contains(region)) {
                reserved.add(region);
            }
        }
        return new EndpointDescriptor(configured.endpointId(), group, reserved);
    }

    private static ReservedRegion.Kind kind(FrameRange hole, List<ReservedRegion> known) {
        return known.stream()
                .filter(region -> region.bfns().first() <= hole.last()
                        && hole.first() <= region.bfns().last())
                .map(ReservedRegion::kind)
                .findFirst()
                .orElse(ReservedRegion.Kind.RESERVED);
    }
}
