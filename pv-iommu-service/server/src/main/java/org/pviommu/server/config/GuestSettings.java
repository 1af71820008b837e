package org.pviommu.server.config;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.GuestPolicy;

/**
 * What the operator decided about a guest before it connects.
 *
 * @param policy what it may do and how much
 * @param endpoints its devices, which start attached to its address space 0
 * @param uid the only user whose processes may act as this guest; null for any user that reaches the ring socket
 */
public record GuestSettings(
        GuestPolicy policy,
        List<EndpointDescriptor> endpoints,
        @Nullable Integer uid) {

    /** Copies the list. */
    public GuestSettings {
        endpoints = List.copyOf(endpoints);
    }
}
