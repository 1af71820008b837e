package org.pviommu.server.ring;

import java.nio.file.Path;
import java.util.Set;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.Natives;

/**
 * How the ring transport listens, and its limits.
 *
 * @param path the socket file
 * @param maxConnections connections at a time, those still in the handshake included; each takes a thread and up to
 *     {@code 2 * maxSlots + maxRegions + 4} file descriptors
 * @param maxSlots slots that one connection is granted at most, 1 to 64
 * @param maxRegions memory regions of one connection; bounds file descriptors and mappings, of which a Linux process
 *     has 65,530 ({@code vm.max_map_count}) for everything: 128 connections of 256 regions take half of them
 * @param handshakeTimeoutMs how long a new connection may take to say HELLO
 * @param stopTimeoutMs how long {@link RingServer#close} waits for calls under way and for guests to be removed
 * @param spinIterations looks at all slots before a connection's thread sleeps; 0 is never spin. At most 1,000,000, some
 *     tens of milliseconds, because an idle thread does not see its socket before it sleeps
 * @param allowedUids users that may connect
 * @param allowedGids groups whose members may connect, by the effective group of the process
 */
public record RingSettings(
        Path path,
        int maxConnections,
        int maxSlots,
        int maxRegions,
        int handshakeTimeoutMs,
        int stopTimeoutMs,
        int spinIterations,
        Set<Integer> allowedUids,
        Set<Integer> allowedGids) {

    /** About 40 microseconds where a pause takes 40 ns: longer than waking a thread on another CPU (25 to 30). */
    public static final int DEFAULT_SPIN_ITERATIONS = 1_000;

    /** Refuses impossible settings, which are the operator's mistake. */
    public RingSettings {
        requireRange("maxConnections", maxConnections, 1, 4_096);
        requireRange("maxSlots", maxSlots, 1, RingAbi.MAX_SLOTS);
        requireRange("maxRegions", maxRegions, 1, 4_096);
        requireRange("handshakeTimeoutMs", handshakeTimeoutMs, 1, 60_000);
        requireRange("stopTimeoutMs", stopTimeoutMs, 1, 600_000);
        requireRange("spinIterations", spinIterations, 0, 1_000_000);
        allowedUids = Set.copyOf(allowedUids);
        allowedGids = Set.copyOf(allowedGids);
    }

    /** 128 connections of up to 64 slots, open to this process's own user and to root. */
    public static RingSettings defaults(Path path) {
        Set<Integer> uids = Natives.uid() == 0 ? Set.of(0) : Set.of(0, Natives.uid());
        return new RingSettings(
                path, 128, RingAbi.MAX_SLOTS, 256, 2_000, 5_000, DEFAULT_SPIN_ITERATIONS, uids, Set.of());
    }

    /** The same with another bound on connections. */
    public RingSettings withMaxConnections(int connections) {
        return new RingSettings(
                path,
                connections,
                maxSlots,
                maxRegions,
                handshakeTimeoutMs,
                stopTimeoutMs,
                spinIterations,
                allowedUids,
                allowedGids);
    }

    /** The same with other bounds on what one connection gets. */
    public RingSettings withGuestLimits(int slots, int regions) {
        return new RingSettings(
                path,
                maxConnections,
                slots,
                regions,
                handshakeTimeoutMs,
                stopTimeoutMs,
                spinIterations,
                allowedUids,
                allowedGids);
    }

    /** The same with other waiting times. */
    public RingSettings withTimeouts(int handshakeMs, int stopMs) {
        return new RingSettings(
                path,
                maxConnections,
                maxSlots,
                maxRegions,
                handshakeMs,
                stopMs,
                spinIterations,
                allowedUids,
                allowedGids);
    }

    /** The same with another amount of spinning. */
    public RingSettings withSpinIterations(int iterations) {
        return new RingSettings(
                path,
                maxConnections,
                maxSlots,
                maxRegions,
                handshakeTimeoutMs,
                stopTimeoutMs,
                iterations,
                allowedUids,
                allowedGids);
    }

    /** The same, open to these users and groups instead. */
    public RingSettings withPeers(Set<Integer> uids, Set<Integer> gids) {
        return new RingSettings(
                path,
                maxConnections,
                maxSlots,
                maxRegions,
                handshakeTimeoutMs,
                stopTimeoutMs,
                spinIterations,
                uids,
                gids);
    }

    private static void requireRange(String name, int value, int min, int max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(name + "=" + value + " min=" + min + " max=" + max);
        }
    }
}
