package org.pviommu.host.kernel;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.HostCapabilities;

/** Collects where an IOMMU can map, from ranges of bytes to frames of the engine's aperture. All ranges are inclusive. */
final class AllowedRanges {
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE_MASK = (1L << PAGE_SHIFT) - 1;

    private final List<FrameRange> frames = new ArrayList<>();

    /** Unsigned bytes {@code [first, last]}; pages that are only partly inside do not count. */
    void addBytes(long first, long last) {
        boolean begins = (first & PAGE_MASK) != 0;
        long firstFrame = (first >>> PAGE_SHIFT) + (begins ? 1 : 0);
        boolean ends = (last & PAGE_MASK) == PAGE_MASK;
        long lastFrame = (last >>> PAGE_SHIFT) - (ends ? 0 : 1);
        long lastHeld = Math.min(lastFrame, HostCapabilities.MAX_LAST_BFN);
        if (firstFrame <= lastHeld) {
            frames.add(new FrameRange(firstFrame, lastHeld));
        }
    }

    List<FrameRange> frames() {
        frames.sort(Comparator.comparingLong(FrameRange::first));
        return List.copyOf(frames);
    }

    /** What of {@code [0, lastBfn]} is in none of {@code allowed}, which is sorted. */
    static List<FrameRange> holes(List<FrameRange> allowed, long lastBfn) {
        List<FrameRange> holes = new ArrayList<>();
        long next = 0;
        for (FrameRange range : allowed) {
            if (range.first() > lastBfn) {
                break;
            }
            if (range.first() > next) {
                holes.add(new FrameRange(next, range.first() - 1));
            }
            next = Math.max(next, range.last() + 1);
        }
        if (next <= lastBfn) {
            holes.add(new FrameRange(next, lastBfn));
        }
        return holes;
    }

    /** The last frame of {@code allowed}, or -1 when nothing is. */
    static long lastBfn(List<FrameRange> allowed) {
        return allowed.stream().mapToLong(FrameRange::last).max().orElse(-1);
    }
}
