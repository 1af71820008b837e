package org.pviommu.server.ring;

import org.pviommu.engine.GuestMemory;

/**
 * One guest from its HELLO to the end of its connection, as the transport sees the engine. Used by the connection's
 * thread only.
 */
interface GuestSession extends AutoCloseable {

    /** How many frames the guest may register in all. */
    long maxMemoryFrames();

    /**
     * Adds memory, which the session owns from now on.
     *
     * @throws RefusedException if it is not accepted; then the memory is still the caller's
     */
    void registerMemory(long firstMfn, long pages, GuestMemory memory);

    /**
     * Takes a whole region back and closes its memory.
     *
     * @throws RefusedException if there is no such region or it is in use
     */
    void unregisterMemory(long firstMfn, long pages);

    /**
     * Lets another guest map frames of this one.
     *
     * @throws RefusedException if it may not, or they cannot be; nothing has changed
     */
    void grant(GrantRequest request);

    /**
     * Takes a grant of this guest back.
     *
     * @throws RefusedException if this guest has not granted it; or EIO if it is taken back, as far as new maps go, and not
     *     all that was mapped could be flushed
     */
    void revoke(RevokeRequest request);

    /**
     * One hypercall; allocates nothing.
     *
     * @param cmd unsigned word of the caller, as {@code arg} and {@code count} are
     * @return the result for the guest
     * @throws ProtocolException if the guest's memory went away under the call
     */
    long call(int cmd, long arg, int count);

    /** The service stops: from now on {@link #close} leaves the guest in the engine, because it may come back. */
    void keepForNextStart();

    /** The guest's death: everything it had is unmapped, flushed and released. */
    @Override
    void close();
}
