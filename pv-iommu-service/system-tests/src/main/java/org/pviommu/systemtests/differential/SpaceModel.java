package org.pviommu.systemtests.differential;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.FrameRange;

/** One address space of the naive model: what is mapped, and what was removed and waits for a flush. */
final class SpaceModel {
    private static final int UPPER_LEVELS = 3;

    /** A bus frame that is translated: to which mfn of the guest, and which frame of all there are that is. */
    record Page(long mfn, long frame, int access) {}

    /** A removed translation whose frame is held until a flush. */
    record Owed(long bfn, long mfn, long frame) {}

    final int context;
    /** Number of its counterpart in the host. */
    final int hostSpace;

    private final TreeMap<Long, Page> mapped = new TreeMap<>();
    final List<Owed> owed = new ArrayList<>();
    /** Removed by the running call, which may map them again. */
    final Set<Long> fresh = new HashSet<>();

    /** Something waits for a flush, or everything has to be flushed to be sure. */
    boolean gathered;

    /** By level above the leaves, which tables there must be; null when it has to be found out anew. */
    private @Nullable List<Set<Long>> tables;

    SpaceModel(int context, int hostSpace) {
        this.context = context;
        this.hostSpace = hostSpace;
    }

    boolean isMapped(long bfn) {
        return mapped.containsKey(bfn);
    }

    @Nullable
    Page page(long bfn) {
        return mapped.get(bfn);
    }

    int mappedPages() {
        return mapped.size();
    }

    Set<Long> mappedBfns() {
        return mapped.keySet();
    }

    boolean mapsFrom(FrameRange mfns) {
        return mapped.values().stream().anyMatch(page -> mfns.contains(page.mfn));
    }

    /** The first mapped bus frame in {@code [first, last]}, or null. */
    @Nullable
    Long mappedFrom(long first, long last) {
        Long bfn = first > last ? null : mapped.ceilingKey(first);
        return bfn == null || bfn > last ? null : bfn;
    }

    void map(long bfn, Page page) {
        mapped.put(bfn, page);
        tables = null;
    }

    boolean isOwed(long bfn) {
        return !isMapped(bfn) && waitsForFlush(bfn);
    }

    /** Whether a removal of {@code bfn} is unflushed, whatever is mapped there now. */
    boolean waitsForFlush(long bfn) {
        for (Owed entry : owed) {
            if (entry.bfn == bfn) {
                return true;
            }
        }
        return false;
    }

    /** Whether a device may still hold a translation of {@code bfn} to {@code frame} that no flush has covered. */
    boolean mayBeStale(long bfn, long frame) {
        return owed.stream().anyMatch(entry -> entry.bfn == bfn && entry.frame == frame);
    }

    /** Enters that the host removed a page. */
    void remove(long bfn, boolean mayMapAgain) {
        Page page = Divergence.found(mapped.remove(bfn), "bfn=" + bfn + " was removed but not mapped");
        owed.add(new Owed(bfn, page.mfn, page.frame));
        gathered = true;
        if (mayMapAgain) {
            fresh.add(bfn);
        } else {
            fresh.remove(bfn);
        }
    }

    void flushed() {
        gathered = false;
        owed.clear();
        fresh.clear();
        tables = null;
    }

    /** Adds its holds to {@code byMfn}. */
    void countHolds(Map<Long, Integer> byMfn) {
        mapped.values().forEach(page -> byMfn.merge(page.mfn, 1, Integer::sum));
        owed.forEach(entry -> byMfn.merge(entry.mfn, 1, Integer::sum));
    }

    /** Table pages that the entries need, owed ones included: one root, and one for each 512 entries of the level below. */
    long tablePages() {
        return 1 + tables().stream().mapToLong(Set::size).sum();
    }

    long missingTables(long bfn) {
        long missing = 0;
        for (int level = 1; level <= UPPER_LEVELS; level++) {
            missing += tables().get(level - 1).contains(bfn >>> (9 * level)) ? 0 : 1;
        }
        return missing;
    }

    private List<Set<Long>> tables() {
        List<Set<Long>> known = tables;
        if (known == null) {
            known = new ArrayList<>();
            for (int level = 1; level <= UPPER_LEVELS; level++) {
                known.add(tables(9 * level));
            }
            tables = known;
        }
        return known;
    }

    private Set<Long> tables(int coveredBits) {
        Set<Long> needed = new HashSet<>();
        mapped.keySet().forEach(bfn -> needed.add(bfn >>> coveredBits));
        owed.forEach(entry -> needed.add(entry.bfn >>> coveredBits));
        return needed;
    }

    @Override
    public String toString() {
        return "context " + context + " mapped=" + mapped + " owed=" + owed + " fresh=" + fresh;
    }
}
