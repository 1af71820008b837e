package org.pviommu.host;

import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;

/**
 * A translation of one page: what the IOTLB holds, and what a walk of the table yields.
 *
 * @param spaceId the address space, by its number that is never used again
 * @param bfn bus frame
 * @param memory the guest memory it reaches
 * @param offsetBytes where in that memory the frame begins
 * @param access {@link Access} bits
 */
public record IotlbEntry(long spaceId, long bfn, GuestMemory memory, long offsetBytes, int access) {

    /** Whether all of {@code wanted} ({@link Access} bits) is allowed. */
    public boolean allows(int wanted) {
        return (access & wanted) == wanted;
    }

    /** Whether this very region is reached; two regions are two even where their contents or files agree. */
    @SuppressWarnings("ReferenceEquality") // a region is an object with an owner and an end, not a value
    boolean isOf(GuestMemory region) {
        return memory == region;
    }
}
