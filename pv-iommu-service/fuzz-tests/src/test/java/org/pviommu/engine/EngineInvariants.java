package org.pviommu.engine;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Looks at a guest that is between two calls, entry by entry, and compares what the engine keeps twice: tables with hold counts,
 * tables with counters, tables with what the next flush will cover. In the engine's package, because owed entries are nobody
 * else's business.
 */
public final class EngineInvariants {
    private final Guest guest;
    private final Map<Long, Integer> entriesOfFrame = new HashMap<>();
    private long mapped;
    private long owed;

    private EngineInvariants(Guest guest) {
        this.guest = guest;
    }

    /** Fails with what does not fit; nobody else uses the guest meanwhile. */
    public static void check(Guest guest) {
        EngineInvariants look = new EngineInvariants(guest);
        long tablePages = 0;
        for (AddressSpace space : guest.addressSpaces()) {
            look.checkSpace(space);
            tablePages += space.table().tablePages();
        }
        GuestStats stats = guest.stats();
        require(stats.tablePages() == tablePages, "tablePages=" + stats.tablePages() + " sum=" + tablePages);
        require(tablePages <= guest.policy().maxTablePages(), "tablePages=" + tablePages);
        require(stats.mappedFrames() == look.mapped, "mappedFrames=" + stats.mappedFrames() + " in=" + look.mapped);
        require(stats.mappedFrames() <= guest.policy().maxMappedFrames(), "mappedFrames=" + stats.mappedFrames());
        look.checkHolds(stats);
    }

    /** What is mapped in {@code space}, by bus frame. */
    public static Map<Long, Translation> mappings(AddressSpace space) {
        Map<Long, Translation> all = new TreeMap<>();
        for (Mapping run : space.mappings(0, Integer.MAX_VALUE)) {
            for (long i = 0; i < run.pages(); i++) {
                all.put(run.firstBfn() + i, new Translation(run.firstBfn() + i, run.firstMfn() + i, run.access()));
            }
        }
        return all;
    }

    /** Whether {@code bfn} is removed and waits for its flush. */
    public static boolean isOwed(AddressSpace space, long bfn) {
        return PageEntry.isOwed(space.table().entry(bfn));
    }

    private void checkSpace(AddressSpace space) {
        long mappedBefore = mapped;
        long owedBefore = owed;
        RadixTable table = space.table();
        for (long leaf = table.nextBfnWithLeaf(0); leaf >= 0; leaf = table.nextBfnWithLeaf(leaf + RadixTable.ENTRIES)) {
            int used = 0;
            for (long bfn = leaf; bfn < leaf + RadixTable.ENTRIES; bfn++) {
                long entry = table.entry(bfn);
                if (entry != PageEntry.EMPTY) {
                    used++;
                    checkEntry(space, bfn, entry);
                }
            }
            require(used > 0, "empty leaf at bfn=" + leaf + " was not unlinked");
        }
        require(space.mappedPages() == mapped - mappedBefore, "mappedPages=" + space.mappedPages());
        long owedHere = owed - owedBefore;
        boolean failed = guest.stats().flushFailures() > 0;
        require(
                failed ? space.owedPages() >= owedHere : space.owedPages() == owedHere,
                "owedPages=" + space.owedPages() + " entries=" + owedHere);
    }

    private void checkEntry(AddressSpace space, long bfn, long entry) {
        long mfn = PageEntry.mfn(entry);
        String what = "context=" + space.context() + " bfn=" + bfn + " entry=0x" + Long.toHexString(entry);
        require(bfn <= space.lastBfn(), what + " beyond the aperture");
        require(!PageEntry.isFresh(entry), what + " is fresh after its call");
        require(PageEntry.isMapped(entry) != PageEntry.isOwed(entry), what + " is neither mapped nor owed, or both");
        if (PageEntry.isMapped(entry)) {
            require(entry == PageEntry.mapped(mfn, PageEntry.access(entry)), what + " has other bits");
            require((PageEntry.access(entry) & Access.READ) != 0, what + " cannot be read");
            mapped++;
        } else {
            require(entry == PageEntry.removed(entry, PageEntry.OWED), what + " has other bits");
            require(space.gather().covers(bfn), what + " is not in the next flush");
            owed++;
        }
        entriesOfFrame.merge(mfn, 1, Integer::sum);
    }

    /**
     * A frame is held once for each entry. After a mixed call whose flush failed a bus frame may be owed for two frames, of which
     * the entry knows one: then the sums still have to agree.
     */
    private void checkHolds(GuestStats stats) {
        long sum = 0;
        for (GuestRegion region : guest.regions()) {
            for (long mfn = region.firstMfn(); mfn <= region.lastMfn(); mfn++) {
                if (region.isReserved(mfn)) {
                    require(!entriesOfFrame.containsKey(mfn), "the hypervisor's mfn=" + mfn + " is mapped");
                    continue;
                }
                int entries = entriesOfFrame.getOrDefault(mfn, 0);
                int holds = region.holds(mfn);
                boolean right = stats.flushFailures() > 0 ? holds >= entries : holds == entries;
                require(right, "mfn=" + mfn + " holds=" + holds + " entries=" + entries);
                sum += holds;
            }
        }
        requireKnown(guest.regions());
        require(sum == mapped + stats.heldFrames(), "holds=" + sum + " mapped=" + mapped + " " + stats);
    }

    private void requireKnown(List<GuestRegion> regions) {
        for (long mfn : entriesOfFrame.keySet()) {
            require(regions.stream().anyMatch(region -> region.contains(mfn)), "mfn=" + mfn + " is nobody's");
        }
    }

    private static void require(boolean condition, String text) {
        if (!condition) {
            throw new IllegalStateException("guest is not consistent: " + text);
        }
    }
}
