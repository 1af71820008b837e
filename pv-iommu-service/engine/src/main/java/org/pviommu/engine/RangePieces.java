package org.pviommu.engine;

import org.jspecify.annotations.Nullable;

/**
 * Goes through the extents of memory that one mapping of bytes {@code [first, last]} touches, and says what the host IOMMU has of
 * each: the whole frames. A host translates frames, so of a frame that is mapped in part it gets nothing, and it gets nothing at all
 * where IOVA and target differ below the frame; such bytes are reached by endpoints of our own only. A smaller granule than 4096 thus
 * never gives a device more than was mapped.
 *
 * <p>A mapping leads to regions that were there when it was made and have not gone since, and to no other: what a guest registers later at
 * the same place is not what it meant.
 */
final class RangePieces {
    private MemoryExtents extents = MemoryExtents.NONE;
    private @Nullable GuestRegion only;
    private long iova;
    private long target;
    private long firstFrame;
    private long lastFrame;
    private long endTarget;
    private long serial;
    private boolean hosted;
    private int next;
    private int current;

    private long bfn;
    private long mfn;
    private long pages;

    /** Begins with the extents that [first, last] to {@code target} touches; none for device registers. */
    void start(MemoryExtents newExtents, long first, long last, long newTarget, long attributes) {
        start(newExtents, first, last, newTarget, attributes, null);
    }

    /** The same, for those of one region alone. */
    void start(
            MemoryExtents newExtents,
            long first,
            long last,
            long newTarget,
            long attributes,
            @Nullable GuestRegion onlyRegion) {
        extents = newExtents;
        only = onlyRegion;
        iova = first;
        target = newTarget;
        endTarget = newTarget + (last - first); // does not wrap: checked before it was mapped
        firstFrame = target >>> 12;
        lastFrame = endTarget >>> 12;
        serial = RangeAttributes.serial(attributes);
        hosted = RangeAttributes.isHosted(attributes) && ((first ^ newTarget) & 4095) == 0;
        next = RangeAttributes.isMmio(attributes) ? extents.count() : extents.atOrAfter(firstFrame);
    }

    /** Goes to the next extent; false when there is none. */
    boolean next() {
        while (next < extents.count() && extents.first(next) <= lastFrame) {
            current = next++;
            GuestRegion region = extents.region(current);
            if (region.servesMapping(serial) && (only == null || only == region)) {
                cut();
                return true;
            }
        }
        return false;
    }

    /** The whole frames of the mapping within the extent. */
    private void cut() {
        long from = extents.first(current) > firstFrame ? extents.first(current) << 12 : target;
        long to = extents.last(current) < lastFrame ? extents.last(current) << 12 | 4095 : endTarget;
        long start = iova + (from - target);
        // Frames are below 2^40, so from and to are far from a wrap; start may be at the end of 64 bits, hence no "+
        // 4095".
        bfn = (start >>> 12) + ((start & 4095) == 0 ? 0 : 1);
        mfn = (from + 4095) >>> 12;
        pages = hosted ? Math.max(0, ((to + 1) >>> 12) - mfn) : 0;
    }

    GuestRegion region() {
        return extents.region(current);
    }

    /** First bus frame of {@link #pages}. */
    long bfn() {
        return bfn;
    }

    /** The frame it leads to. */
    long mfn() {
        return mfn;
    }

    /** How many frames the host has; may be none. */
    long pages() {
        return pages;
    }
}
