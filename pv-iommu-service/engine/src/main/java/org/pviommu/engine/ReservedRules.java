package org.pviommu.engine;

import java.util.List;

/**
 * Which endpoints may share a domain, by what they reserve. What one reserves, all must not map: so a domain's forbidden ranges are the
 * union. A range that firmware keeps mapped one to one would let an endpoint without it into firmware's memory; so both have to have
 * the range, of whatever kind.
 */
final class ReservedRules {
    private ReservedRules() {}

    static List<FrameRange> ranges(EndpointDescriptor endpoint) {
        return endpoint.reserved().stream().map(ReservedRegion::bfns).toList();
    }

    /** Whether {@code a} and {@code b} may be in one domain. */
    static boolean agree(EndpointDescriptor a, EndpointDescriptor b) {
        return coversIdentityOf(a, b) && coversIdentityOf(b, a);
    }

    private static boolean coversIdentityOf(EndpointDescriptor of, EndpointDescriptor by) {
        for (ReservedRegion region : of.reserved()) {
            if (region.kind() == ReservedRegion.Kind.IDENTITY
                    && !MemoryExtents.without(region.bfns(), ranges(by)).isEmpty()) {
                return false;
            }
        }
        return true;
    }
}
