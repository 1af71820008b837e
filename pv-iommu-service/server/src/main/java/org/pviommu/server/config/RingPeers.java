package org.pviommu.server.config;

import java.util.Set;

/**
 * Whose processes may connect to the ring, by the credentials that the kernel tells.
 *
 * @param uids users
 * @param gids groups, by a process's effective group
 */
public record RingPeers(Set<Integer> uids, Set<Integer> gids) {
    /** Copies the sets. */
    public RingPeers {
        uids = Set.copyOf(uids);
        gids = Set.copyOf(gids);
    }
}
