package org.pviommu.virtio.vhost;

import java.nio.file.Path;
import java.util.Set;

/**
 * How a device's socket is served.
 *
 * @param path of the socket
 * @param allowedUids who may connect, by user
 * @param allowedGids who may connect, by group
 * @param messageTimeoutMs how long a message that has begun may take to be complete
 * @param pollNs how long the queues are looked at again and again before the thread sleeps; 0 = not at all
 */
public record VhostSettings(
        Path path, Set<Integer> allowedUids, Set<Integer> allowedGids, int messageTimeoutMs, long pollNs) {

    /** Copies the sets. */
    public VhostSettings {
        if (messageTimeoutMs < 1 || pollNs < 0) {
            throw new IllegalArgumentException(
                    "messageTimeoutMs=" + messageTimeoutMs + " min=1 pollNs=" + pollNs + " min=0");
        }
        allowedUids = Set.copyOf(allowedUids);
        allowedGids = Set.copyOf(allowedGids);
    }
}
