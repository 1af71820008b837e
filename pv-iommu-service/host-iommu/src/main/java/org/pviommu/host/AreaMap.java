package org.pviommu.host;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/**
 * The areas of one address space, ordered by first bus frame. One writer, any number of readers without a lock. Ranges
 * are inclusive {@code [first, last]}.
 */
final class AreaMap {
    private final ConcurrentSkipListMap<Long, Area> byFirstBfn = new ConcurrentSkipListMap<>();
    private final boolean cuts;

    /** @param cuts whether an area may be divided, or is removed whole or not at all */
    AreaMap(boolean cuts) {
        this.cuts = cuts;
    }

    /**
     * The area of {@code bfn}, or null when it is not translated.
     *
     * <p>A search finds the node with the greatest key up to {@code bfn} and then, a moment later, its value. In
     * between a cut may have published a tail behind the node and shortened the node's own area, and the pair would
     * then deny a page that was translated all the time. So a denial counts only when a second search agrees: each area
     * object is stored once, hence the same object means that the node's value did not change from the first answer to the
     * second, so at the moment of the second search there truly was nothing but this area at or below {@code bfn}.
     */
    @Nullable
    Area find(long bfn) {
        Area found = floor(bfn);
        while (found != null && !found.contains(bfn)) {
            Area again = floor(bfn);
            if (isSameObject(again, found)) {
                return null;
            }
            found = again;
        }
        return found;
    }

    /** Adds an area; false, and nothing changed, when it would lie over another. */
    boolean add(Area area) {
        // Areas never overlap each other, so the last one that begins inside or before reaches farthest.
        Area before = floor(area.lastBfn());
        if (before != null && before.lastBfn() >= area.firstBfn()) {
            return false;
        }
        byFirstBfn.put(area.firstBfn(), area);
        return true;
    }

    /**
     * Removes the translations of {@code [firstBfn, lastBfn]} as far as they can be removed without a gap.
     *
     * @return how many pages from {@code firstBfn} on, or {@code -ENOENT} when that page is not translated, or {@code
     *     -EBUSY} when its area would have to be cut and this map does not cut; then nothing was removed
     */
    long remove(long firstBfn, long lastBfn) {
        long next = firstBfn;
        long refusal = 0;
        while (next <= lastBfn) {
            Area area = find(next);
            refusal = refusal(area, next, lastBfn);
            if (area == null || refusal != 0) {
                break;
            }
            long lastRemoved = Math.min(area.lastBfn(), lastBfn);
            cutOut(area, next, lastRemoved);
            next = lastRemoved + 1;
        }
        return next > firstBfn ? next - firstBfn : refusal;
    }

    private long refusal(@Nullable Area area, long firstBfn, long lastBfn) {
        if (area == null) {
            return -HostErrno.ENOENT;
        }
        boolean whole = area.firstBfn() == firstBfn && area.lastBfn() <= lastBfn;
        return whole || cuts ? 0 : -HostErrno.EBUSY;
    }

    /**
     * Takes {@code [firstBfn, lastBfn]} out of {@code area}, which contains both. The tail is published before the old
     * area goes, and the head takes the old area's place in one store, so no page that stays is untranslated at any
     * moment: a reader finds it in the old area, or in its new piece. While both are there they say the same.
     */
    private void cutOut(Area area, long firstBfn, long lastBfn) {
        if (lastBfn < area.lastBfn()) {
            Area tail = area.tailAfter(lastBfn);
            byFirstBfn.put(tail.firstBfn(), tail);
        }
        if (firstBfn > area.firstBfn()) {
            byFirstBfn.put(area.firstBfn(), area.headBefore(firstBfn));
        } else {
            byFirstBfn.remove(area.firstBfn());
        }
    }

    /** Identity is the point: an equal area that was stored later proves nothing about the time in between. */
    @SuppressWarnings("ReferenceEquality")
    private static boolean isSameObject(@Nullable Area one, Area other) {
        return one == other;
    }

    void clear() {
        byFirstBfn.clear();
    }

    /** A copy, ordered; exact when no writer is at work. */
    List<Area> areas() {
        return List.copyOf(byFirstBfn.values());
    }

    private @Nullable Area floor(long bfn) {
        Map.Entry<Long, Area> entry = byFirstBfn.floorEntry(bfn);
        return entry == null ? null : entry.getValue();
    }
}
