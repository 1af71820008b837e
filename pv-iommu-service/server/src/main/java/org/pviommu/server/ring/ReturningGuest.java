package org.pviommu.server.ring;

import org.pviommu.engine.GuestMemory;

/**
 * A guest that was there before the service's last start, from its HELLO to its RESUME: what it registers is collected and
 * changes nothing. Used by the connection's thread only.
 */
interface ReturningGuest extends AutoCloseable {

    /** How many frames it may register in all. */
    long maxMemoryFrames();

    /**
     * Keeps memory, which this owns from now on.
     *
     * @throws RefusedException if there is some at that frame already, or too much in all; then it is still the caller's
     */
    void collect(long firstMfn, long pages, GuestMemory memory);

    /**
     * Gives the guest back what it had. The memory is the session's then.
     *
     * @throws RefusedException EINVAL for other memory than before, EBUSY while somebody else has to come back first: both may
     *     be tried again. Anything else is the end of what the guest had
     */
    GuestSession resume();

    /** Lets go of what was collected and not given to a session; the guest is waited for as before. */
    @Override
    void close();
}
