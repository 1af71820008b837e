package org.pviommu.engine;

import java.util.ArrayList;
import java.util.List;

/**
 * The frames that DMA of domains may reach: a guest's own regions, without the hypervisor's frames and without what other guests
 * have granted. One state of it, sorted; ranges are inclusive. Immutable.
 */
final class MemoryExtents {
    static final MemoryExtents NONE = new MemoryExtents(List.of());

    private record Extent(long first, long last, GuestRegion region) {}

    private final long[] first;
    private final long[] last;
    private final GuestRegion[] regions;

    private MemoryExtents(List<Extent> extents) {
        first = extents.stream().mapToLong(Extent::first).toArray();
        last = extents.stream().mapToLong(Extent::last).toArray();
        regions = extents.stream().map(Extent::region).toArray(GuestRegion[]::new);
    }

    /** Of {@code regions}, sorted by frame. */
    static MemoryExtents of(GuestRegion[] regions, List<FrameRange> hypervisors) {
        List<Extent> extents = new ArrayList<>();
        for (GuestRegion region : regions) {
            if (!region.isGranted()) {
                for (FrameRange rest : without(new FrameRange(region.firstMfn(), region.lastMfn()), hypervisors)) {
                    extents.add(new Extent(rest.first(), rest.last(), region));
                }
            }
        }
        return new MemoryExtents(extents);
    }

    /** What is left of {@code range}, in order, when {@code holes} are taken out. */
    static List<FrameRange> without(FrameRange range, List<FrameRange> holes) {
        List<FrameRange> rest = List.of(range);
        for (FrameRange hole : holes) {
            List<FrameRange> smaller = new ArrayList<>();
            for (FrameRange each : rest) {
                if (each.last() < hole.first() || hole.last() < each.first()) {
                    smaller.add(each);
                    continue;
                }
                if (each.first() < hole.first()) {
                    smaller.add(new FrameRange(each.first(), hole.first() - 1));
                }
                if (hole.last() < each.last()) {
                    smaller.add(new FrameRange(hole.last() + 1, each.last()));
                }
            }
            rest = smaller;
        }
        return rest;
    }

    int count() {
        return first.length;
    }

    long first(int index) {
        return first[index];
    }

    long last(int index) {
        return last[index];
    }

    GuestRegion region(int index) {
        return regions[index];
    }

    /** The first extent that does not end before {@code mfn}; {@link #count} when all do. */
    int atOrAfter(long mfn) {
        int low = 0;
        int high = first.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (last[middle] < mfn) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
}
