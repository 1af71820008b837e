package org.pviommu.journal.replay;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.BatchPlayer;
import org.pviommu.engine.Change;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.Mapping;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.OutsideEvent;
import org.pviommu.journal.record.RecordEncoder;

/** Replays on the engine itself: what it records is compared with the journal byte for byte. */
final class EngineTarget implements ReplayTarget {
    private static final int MAPPINGS_AT_A_TIME = 4096;

    private final Arena arena = Arena.ofShared();
    private final RecordedAnswers answers = new RecordedAnswers();
    private final Map<Integer, ReplayLog> logs = new HashMap<>();
    private final Elements elements =
            new Elements(arena.allocate((long) RecordEncoder.MAX_OPERATIONS * IommuRangeOp.SIZE));
    /** Guests of which nobody knows what they did, until they are removed. */
    private final Set<Integer> unknown = new HashSet<>();

    private @Nullable Engine engine;
    private @Nullable BatchPlayer player;

    /** The engine in the state that was reached; null before the first start of the service. */
    @Nullable
    Engine engine() {
        return engine;
    }

    @Override
    public void serviceStarted(JournalRecord.ServiceStart start) {
        if (player != null) {
            answers.use(List.of());
            logs.values().forEach(ReplayLog::expectAnything);
            player.restart();
            unknown.clear();
            return;
        }
        begin(new HostCapabilities("replay", start.lastBfn(), 4096, start.cutsMappings()));
    }

    private void begin(HostCapabilities capabilities) {
        engine = new Engine(new RecordedHost(capabilities, answers), this::log, answers::refusesTablePage);
        player = new BatchPlayer(engine);
    }

    private ReplayLog log(int guestId) {
        return logs.computeIfAbsent(guestId, id -> new ReplayLog(arena));
    }

    @Override
    public void run(List<PendingRecord> call) {
        PendingRecord last = call.getLast();
        int guestId = last.record().guestId();
        if (isUnknown(call, guestId)) {
            return;
        }
        answers.use(events(call));
        ReplayLog log = log(guestId);
        log.expect(call);
        try {
            switch (last.record()) {
                case JournalRecord.GuestChange change -> change(change);
                case JournalRecord.Slice slice -> batch(call, slice);
            }
        } catch (EngineException e) {
            log.requireAllSeen();
            throw new DifferenceException(new Difference(
                    last.sequence(),
                    last.timeMillis(),
                    "the engine refuses it",
                    Describe.record(last.record()),
                    String.valueOf(e.getMessage())));
        }
        log.requireAllSeen();
        if (!answers.allGiven()) {
            throw new DifferenceException(new Difference(
                    last.sequence(),
                    last.timeMillis(),
                    "the host IOMMU or the table pool was asked less often",
                    Describe.record(last.record()),
                    "fewer questions"));
        }
    }

    /** A call that a mistake of the service ended, or with more outside events than were kept, cannot be done again. */
    private boolean isUnknown(List<PendingRecord> call, int guestId) {
        PendingRecord last = call.getLast();
        boolean broken =
                last.record() instanceof JournalRecord.Slice slice && slice.part() == SliceRecord.Part.CALL_BROKEN;
        if (broken || call.stream().anyMatch(each -> each.record().incomplete())) {
            unknown.add(guestId);
        }
        if (!unknown.contains(guestId)) {
            return false;
        }
        if (last.record() instanceof JournalRecord.GuestChange change
                && change.change() instanceof Change.GuestRemoved removed
                && removed.done()) {
            answers.use(List.of());
            log(guestId).expectAnything();
            player().removeGuest(guestId, false);
            unknown.remove(guestId);
        }
        return true;
    }

    private static List<OutsideEvent> events(List<PendingRecord> call) {
        if (call.size() == 1) {
            return call.getFirst().record().events();
        }
        List<OutsideEvent> all = new ArrayList<>();
        call.forEach(each -> all.addAll(each.record().events()));
        return all;
    }

    private BatchPlayer player() {
        if (player == null) {
            throw new EngineException(
                    EngineException.Kind.INVALID, "the journal does not begin with a start of the service");
        }
        return player;
    }

    BatchPlayer playerBesidesTheJournal() {
        answers.use(List.of());
        logs.values().forEach(ReplayLog::expectAnything);
        return player();
    }

    private Engine requireEngine() {
        player();
        return java.util.Objects.requireNonNull(engine);
    }

    private Guest guest(int guestId) {
        Guest guest = requireEngine().guest(guestId);
        if (guest == null) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + guestId + " is not there");
        }
        return guest;
    }

    private void change(JournalRecord.GuestChange record) {
        int guestId = record.guestId();
        switch (record.change()) {
            case Change.GuestAdded added -> add(guestId, added);
            case Change.GuestRemoved removed -> player().removeGuest(guestId, removed.heldByGrantees());
            case Change.MemoryRegistered memory ->
                guest(guestId)
                        .registerMemory(
                                memory.firstMfn(),
                                memory.pages(),
                                new AbsentMemory(memory.pages() << 12, memory.file(), memory.fileOffsetBytes()));
            case Change.MemoryUnregistered memory -> guest(guestId).unregisterMemory(memory.firstMfn(), memory.pages());
            case Change.GrantGiven grant ->
                requireEngine()
                        .grant(
                                grant.ownerId(),
                                grant.ownerFirstMfn(),
                                grant.pages(),
                                guestId,
                                grant.firstMfn(),
                                grant.access());
            case Change.GrantRevoked revoked -> revoke(guestId, revoked);
            case Change.GuestReturned returned -> player().returned(guestId);
        }
    }

    /** The refusal of the host is part of what is recorded. */
    private void add(int guestId, Change.GuestAdded added) {
        if (engine == null) {
            begin(added.host()); // the start of the service is in a part of the journal that was dropped
        }
        try {
            requireEngine().addGuest(guestId, added.policy(), added.endpoints());
        } catch (EngineException e) {
            if (added.admitted() || e.kind() != EngineException.Kind.HOST) {
                throw e;
            }
        }
    }

    private void revoke(int guestId, Change.GrantRevoked revoked) {
        try {
            requireEngine().revoke(guestId, revoked.firstMfn(), revoked.force());
        } catch (EngineException e) {
            if (e.kind() != EngineException.Kind.HOST) {
                throw e;
            }
        }
    }

    private void batch(List<PendingRecord> call, JournalRecord.Slice last) {
        switch (last.subOp()) {
            case IommuOp.FLUSH -> player().flush(last.guestId(), last.context());
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE -> {
                elements.start(last.subOp());
                ownSlices(call, last.subOp()).forEach(slice -> elements.add(slice.runs()));
                player().contexts(last.guestId(), last.subOp(), elements.array(), elements.count());
            }
            default -> {
                player().begin(last.guestId(), last.context(), last.subOp(), isDeferred(call, last));
                if (last.part() == SliceRecord.Part.CALL_ABANDONED) {
                    slices(call, last.subOp(), false);
                    player().abandon();
                } else {
                    slices(call, last.subOp(), last.operations() > 0 || endsInSlice(call));
                    player().finish();
                }
            }
        }
    }

    /** The record that ends an abandoned call, or one whose last slice found no room, does not say it. */
    private static boolean isDeferred(List<PendingRecord> call, JournalRecord.Slice last) {
        return ownSlices(call, last.subOp()).stream().anyMatch(JournalRecord.Slice::deferred);
    }

    /** Whether the slice before the last record was not over yet: an early flush has covered its last operation. */
    private static boolean endsInSlice(List<PendingRecord> call) {
        if (call.size() < 2) {
            return false;
        }
        return call.get(call.size() - 2).record() instanceof JournalRecord.Slice slice
                && slice.part() == SliceRecord.Part.OF_SLICE;
    }

    private static List<JournalRecord.Slice> ownSlices(List<PendingRecord> call, int subOp) {
        List<JournalRecord.Slice> own = new ArrayList<>();
        for (PendingRecord each : call) {
            if (each.record() instanceof JournalRecord.Slice slice && slice.subOp() == subOp) {
                own.add(slice);
            }
        }
        return own;
    }

    /** Gives the slices of a call to the engine, cut where they were cut. */
    private void slices(List<PendingRecord> call, int subOp, boolean lastIsLast) {
        List<JournalRecord.Slice> own = ownSlices(call, subOp);
        int guestId = own.getFirst().guestId();
        elements.start(subOp);
        for (JournalRecord.Slice slice : own) {
            elements.add(slice.runs());
            boolean end = slice.part() == SliceRecord.Part.CALL_END;
            if (slice.part() != SliceRecord.Part.OF_SLICE && elements.count() > 0) {
                log(guestId).room(slice.roomForMaps(), slice.roomForRemovals());
                player().slice(elements.array(), elements.count(), end && lastIsLast);
                elements.start(subOp);
            }
        }
    }

    @Override
    public void runCutOff(List<PendingRecord> call) {
        JournalRecord.OfGuest first = call.getFirst().record();
        if (unknown.contains(first.guestId()) || !(first instanceof JournalRecord.Slice)) {
            return;
        }
        answers.use(events(call));
        log(first.guestId()).expectAnything();
        cutOff(call);
    }

    private void cutOff(List<PendingRecord> call) {
        JournalRecord.Slice main = null;
        for (PendingRecord each : call) {
            if (each.record() instanceof JournalRecord.Slice slice && slice.part() != SliceRecord.Part.NESTED) {
                main = slice;
                break;
            }
        }
        if (main == null) {
            return; // a flush of another address space, and a new start owes nothing
        }
        if (IommuOp.elementBytes(main.subOp()) < IommuRangeOp.SIZE && isContextOp(main.subOp())) {
            elements.start(main.subOp());
            ownSlices(call, main.subOp()).forEach(slice -> elements.add(slice.runs()));
            player().contexts(main.guestId(), main.subOp(), elements.array(), elements.count());
            return;
        }
        player().begin(main.guestId(), main.context(), main.subOp(), main.deferred());
        slices(call, main.subOp(), false);
        if (elements.count() > 0) {
            player().slice(elements.array(), elements.count(), false); // the slice whose end is missing
        }
        player().abandon();
    }

    private static boolean isContextOp(int subOp) {
        return subOp == IommuOp.ALLOC_CONTEXT || subOp == IommuOp.FREE_CONTEXT || subOp == IommuOp.ATTACH_DEVICE;
    }

    @Override
    public List<MappedRun> mappings() {
        List<MappedRun> all = new ArrayList<>();
        if (engine != null) {
            for (Guest guest : engine.guests()) {
                guest.addressSpaces().forEach(space -> addMappings(space, all));
            }
        }
        return all;
    }

    private static void addMappings(AddressSpace space, List<MappedRun> all) {
        long from = 0;
        List<Mapping> some;
        do {
            some = space.mappings(from, MAPPINGS_AT_A_TIME);
            for (Mapping each : some) {
                all.add(new MappedRun(
                        space.guestId(),
                        space.context(),
                        each.firstBfn(),
                        each.firstMfn(),
                        each.pages(),
                        each.access()));
                from = each.firstBfn() + each.pages();
            }
        } while (some.size() == MAPPINGS_AT_A_TIME);
    }

    @Override
    public List<GuestDigest> digests() {
        if (engine == null) {
            return List.of();
        }
        return engine.guests().stream()
                .map(guest -> new GuestDigest(guest.id(), guest.digest(), guest.mappedFrames()))
                .toList();
    }

    @Override
    public void close() {
        if (player != null) {
            player.close();
        }
        if (engine != null) {
            answers.use(List.of());
            logs.values().forEach(ReplayLog::expectAnything);
            engine.close();
        }
        arena.close();
    }
}
