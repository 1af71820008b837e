package org.pviommu.host;

import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;

/**
 * Bus frames that were mapped together, as a kernel keeps them: one {@code map} call makes one area. Immutable, so a
 * reader that found an area may use it whatever the writer does meanwhile. Ranges are inclusive {@code [first, last]}.
 *
 * @param firstBfn first bus frame
 * @param lastBfn last bus frame
 * @param memory the guest memory behind it
 * @param offsetBytes where in that memory {@code firstBfn} lies
 * @param access {@link Access} bits
 */
public record Area(long firstBfn, long lastBfn, GuestMemory memory, long offsetBytes, int access) {

    /** How many pages. */
    public long pages() {
        return lastBfn - firstBfn + 1;
    }

    /** Whether {@code bfn} lies in the area. */
    public boolean contains(long bfn) {
        return firstBfn <= bfn && bfn <= lastBfn;
    }

    /** Where in {@link #memory} the frame of {@code bfn} lies; only for a {@code bfn} of this area. */
    public long offsetOf(long bfn) {
        // Below the segment's size, because map() checked the area's last page against it.
        return offsetBytes + ((bfn - firstBfn) << SimulatedIommu.PAGE_SHIFT);
    }

    /** The part before {@code bfn}, which is not the first page. */
    Area headBefore(long bfn) {
        return new Area(firstBfn, bfn - 1, memory, offsetBytes, access);
    }

    /** The part after {@code bfn}, which is not the last page. */
    Area tailAfter(long bfn) {
        return new Area(bfn + 1, lastBfn, memory, offsetOf(bfn + 1), access);
    }
}
