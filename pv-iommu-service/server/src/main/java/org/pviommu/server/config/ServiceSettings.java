package org.pviommu.server.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.server.EndpointId;

/**
 * All that the file can say. What the command line says wins over it.
 *
 * @param httpPort port of the HTTP listener on 127.0.0.1; 0 for any free one
 * @param ring where guests connect; null for {@code ring.sock} in the run directory
 * @param ringPeers who may connect there; null for this process's own user and root
 * @param host the host IOMMU
 * @param journal what is recorded
 * @param defaultPolicy for guests that are not named
 * @param defaultAcceptsGrantsFrom for guests that are not named: whose grants they accept
 * @param guests the named ones, by id
 * @param devices virtio devices for virtual machines
 */
public record ServiceSettings(
        int httpPort,
        @Nullable Path ring,
        @Nullable RingPeers ringPeers,
        HostConfig host,
        JournalConfig journal,
        GuestPolicy defaultPolicy,
        Set<Integer> defaultAcceptsGrantsFrom,
        Map<Integer, GuestSettings> guests,
        DeviceConfig devices) {

    /** Copies set and map. */
    public ServiceSettings {
        defaultAcceptsGrantsFrom = Set.copyOf(defaultAcceptsGrantsFrom);
        guests = Map.copyOf(guests);
    }

    /** Without a file: every guest may do everything within the default limits and has one simulated endpoint. */
    public static ServiceSettings defaults() {
        return new ServiceSettings(
                0,
                null,
                null,
                HostConfig.simulated(HostConfig.DEFAULT_LAST_BFN, true),
                JournalConfig.defaults(),
                GuestPolicy.permissive(),
                Set.of(),
                Map.of(),
                DeviceConfig.none());
    }

    /**
     * Settings of any guest, named in the file or not.
     *
     * @throws IllegalArgumentException when an unnamed guest's id is too large for a default endpoint
     */
    public GuestSettings guest(int guestId) {
        GuestSettings named = guests.get(guestId);
        return named != null
                ? named
                : new GuestSettings(defaultPolicy, endpointsOfUnnamed(guestId), defaultAcceptsGrantsFrom);
    }

    /** A real device is nobody's before the operator says so. */
    private List<EndpointDescriptor> endpointsOfUnnamed(int guestId) {
        return host.isKernel() ? List.of() : defaultEndpoints(guestId);
    }

    /** Endpoints of all named guests: the devices of a real host. */
    public List<Integer> endpointIds() {
        return guests.values().stream()
                .flatMap(guest -> guest.endpoints().stream())
                .map(EndpointDescriptor::endpointId)
                .sorted(Integer::compareUnsigned)
                .toList();
    }

    /** Whether frames of {@code ownerId} may appear among those of {@code granteeId}, which may be any number. */
    public boolean acceptsGrants(int granteeId, int ownerId) {
        GuestSettings named = guests.get(granteeId);
        return (named != null ? named.acceptsGrantsFrom() : defaultAcceptsGrantsFrom).contains(ownerId);
    }

    static List<EndpointDescriptor> defaultEndpoints(int guestId) {
        return List.of(new EndpointDescriptor(EndpointId.defaultOf(guestId), List.of()));
    }

    /** The same settings on another port. */
    public ServiceSettings withHttpPort(int port) {
        return new ServiceSettings(
                port, ring, ringPeers, host, journal, defaultPolicy, defaultAcceptsGrantsFrom, guests, devices);
    }

    /** The same settings with the ring elsewhere. */
    public ServiceSettings withRing(Path path) {
        return new ServiceSettings(
                httpPort, path, ringPeers, host, journal, defaultPolicy, defaultAcceptsGrantsFrom, guests, devices);
    }

    /** The same settings with another journal. */
    public ServiceSettings withJournal(JournalConfig config) {
        return new ServiceSettings(
                httpPort, ring, ringPeers, host, config, defaultPolicy, defaultAcceptsGrantsFrom, guests, devices);
    }

    /** The same settings on another host IOMMU. */
    public ServiceSettings withHost(HostConfig config) {
        return new ServiceSettings(
                httpPort, ring, ringPeers, config, journal, defaultPolicy, defaultAcceptsGrantsFrom, guests, devices);
    }

    /**
     * The same settings with one endpoint more for a guest.
     *
     * @throws ConfigException when a guest has it already
     */
    public ServiceSettings withEndpoint(int guestId, int endpointId) {
        if (endpointIds().contains(endpointId)) {
            throw new ConfigException("endpoint=" + EndpointId.format(endpointId) + " is configured twice");
        }
        GuestSettings before = guest(guestId);
        List<EndpointDescriptor> endpoints = new ArrayList<>(before.endpoints());
        endpoints.add(new EndpointDescriptor(endpointId, List.of()));
        return withGuest(guestId, new GuestSettings(before.policy(), endpoints, before.acceptsGrantsFrom()));
    }

    private ServiceSettings withGuest(int guestId, GuestSettings guest) {
        Map<Integer, GuestSettings> more = new HashMap<>(guests);
        more.put(guestId, guest);
        return new ServiceSettings(
                httpPort, ring, ringPeers, host, journal, defaultPolicy, defaultAcceptsGrantsFrom, more, devices);
    }

    /**
     * The same settings with more devices. Their guests have the endpoints that the devices bring, besides those they are named with.
     *
     * @throws ConfigException when an endpoint is another guest's, or the host IOMMU is a real one and a disk is no device of it
     */
    public ServiceSettings withDevices(DeviceConfig more) {
        if (host.isKernel() && !more.disks().isEmpty()) {
            throw new ConfigException("host=" + host.kind().text() + " cannot translate disk="
                    + more.disks().getFirst().image() + ": it is no device of that host; use host=simulated");
        }
        ServiceSettings settings = new ServiceSettings(
                httpPort,
                ring,
                ringPeers,
                host,
                journal,
                defaultPolicy,
                defaultAcceptsGrantsFrom,
                guests,
                devices.and(more));
        for (int guestId : more.guests()) {
            GuestSettings named = guests.get(guestId);
            settings = settings.withGuest(
                    guestId,
                    named != null ? named : new GuestSettings(defaultPolicy, List.of(), defaultAcceptsGrantsFrom));
            for (int endpoint : more.endpoints(guestId)) {
                settings = settings.withDeviceEndpoint(guestId, endpoint);
            }
        }
        return settings;
    }

    private ServiceSettings withDeviceEndpoint(int guestId, int endpoint) {
        boolean named = guest(guestId).endpoints().stream().anyMatch(each -> each.endpointId() == endpoint);
        return named ? this : withEndpoint(guestId, endpoint);
    }
}
