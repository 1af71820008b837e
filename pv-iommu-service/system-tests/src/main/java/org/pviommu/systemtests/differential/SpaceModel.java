package org.pviommu.systemtests.differential;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** One address space of the naive model: what is mapped, and what was removed and waits for a flush. */
final class SpaceModel {
    /** A bus frame that is translated. */
    record Page(long mfn, int access) {}

    /** A removed translation whose frame is held until a flush. */
    record Owed(long bfn, long mfn) {}

    final int context;
    /** Number of its counterpart in the host. */
    final int hostSpace;

    final TreeMap<Long, Page> mapped = new TreeMap<>();
    final List<Owed> owed = new ArrayList<>();
    /** Removed by the running call, which may map them again. */
    final Set<Long> fresh = new HashSet<>();

    boolean gathered;

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

    boolean isOwed(long bfn) {
        return !isMapped(bfn) && owed.stream().anyMatch(entry -> entry.bfn == bfn);
    }

    /** Whether a device may still hold a translation of {@code bfn} to {@code mfn} that no flush has covered. */
    boolean mayBeStale(long bfn, long mfn) {
        return owed.contains(new Owed(bfn, mfn));
    }

    /** Enters that the host removed a page. */
    void remove(long bfn, boolean mayMapAgain) {
        Page page = mapped.remove(bfn);
        Divergence.check(page != null, "bfn=%d was removed but not mapped", bfn);
        owed.add(new Owed(bfn, Divergence.found(page, "unreachable").mfn));
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
    }

    long holds(long mfn) {
        return mapped.values().stream().filter(page -> page.mfn == mfn).count()
                + owed.stream().filter(entry -> entry.mfn == mfn).count();
    }

    /** Table pages that the entries need, owed ones included: one root, and one for each 512 entries of the level below. */
    long tablePages() {
        long pages = 1;
        for (int level = 1; level < 4; level++) {
            pages += tables(level).size();
        }
        return pages;
    }

    long missingTables(long bfn) {
        long missing = 0;
        for (int level = 1; level < 4; level++) {
            missing += tables(level).contains(bfn >>> (9 * level)) ? 0 : 1;
        }
        return missing;
    }

    private Set<Long> tables(int level) {
        Set<Long> tables = new HashSet<>();
        mapped.keySet().forEach(bfn -> tables.add(bfn >>> (9 * level)));
        owed.forEach(entry -> tables.add(entry.bfn >>> (9 * level)));
        return tables;
    }
}
