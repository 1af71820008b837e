package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Access;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.Change;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.SliceRecord;
import org.pviommu.engine.Translation;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.OutsideEvent;
import org.pviommu.journal.record.Run;

/**
 * Watches bus frames {@code [first, last]} of one address space during a replay: which records name them, and what else changes
 * them.
 */
final class Witness implements ReplayObserver {
    private final Replayer replayer;
    private final int guestId;
    private final int context;
    private final long first;
    private final long last;
    private final List<Why.Step> steps = new ArrayList<>();

    /** What was mapped after the call before. */
    private Map<Long, Translation> before = Map.of();
    /** Removed, and no flush has covered it yet. */
    private final TreeSet<Long> owed = new TreeSet<>();

    private boolean wasThere;

    Witness(Replayer replayer, int guestId, int context, long first, long last) {
        this.replayer = replayer;
        this.guestId = guestId;
        this.context = context;
        this.first = first;
        this.last = last;
    }

    List<Why.Step> steps() {
        return List.copyOf(steps);
    }

    private void tell(PendingRecord record, String what) {
        tell(record, null, what, null);
    }

    private void tell(PendingRecord record, @Nullable Integer operation, String what, @Nullable Integer status) {
        steps.add(new Why.Step(
                record.sequence(),
                record.timeMillis(),
                operation,
                what,
                status,
                record.record().by()));
    }

    // What is there.

    private @Nullable Guest guest() {
        Engine engine = replayer.engine();
        return engine == null ? null : engine.guest(guestId);
    }

    private @Nullable AddressSpace space() {
        Guest guest = guest();
        return guest == null ? null : guest.addressSpace(context);
    }

    private Map<Long, Translation> mapped() {
        AddressSpace space = space();
        Map<Long, Translation> mapped = new TreeMap<>();
        for (long bfn = first; space != null && bfn <= last; bfn++) {
            Translation translation = space.translate(bfn);
            if (translation != null) {
                mapped.put(bfn, translation);
            }
        }
        return mapped;
    }

    // What happens.

    @Override
    public void started(long sequence, long timeMillis, JournalRecord.ServiceStart start) {
        String what = "";
        if (!owed.isEmpty()) {
            what = ", nothing is owed any more: " + bfns(owed);
            owed.clear();
        }
        Map<Long, Translation> after = mapped();
        boolean gone = wasThere && guest() == null;
        if (gone) {
            what += ", the guest is gone";
            wasThere = false;
        } else if (!after.equals(before)) {
            what += ", " + changes(after) + " by a call that was cut off";
        }
        if (!what.isEmpty()) {
            steps.add(new Why.Step(sequence, timeMillis, null, "service started" + what, null, ""));
        }
        before = after;
    }

    @Override
    public void ran(List<PendingRecord> call) {
        if (call.getLast().record().guestId() != guestId) {
            return;
        }
        Map<Long, Translation> expected = new HashMap<>(before);
        for (PendingRecord record : call) {
            switch (record.record()) {
                case JournalRecord.Slice slice -> slice(record, slice, expected);
                case JournalRecord.GuestChange change -> change(record, change.change());
                case JournalRecord.Domains domains -> {} // other address spaces
            }
        }
        wasThere = guest() != null;
        if (replayer.unknownGuests().contains(guestId)) {
            return; // what the replay has mapped says nothing
        }
        Map<Long, Translation> after = mapped();
        removedOtherwise(call, expected, after);
        before = after;
        AddressSpace space = space();
        if (space == null || space.owedPages() == 0) {
            owed.clear();
        }
    }

    private void slice(PendingRecord record, JournalRecord.Slice slice, Map<Long, Translation> expected) {
        if (slice.subOp() == IommuOp.ALLOC_CONTEXT || slice.subOp() == IommuOp.FREE_CONTEXT) {
            contexts(record, slice, expected);
            return;
        }
        if (slice.context() != context || slice.subOp() == IommuOp.ATTACH_DEVICE) {
            return;
        }
        String name = slice.subOp() == IommuOp.MIXED ? "" : IommuOp.name(slice.subOp()) + " ";
        int operation = 0;
        for (Run run : slice.runs()) {
            if (Touch.any(slice.subOp(), run, first, last)) {
                Run within = Touch.within(slice.subOp(), run, first, last);
                String what = name + (slice.deferred() ? "deferred " : "") + Describe.operands(slice.subOp(), within);
                tell(record, operation + (int) (within.bfn() - run.bfn()), what, run.status());
                apply(slice.subOp(), run, expected);
            }
            operation += run.count();
        }
        flush(record, slice.flush());
    }

    private void contexts(PendingRecord record, JournalRecord.Slice slice, Map<Long, Translation> expected) {
        int operation = 0;
        for (Run run : slice.runs()) {
            if (run.mfn() == context && (slice.subOp() == IommuOp.FREE_CONTEXT || run.status() == 0)) {
                String what = IommuOp.name(slice.subOp()) + " " + Describe.operands(slice.subOp(), run);
                tell(record, operation, what, run.status());
                expected.clear();
                if (run.status() == 0) {
                    owed.clear();
                }
            }
            operation += run.count();
        }
    }

    /** What the guest was told that it had done. */
    private void apply(int subOp, Run run, Map<Long, Translation> expected) {
        boolean maps = run.kind() == IommuOp.MAP_PAGE || run.kind() == IommuOp.MAP_RANGE;
        long done = Touch.pagesDone(subOp, run);
        for (long bfn = first; bfn <= last; bfn++) {
            long offset = bfn - run.bfn();
            if (Long.compareUnsigned(offset, done) >= 0) {
                continue;
            }
            if (maps) {
                expected.put(bfn, new Translation(bfn, run.mfn() + offset, run.flags()));
            } else if (expected.remove(bfn) != null) {
                owed.add(bfn);
            }
        }
    }

    private void flush(PendingRecord record, SliceRecord.Flush flush) {
        if (owed.isEmpty() || flush == SliceRecord.Flush.NONE) {
            return;
        }
        if (flush == SliceRecord.Flush.DONE) {
            tell(record, "flush: the frames that were removed from " + bfns(owed) + " were let go");
            owed.clear();
        } else {
            tell(record, "flush failed: the frames that were removed from " + bfns(owed) + " stay held");
        }
    }

    private void change(PendingRecord record, Change change) {
        boolean concerns = switch (change) {
            case Change.GuestAdded added -> true;
            case Change.GuestRemoved removed -> true;
            case Change.GuestReturned returned -> !before.isEmpty();
            case Change.GrantRevoked revoked -> !before.isEmpty() && leadsToGrant(revoked.firstMfn());
            case Change.GrantGiven given -> false;
            case Change.MemoryRegistered memory -> false;
            case Change.MemoryUnregistered memory -> false;
            case Change.MemoryLost lost -> !before.isEmpty() && leadsTo(lost.firstMfn(), lost.pages());
            case Change.DeviceOpened opened -> false;
            case Change.BypassSet bypass -> false;
            case Change.DeviceReset reset -> false;
            case Change.DeviceClosed closed -> false;
        };
        if (concerns) {
            tell(record, "the guest " + Describe.change(change));
        }
    }

    private boolean leadsTo(long firstMfn, long pages) {
        return before.values().stream().anyMatch(page -> firstMfn <= page.mfn() && page.mfn() < firstMfn + pages);
    }

    /** Revoked regions keep their place until they are used anew, so what was mapped can still be found there. */
    private boolean leadsToGrant(long firstMfn) {
        Guest guest = guest();
        return guest != null
                && guest.regions().stream()
                        .filter(region -> region.firstMfn() == firstMfn)
                        .anyMatch(region -> before.values().stream()
                                .anyMatch(page -> region.firstMfn() <= page.mfn() && page.mfn() <= region.lastMfn()));
    }

    // What nobody asked for.

    private void removedOtherwise(
            List<PendingRecord> call, Map<Long, Translation> expected, Map<Long, Translation> after) {
        TreeSet<Long> gone = new TreeSet<>(expected.keySet());
        gone.removeAll(after.keySet());
        TreeSet<Long> kept = new TreeSet<>(after.keySet());
        kept.removeAll(expected.keySet());
        PendingRecord record = call.getLast();
        if (!gone.isEmpty()) {
            tell(record, bfns(gone) + " is not mapped any more: " + reason(call));
            owed.addAll(gone);
        }
        if (!kept.isEmpty()) {
            tell(record, bfns(kept) + " is mapped still: the host IOMMU did not remove it");
            owed.removeAll(kept);
        }
    }

    private static String reason(List<PendingRecord> call) {
        JournalRecord.OfGuest last = call.getLast().record();
        if (last instanceof JournalRecord.GuestChange change) {
            return switch (change.change()) {
                case Change.GuestRemoved removed -> "the guest is gone";
                case Change.MemoryLost lost -> "its memory is gone";
                default -> "the grant was revoked by force";
            };
        }
        if (last instanceof JournalRecord.Slice slice
                && slice.flush() == SliceRecord.Flush.FAILED
                && call.stream().noneMatch(each -> hasPositiveAnswer(each.record()))) {
            return "the flush failed, and its frame stays held";
        }
        return "the host IOMMU removed it unasked";
    }

    private static boolean hasPositiveAnswer(JournalRecord.OfGuest record) {
        return record.events().stream().mapToLong(OutsideEvent::answer).anyMatch(answer -> answer > 0);
    }

    // What it leads to.

    /** After the last record. */
    String now(List<Integer> unknownGuests) {
        if (unknownGuests.contains(guestId)) {
            return "not known, because the journal does not say all that the guest did";
        }
        if (guest() == null) {
            return "guest " + guestId + " is not there";
        }
        if (space() == null) {
            return "guest " + guestId + " has no address space " + context;
        }
        Map<Long, Translation> mapped = mapped();
        List<String> parts = new ArrayList<>();
        for (MappedRun run : runs(mapped)) {
            parts.add(bfns(run.bfn(), run.bfn() + run.pages() - 1) + " leads to mfn " + Describe.hex(run.mfn())
                    + (run.pages() == 1 ? "" : ".." + Describe.hex(run.mfn() + run.pages() - 1)) + " "
                    + Access.name(run.access()));
        }
        owed.removeAll(mapped.keySet());
        if (!owed.isEmpty()) {
            parts.add(bfns(owed) + " is owed: its frame is held until a flush");
        }
        if (mapped.size() + owed.size() <= last - first) {
            parts.add(parts.isEmpty() ? bfns(first, last) + " is not mapped" : "the rest is not mapped");
        }
        return String.join(", ", parts);
    }

    private List<MappedRun> runs(Map<Long, Translation> mapped) {
        List<MappedRun> all = new ArrayList<>();
        for (Translation page : mapped.values()) {
            MappedRun open = all.isEmpty() ? null : all.getLast();
            boolean continues = open != null
                    && open.bfn() + open.pages() == page.bfn()
                    && open.mfn() + open.pages() == page.mfn()
                    && open.access() == page.access();
            if (continues) {
                MappedRun known = Objects.requireNonNull(open);
                all.set(
                        all.size() - 1,
                        new MappedRun(guestId, context, known.bfn(), known.mfn(), known.pages() + 1, known.access()));
            } else {
                all.add(new MappedRun(guestId, context, page.bfn(), page.mfn(), 1, page.access()));
            }
        }
        return all;
    }

    private String changes(Map<Long, Translation> after) {
        TreeSet<Long> changed = new TreeSet<>(before.keySet());
        changed.addAll(after.keySet());
        changed.removeIf(bfn -> Objects.equals(before.get(bfn), after.get(bfn)));
        return bfns(changed) + " changed";
    }

    private static String bfns(NavigableSet<Long> bfns) {
        boolean whole = bfns.last() - bfns.first() + 1 == bfns.size();
        return whole
                ? bfns(bfns.first(), bfns.last())
                : bfns.size() + " bfns of " + Describe.hex(bfns.first()) + ".." + Describe.hex(bfns.last());
    }

    private static String bfns(long firstBfn, long lastBfn) {
        return "bfn " + Describe.hex(firstBfn) + (firstBfn == lastBfn ? "" : ".." + Describe.hex(lastBfn));
    }
}
