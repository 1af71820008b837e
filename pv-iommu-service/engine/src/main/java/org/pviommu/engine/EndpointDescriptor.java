package org.pviommu.engine;

import java.util.List;

/**
 * A DMA-capable device of a guest.
 *
 * @param endpointId PCI: segment &lt;&lt; 16 plus bus, device and function; 32 bits, unsigned
 * @param reserved bus frames that may not be mapped in an address space this endpoint is attached to
 */
public record EndpointDescriptor(int endpointId, List<ReservedRegion> reserved) {
    /** Keeps its own copy of the list. */
    public EndpointDescriptor {
        reserved = List.copyOf(reserved);
    }
}
