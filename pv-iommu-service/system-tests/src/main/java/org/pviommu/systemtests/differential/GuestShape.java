package org.pviommu.systemtests.differential;

import java.util.List;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.ReservedRegion;

/**
 * What one guest of a world is like. Ranges are inclusive.
 *
 * @param guestId its number
 * @param arguments frames that hold the arrays of operations; never mapped by a call
 * @param maxMemoryFrames quota of registered frames, granted ones included
 * @param maxMappedFrames quota of mapped pages
 * @param maxTablePages quota of table pages
 * @param maxHeldFrames bound on held frames
 * @param maxContexts quota of address spaces
 * @param memory what it registers besides; each range is one region
 * @param reservedMfns the hypervisor's frames
 * @param endpoints its devices
 */
record GuestShape(
        int guestId,
        FrameRange arguments,
        long maxMemoryFrames,
        long maxMappedFrames,
        int maxTablePages,
        int maxHeldFrames,
        int maxContexts,
        List<FrameRange> memory,
        List<FrameRange> reservedMfns,
        List<Endpoint> endpoints) {

    /** A device; endpoints of one group share one address space. */
    record Endpoint(int endpointId, int group, List<FrameRange> reserved) {}

    GuestPolicy policy() {
        return new GuestPolicy(
                true, true, maxMemoryFrames, maxMappedFrames, maxTablePages, maxHeldFrames, maxContexts, reservedMfns);
    }

    List<EndpointDescriptor> descriptors() {
        return endpoints.stream()
                .map(endpoint -> new EndpointDescriptor(
                        endpoint.endpointId(),
                        endpoint.group(),
                        endpoint.reserved().stream()
                                .map(bfns -> new ReservedRegion(bfns, ReservedRegion.Kind.RESERVED))
                                .toList()))
                .toList();
    }

    boolean isReservedMfn(long mfn) {
        return anyContains(reservedMfns, mfn);
    }

    static boolean anyContains(List<FrameRange> ranges, long frame) {
        for (FrameRange range : ranges) {
            if (range.contains(frame)) {
                return true;
            }
        }
        return false;
    }
}
