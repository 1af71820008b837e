package org.pviommu.server.vhost;

import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.Natives;
import org.pviommu.server.config.RingPeers;
import org.pviommu.virtio.vhost.VhostSettings;

/** What all vhost-user sockets have in common: those who may use the ring may use them, too. */
final class Sockets {
    private static final int MESSAGE_TIMEOUT_MS = 5_000;

    private final Set<Integer> uids;
    private final Set<Integer> gids;
    private final long pollNs;

    Sockets(@Nullable RingPeers peers, int pollUs) {
        uids = peers == null ? (Natives.uid() == 0 ? Set.of(0) : Set.of(0, Natives.uid())) : peers.uids();
        gids = peers == null ? Set.of() : peers.gids();
        pollNs = TimeUnit.MICROSECONDS.toNanos(pollUs);
    }

    VhostSettings settings(Path socket) {
        return new VhostSettings(socket, uids, gids, MESSAGE_TIMEOUT_MS, pollNs);
    }
}
