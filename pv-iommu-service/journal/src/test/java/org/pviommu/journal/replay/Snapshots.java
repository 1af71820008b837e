package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.Change;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestRegion;
import org.pviommu.engine.Mapping;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.record.JournalRecord;

/**
 * What each guest had mapped when each record was made, as the live engine's tables say it, and what of it a crash at any
 * record leaves. Two guests, 1 and 2, who grant to each other only.
 */
final class Snapshots {
    /** One page: guest, address space, bfn, mfn, access. */
    record Page(int guestId, int context, long bfn, long mfn, int access) {}

    /** {@code granted}: mfns that lead to the other guest's frames. */
    private record Snapshot(int guestId, boolean alive, Set<Page> pages, Set<Page> granted) {
        static Snapshot gone(int guestId) {
            return new Snapshot(guestId, false, Set.of(), Set.of());
        }
    }

    private final MemoryJournal journal;
    /** By record; those that are not about a guest are missing. */
    private final Map<Integer, Snapshot> snapshots = new TreeMap<>();

    Snapshots(MemoryJournal journal) {
        this.journal = journal;
        journal.observe(guest -> snapshots.put(journal.size() - 1, snapshot(guest)));
    }

    private static Snapshot snapshot(Guest guest) {
        Set<Page> pages = new HashSet<>();
        Set<Page> granted = new HashSet<>();
        for (AddressSpace space : guest.addressSpaces()) {
            for (Mapping mapping : space.mappings(0, Integer.MAX_VALUE)) {
                for (long i = 0; i < mapping.pages(); i++) {
                    Page page = new Page(
                            guest.id(),
                            space.context(),
                            mapping.firstBfn() + i,
                            mapping.firstMfn() + i,
                            mapping.access());
                    pages.add(page);
                    if (isGranted(guest, page.mfn())) {
                        granted.add(page);
                    }
                }
            }
        }
        return new Snapshot(guest.id(), guest.isAlive(), pages, granted);
    }

    private static boolean isGranted(Guest guest, long mfn) {
        for (GuestRegion region : guest.regions()) {
            if (region.firstMfn() <= mfn && mfn <= region.lastMfn()) {
                return region.isGranted();
            }
        }
        return false;
    }

    static Set<Page> pages(List<MappedRun> runs) {
        Set<Page> pages = new HashSet<>();
        for (MappedRun run : runs) {
            for (long i = 0; i < run.pages(); i++) {
                pages.add(new Page(run.guestId(), run.context(), run.bfn() + i, run.mfn() + i, run.access()));
            }
        }
        return pages;
    }

    static void assertSamePages(Set<Page> expected, Set<Page> got, String context) {
        Set<Page> missing = new HashSet<>(expected);
        missing.removeAll(got);
        Set<Page> tooMany = new HashSet<>(got);
        tooMany.removeAll(expected);
        assertTrue(
                missing.isEmpty() && tooMany.isEmpty(), () -> context + " missing=" + missing + " tooMany=" + tooMany);
    }

    /**
     * Compares with what is mapped after a new start when the service died with {@code size} records made. A flush in the middle
     * of an unmap_range is recorded before the range is: what it had removed by then comes back.
     */
    void assertSurvived(int size, Set<Page> got, String context) {
        Set<Page> expected = afterCrash(size, true);
        if (endsInARange(size)) {
            Set<Page> possible = afterCrash(size, false);
            possible.retainAll(got);
            expected.addAll(possible);
        }
        assertSamePages(expected, got, context);
    }

    /** Guests make their calls one after the other here, so it is the newest record that counts. */
    private boolean endsInARange(int size) {
        int newest = size - 1;
        while (newest >= 0 && isNested(journal.record(newest))) {
            newest--;
        }
        return newest >= 0 && isInARange(journal.record(newest));
    }

    private static boolean isNested(JournalRecord record) {
        return record instanceof JournalRecord.Slice slice && slice.part() == SliceRecord.Part.NESTED;
    }

    private static boolean isInARange(JournalRecord record) {
        return record instanceof JournalRecord.Slice slice
                && slice.subOp() == IommuOp.UNMAP_RANGE
                && slice.part() == SliceRecord.Part.OF_SLICE;
    }

    /** What is mapped after a crash; {@code rangesBegun}: after the newest record even if it lies in the middle of a range. */
    private Set<Page> afterCrash(int size, boolean rangesBegun) {
        Map<Integer, Snapshot> last = lastOfEach(size, rangesBegun);
        Set<Page> pages = new HashSet<>();
        Set<Integer> living = livingAfterCrash(size);
        last.values().stream()
                .filter(each -> living.contains(each.guestId()))
                .forEach(each -> pages.addAll(each.pages()));
        return pages;
    }

    /** The guests that are there after it. */
    Set<Integer> livingAfterCrash(int size) {
        Map<Integer, Snapshot> last = lastOfEach(size, true);
        Set<Integer> living = new TreeSet<>();
        for (Snapshot each : last.values()) {
            Snapshot other = last.getOrDefault(3 - each.guestId(), Snapshot.gone(0));
            boolean otherIsDead = !other.alive() && other.guestId() != 0;
            if (each.alive() && !(otherIsDead && !each.granted().isEmpty())) {
                living.add(each.guestId());
            }
        }
        return living;
    }

    /**
     * The newest record of each guest that counts: a flush in the middle of something else says nothing of what that is doing.
     * Guests that are gone are missing.
     */
    private Map<Integer, Snapshot> lastOfEach(int size, boolean rangesBegun) {
        Map<Integer, Snapshot> last = new TreeMap<>();
        for (Map.Entry<Integer, Snapshot> each : snapshots.entrySet()) {
            if (each.getKey() >= size) {
                break;
            }
            JournalRecord record = journal.record(each.getKey());
            Snapshot snapshot = each.getValue();
            if (isEnd(record)) {
                last.remove(snapshot.guestId());
            } else if (!isNested(record) && (rangesBegun || !isInARange(record))) {
                last.put(snapshot.guestId(), snapshot);
            }
        }
        return last;
    }

    private static boolean isEnd(JournalRecord record) {
        return record instanceof JournalRecord.GuestChange change
                && change.change() instanceof Change.GuestRemoved removed
                && removed.done();
    }

    /** A crash after each record about a guest. */
    List<Integer> sizes() {
        return snapshots.keySet().stream().map(index -> index + 1).toList();
    }
}
