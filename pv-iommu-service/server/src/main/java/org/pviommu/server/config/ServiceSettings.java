package org.pviommu.server.config;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.server.EndpointId;

/**
 * All that the file can say. What the command line says wins over it.
 *
 * @param httpPort port of the HTTP listener on 127.0.0.1; 0 for any free one
 * @param ring where guests connect; null for {@code ring.sock} in the run directory
 * @param ringPeers who may connect there; null for this process's own user and root
 * @param lastBfn aperture of the simulated host IOMMU: bus frames {@code [0, lastBfn]}
 * @param cutsMappings whether it lets a page be taken out of a larger mapping
 * @param journal what is recorded
 * @param defaultPolicy for guests that are not named
 * @param defaultAcceptsGrantsFrom for guests that are not named: whose grants they accept
 * @param guests the named ones, by id
 */
public record ServiceSettings(
        int httpPort,
        @Nullable Path ring,
        @Nullable RingPeers ringPeers,
        long lastBfn,
        boolean cutsMappings,
        JournalConfig journal,
        GuestPolicy defaultPolicy,
        Set<Integer> defaultAcceptsGrantsFrom,
        Map<Integer, GuestSettings> guests) {

    /** 39-bit bus addresses, the smallest aperture of VT-d hardware in use: a driver that fits here fits everywhere. */
    public static final long DEFAULT_LAST_BFN = (1L << 27) - 1;

    /** Copies set and map. */
    public ServiceSettings {
        defaultAcceptsGrantsFrom = Set.copyOf(defaultAcceptsGrantsFrom);
        guests = Map.copyOf(guests);
        if (lastBfn > HostCapabilities.MAX_LAST_BFN) {
            throw new IllegalArgumentException("lastBfn=" + lastBfn + " max=" + HostCapabilities.MAX_LAST_BFN);
        }
    }

    /** Without a file: every guest may do everything within the default limits and has one simulated endpoint. */
    public static ServiceSettings defaults() {
        return new ServiceSettings(
                0,
                null,
                null,
                DEFAULT_LAST_BFN,
                true,
                JournalConfig.defaults(),
                GuestPolicy.permissive(),
                Set.of(),
                Map.of());
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
                : new GuestSettings(defaultPolicy, defaultEndpoints(guestId), defaultAcceptsGrantsFrom);
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
                port, ring, ringPeers, lastBfn, cutsMappings, journal, defaultPolicy, defaultAcceptsGrantsFrom, guests);
    }

    /** The same settings with the ring elsewhere. */
    public ServiceSettings withRing(Path path) {
        return new ServiceSettings(
                httpPort,
                path,
                ringPeers,
                lastBfn,
                cutsMappings,
                journal,
                defaultPolicy,
                defaultAcceptsGrantsFrom,
                guests);
    }

    /** The same settings with another journal. */
    public ServiceSettings withJournal(JournalConfig config) {
        return new ServiceSettings(
                httpPort,
                ring,
                ringPeers,
                lastBfn,
                cutsMappings,
                config,
                defaultPolicy,
                defaultAcceptsGrantsFrom,
                guests);
    }
}
