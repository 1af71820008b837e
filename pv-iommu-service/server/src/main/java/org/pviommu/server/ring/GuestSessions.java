package org.pviommu.server.ring;

/** Where guests come from: the engine, or in tests of the transport alone something simpler. Any thread. */
interface GuestSessions {

    /**
     * Brings a guest to life; the calling thread is the one that will use the session.
     *
     * @param guestId number of the guest, unsigned
     * @throws RefusedException if the guest is not known or its number is in use
     */
    GuestSession open(int guestId);

    /**
     * A guest says that it was there before the service was started; nothing is changed yet.
     *
     * @param guestId number of the guest, unsigned
     * @throws RefusedException if the guest is not known, or nobody of that number is waited for
     */
    ReturningGuest comeBack(int guestId);
}
