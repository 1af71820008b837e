package org.pviommu.engine;

import java.util.Map;
import java.util.TreeMap;

/**
 * Bus frames that are mapped in a space's index while the host IOMMU does not have them: it removed more than it was asked for, or
 * only a part of a mapping. Empty unless a host misbehaves, and only then does it allocate.
 */
final class GoneFrames {
    /** Last frame by first frame; ranges neither overlap nor touch. */
    private final TreeMap<Long, Long> ranges = new TreeMap<>();

    boolean isEmpty() {
        return ranges.isEmpty();
    }

    void add(long firstBfn, long pages) {
        if (pages <= 0) {
            return;
        }
        remove(firstBfn, pages);
        long first = firstBfn;
        long last = firstBfn + pages - 1;
        Map.Entry<Long, Long> before = ranges.lowerEntry(first);
        if (before != null && before.getValue() == first - 1) {
            first = before.getKey();
        }
        Long after = ranges.remove(last + 1);
        ranges.put(first, after == null ? last : after);
    }

    void remove(long firstBfn, long pages) {
        long last = firstBfn + pages - 1;
        Map.Entry<Long, Long> each = ranges.floorEntry(last);
        while (each != null && each.getValue() >= firstBfn) {
            ranges.remove(each.getKey());
            if (each.getValue() > last) {
                ranges.put(last + 1, each.getValue());
            }
            if (each.getKey() < firstBfn) {
                ranges.put(each.getKey(), firstBfn - 1);
            }
            each = ranges.lowerEntry(firstBfn);
        }
    }

    /** The first frame at or after {@code bfn} that is not gone. */
    long nextPresent(long bfn) {
        Map.Entry<Long, Long> range = ranges.floorEntry(bfn);
        return range != null && range.getValue() >= bfn ? range.getValue() + 1 : bfn;
    }

    /** The last frame of those that are present from {@code bfn} on, which is one of them, at most {@code last}. */
    long lastPresent(long bfn, long last) {
        Long next = ranges.higherKey(bfn);
        return next == null ? last : Math.min(last, next - 1);
    }
}
