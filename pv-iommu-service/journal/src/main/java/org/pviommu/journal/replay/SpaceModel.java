package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** One address space of the model: a map of pages, and what was removed and waits for a flush. One page at a time. */
final class SpaceModel {
    private static final int LEVELS = 4;
    private static final int BITS_PER_LEVEL = 9;

    /** A bus frame that is translated. */
    record Page(long mfn, int access) {}

    /** A removed translation whose frame is held. */
    record Owed(long bfn, long mfn) {}

    final int context;
    private final GuestModel guest;
    private final TreeMap<Long, Page> mapped = new TreeMap<>();
    private final List<Owed> owed = new ArrayList<>();
    private final Set<Long> owedBfns = new HashSet<>();
    /** Removed by the call under way, which may map them again. */
    private final Set<Long> fresh = new HashSet<>();
    /** Of each table of each level above the pages: how many bus frames below it are occupied. */
    private final List<Map<Long, Integer>> tables = new ArrayList<>();

    /** Bus frames that {@link #tables} counts: each once, however often it is owed. */
    private final Set<Long> counted = new HashSet<>();

    private boolean needsFlush;

    SpaceModel(GuestModel guest, int context) {
        this.guest = guest;
        this.context = context;
        for (int level = 1; level < LEVELS; level++) {
            tables.add(new HashMap<>());
        }
    }

    @Nullable
    Page page(long bfn) {
        return mapped.get(bfn);
    }

    boolean isMapped(long bfn) {
        return mapped.containsKey(bfn);
    }

    /** Mapped, or owed. */
    boolean isOccupied(long bfn) {
        return isMapped(bfn) || owedBfns.contains(bfn);
    }

    boolean isFresh(long bfn) {
        return !isMapped(bfn) && fresh.contains(bfn);
    }

    boolean isAnyOccupied(long firstBfn, long lastBfn) {
        return nextMapped(firstBfn, lastBfn) != null
                || owedBfns.stream().anyMatch(bfn -> firstBfn <= bfn && bfn <= lastBfn);
    }

    /** The first bus frame of {@code [first, last]} that is mapped, or null. */
    @Nullable
    Long nextMapped(long first, long last) {
        Long bfn = first > last ? null : mapped.ceilingKey(first);
        return bfn == null || bfn > last ? null : bfn;
    }

    List<Long> mappedBfns() {
        return List.copyOf(mapped.keySet());
    }

    Iterable<Map.Entry<Long, Page>> pages() {
        return mapped.entrySet();
    }

    int mappedPages() {
        return mapped.size();
    }

    int owedPages() {
        return owed.size();
    }

    void map(long bfn, long mfn, int access) {
        occupy(bfn);
        mapped.put(bfn, new Page(mfn, access));
        guest.hold(mfn);
        guest.addToDigest(PageDigest.of(guest.id, context, bfn, mfn, access));
    }

    /** The page is not translated any more; its frame stays held. */
    void remove(long bfn, boolean mayMapAgain) {
        Page page = mapped.remove(bfn);
        if (page == null) {
            throw new IllegalStateException("bfn=" + bfn + " is not mapped");
        }
        guest.addToDigest(-PageDigest.of(guest.id, context, bfn, page.mfn(), page.access()));
        owed.add(new Owed(bfn, page.mfn()));
        owedBfns.add(bfn);
        needsFlush = true;
        if (mayMapAgain) {
            fresh.add(bfn);
        } else {
            fresh.remove(bfn);
        }
    }

    void removeAll() {
        mappedBfns().forEach(bfn -> remove(bfn, false));
    }

    boolean needsFlush() {
        return needsFlush;
    }

    /** The next flush covers everything, whatever was removed. */
    void requireFlush() {
        needsFlush = true;
    }

    /** What was removed cannot be reached any more. */
    void flushed() {
        List<Owed> released = List.copyOf(owed);
        owed.clear();
        owedBfns.clear();
        fresh.clear();
        needsFlush = false;
        for (Owed each : released) {
            guest.release(each.mfn());
            vacate(each.bfn());
        }
    }

    /** The call is over: nobody may map what it removed before the flush. */
    void settle() {
        fresh.clear();
    }

    /** Takes back what a call mapped in place of what it had removed; the flush that both needed has failed. */
    void undoRemaps() {
        for (Owed each : List.copyOf(owed)) {
            if (isMapped(each.bfn())) {
                remove(each.bfn(), false);
            }
        }
    }

    /** Pages that the tables of the occupied bus frames take, and the root. */
    long tablePages() {
        long pages = 1;
        for (Map<Long, Integer> level : tables) {
            pages += level.size();
        }
        return pages;
    }

    /** How many more it would take to map {@code bfn}. */
    long missingTables(long bfn) {
        long missing = 0;
        for (int level = 1; level < LEVELS; level++) {
            missing += tables.get(level - 1).containsKey(bfn >>> (level * BITS_PER_LEVEL)) ? 0 : 1;
        }
        return missing;
    }

    private void occupy(long bfn) {
        if (counted.add(bfn)) {
            count(bfn, 1);
        }
    }

    private void vacate(long bfn) {
        if (!isOccupied(bfn) && counted.remove(bfn)) {
            count(bfn, -1);
        }
    }

    private void count(long bfn, int amount) {
        for (int level = 1; level < LEVELS; level++) {
            long table = bfn >>> (level * BITS_PER_LEVEL);
            Map<Long, Integer> counts = tables.get(level - 1);
            int now = counts.getOrDefault(table, 0) + amount;
            if (now == 0) {
                counts.remove(table);
            } else {
                counts.put(table, now);
            }
        }
    }
}
