package org.pviommu.server.config;

import java.util.List;
import java.util.Set;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.GuestPolicy;

/**
 * What the operator decided about a guest before it connects.
 *
 * @param policy what it may do and how much
 * @param endpoints its devices, which start attached to its address space 0
 * @param acceptsGrantsFrom guests whose frames may appear among its own
 */
public record GuestSettings(GuestPolicy policy, List<EndpointDescriptor> endpoints, Set<Integer> acceptsGrantsFrom) {

    /** Copies list and set. */
    public GuestSettings {
        endpoints = List.copyOf(endpoints);
        acceptsGrantsFrom = Set.copyOf(acceptsGrantsFrom);
    }
}
