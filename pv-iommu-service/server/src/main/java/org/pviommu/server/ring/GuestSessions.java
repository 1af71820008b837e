package org.pviommu.server.ring;

/** Where guests come from: the engine, or in tests of the transport alone something simpler. Any thread. */
@FunctionalInterface
interface GuestSessions {

    /**
     * Brings a guest to life; the calling thread is the one that will use the session.
     *
     * @param guestId number of the guest, unsigned
     * @throws RefusedException if the guest is not known or its number is in use
     */
    GuestSession open(int guestId);
}
