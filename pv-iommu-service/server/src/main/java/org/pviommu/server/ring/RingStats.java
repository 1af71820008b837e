package org.pviommu.server.ring;

/**
 * What the ring transport has counted since it started. Totals, except activeConnections; the hot ones lag behind by at
 * most a few hundred calls.
 *
 * @param accepted connections that passed the checks of the acceptor
 * @param refusedCredentials connections closed because of the user and group of the peer
 * @param refusedLimit connections closed because there were too many, or no thread or descriptor for one more
 * @param refusedHandshakes guests not admitted: no or no acceptable HELLO, wrong version, number in use or not known
 * @param protocolErrors connections closed because of a malformed message or slot, or memory that went away
 * @param internalErrors connections closed because of a mistake of this service
 * @param activeConnections connections now
 * @param calls hypercalls completed
 * @param kicks wake-ups by a guest
 * @param sleeps times a connection's thread went to sleep
 */
public record RingStats(
        long accepted,
        long refusedCredentials,
        long refusedLimit,
        long refusedHandshakes,
        long protocolErrors,
        long internalErrors,
        int activeConnections,
        long calls,
        long kicks,
        long sleeps) {}
