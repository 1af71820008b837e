package org.pviommu.engine;

import java.util.List;

/**
 * A DMA-capable device of a guest.
 *
 * @param endpointId PCI: segment &lt;&lt; 16 plus bus, device and function; 32 bits, unsigned
 * @param group its IOMMU group: endpoints of one group share one address space, always
 * @param reserved bus frames that may not be mapped in an address space this endpoint is attached to
 */
public record EndpointDescriptor(int endpointId, int group, List<ReservedRegion> reserved) {
    /** Keeps its own copy of the list. */
    public EndpointDescriptor {
        reserved = List.copyOf(reserved);
    }

    /** An endpoint that is alone in its group, which then carries its number. */
    public EndpointDescriptor(int endpointId, List<ReservedRegion> reserved) {
        this(endpointId, endpointId, reserved);
    }
}
