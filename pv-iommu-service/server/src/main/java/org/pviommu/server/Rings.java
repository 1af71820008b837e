package org.pviommu.server;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.journal.Recovery;
import org.pviommu.server.config.RingPeers;
import org.pviommu.server.config.ServiceSettings;
import org.pviommu.server.grants.Grants;
import org.pviommu.server.ring.RingServer;
import org.pviommu.server.ring.RingSettings;

/** The operator's settings, in the words of the ring transport. */
final class Rings {
    private Rings() {}

    static RingServer create(
            ServiceSettings settings, Path path, Engine engine, Grants grants, @Nullable Recovery recovery) {
        RingSettings ring = RingSettings.defaults(path);
        RingPeers peers = settings.ringPeers();
        if (peers != null) {
            ring = ring.withPeers(peers.uids(), peers.gids());
        }
        return new RingServer(
                ring, engine, id -> policy(settings, id), id -> endpoints(settings, id), grants, recovery);
    }

    /** Null refuses the guest: ids beyond what a signed int holds, unnamed ones without a default endpoint, and virtual machines. */
    private static @Nullable GuestPolicy policy(ServiceSettings settings, int guestId) {
        if (settings.devices().guests().contains(guestId)) {
            return null; // whoever takes its number while it is waited for would end it
        }
        boolean known = settings.guests().containsKey(guestId)
                || (guestId >= 0 && guestId <= EndpointId.MAX_GUEST_WITH_DEFAULT);
        return known ? settings.guest(guestId).policy() : null;
    }

    private static List<EndpointDescriptor> endpoints(ServiceSettings settings, int guestId) {
        return settings.guest(guestId).endpoints();
    }
}
