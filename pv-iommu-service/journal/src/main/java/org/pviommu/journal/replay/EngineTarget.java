package org.pviommu.journal.replay;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.BatchLog;
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

/** Replays on the engine itself: what it records is compared with the journal byte for byte. */
final class EngineTarget implements ReplayTarget {
    private static final int MAPPINGS_AT_A_TIME = 4096;

    /** Shared: a service closes what it followed at its start from the thread that stops it. */
    private final Arena arena = Arena.ofShared();

    private final RecordedAnswers answers = new RecordedAnswers();
    private final ReplayLog log = new ReplayLog(arena);
    private final Map<Integer, SwitchedLog> logs = new HashMap<>();
    /** Guests of which nobody knows what they did, until they are removed. */
    private final Set<Integer> unknown = new TreeSet<>();

    private @Nullable IntFunction<? extends BatchLog> live;
    private @Nullable HostCapabilities capabilities;
    private @Nullable Engine engine;
    private @Nullable BatchPlayer player;
    private @Nullable EngineBatches batches;
    private @Nullable EngineDevices devices;

    /** The engine in the state that was reached; null before the first start of the service. */
    @Nullable
    Engine engine() {
        return engine;
    }

    /** From now on the engine is not replaying any more: what happens to a guest is recorded there. */
    void recordTo(IntFunction<? extends BatchLog> newLogs) {
        answers.use(List.of());
        live = newLogs;
        logs.forEach((guestId, each) -> each.switchTo(newLogs.apply(guestId)));
    }

    @Override
    public void serviceStarted(JournalRecord.ServiceStart start) {
        HostCapabilities before = capabilities;
        HostCapabilities now = new HostCapabilities("replay", start.lastBfn(), 4096, start.cutsMappings());
        if (before != null) {
            restart();
        }
        if (before != null && !now.equals(before)) {
            requireNoGuests(before, now);
            closeEngine();
        }
        if (engine == null) {
            engine = new Engine(new RecordedHost(now, answers), this::logOf, answers::refusesTablePage);
            player = new BatchPlayer(engine);
            batches = new EngineBatches(player, log, arena);
            devices = new EngineDevices(player, log);
            capabilities = now;
        }
    }

    /**
     * A new start rebuilds from the journal, so what it reached is what this replay reached. A guest of which that is not known
     * had to begin anew, and so had those whose mappings lead to its frames.
     */
    private void restart() {
        answers.use(List.of());
        log.expectAnything();
        for (int guestId : unknown) {
            if (requireEngine().guest(guestId) != null) {
                player().removeGuest(guestId, true);
            }
        }
        unknown.clear();
        player().restart();
    }

    private void requireNoGuests(HostCapabilities before, HostCapabilities now) {
        int guests = requireEngine().guests().size();
        if (guests > 0) {
            throw new EngineException(
                    EngineException.Kind.INVALID,
                    "the service started with guests=" + guests + " on another host IOMMU: lastBfn=" + now.lastBfn()
                            + " cutsMappings=" + now.cutsMappings() + ", before lastBfn=" + before.lastBfn()
                            + " cutsMappings=" + before.cutsMappings());
        }
    }

    private BatchLog logOf(int guestId) {
        return logs.computeIfAbsent(guestId, id -> new SwitchedLog(live == null ? log : live.apply(id)));
    }

    @Override
    public boolean run(List<PendingRecord> call) {
        PendingRecord last = call.getLast();
        int guestId = last.record().guestId();
        if (!isKnown(call, guestId)) {
            runUnknown(last.record());
            return false;
        }
        answers.use(events(call));
        log.expect(call);
        try {
            apply(call, last.record());
        } catch (EngineException e) {
            return refused(last, guestId, e);
        }
        log.requireAllSeen();
        return true;
    }

    private void apply(List<PendingRecord> call, JournalRecord.OfGuest last) {
        switch (last) {
            case JournalRecord.GuestChange change -> changes().apply(change);
            case JournalRecord.Slice slice -> batches().run(call, slice);
            case JournalRecord.Domains domains -> devices().run(domains);
        }
    }

    private EngineChanges changes() {
        return new EngineChanges(requireEngine(), player(), devices());
    }

    /**
     * A record that came out another way says more than a refusal after it. Where the state of some
     * guest is not known, that may be the reason why something of another one cannot be done.
     */
    private boolean refused(PendingRecord last, int guestId, EngineException e) {
        if (!unknown.isEmpty()) {
            unknown.add(guestId);
            return false;
        }
        log.requireNoDifference();
        throw DifferenceException.at(last, "the engine refuses it", String.valueOf(e.getMessage()));
    }

    /** A call that a mistake of the service ended, or with more outside events than were kept, cannot be done again. */
    private boolean isKnown(List<PendingRecord> call, int guestId) {
        boolean incomplete = false;
        for (PendingRecord each : call) {
            incomplete |= each.record().incomplete();
        }
        boolean broken = call.getLast().record() instanceof JournalRecord.Slice slice
                && slice.part() == SliceRecord.Part.CALL_BROKEN;
        if (incomplete || broken) {
            unknown.add(guestId);
        }
        return !unknown.contains(guestId);
    }

    /** Its memory and its end concern other guests; what it mapped does not. */
    private void runUnknown(JournalRecord.OfGuest record) {
        if (!(record instanceof JournalRecord.GuestChange change)) {
            return;
        }
        answers.use(List.of());
        log.expectAnything();
        try {
            applyUnknown(record.guestId(), change);
        } catch (EngineException e) {
            // it may not fit to a state that is not the true one
        }
    }

    private void applyUnknown(int guestId, JournalRecord.GuestChange change) {
        if (!(change.change() instanceof Change.GuestRemoved removed)) {
            changes().apply(change);
            return;
        }
        if (removed.done()) {
            unknown.remove(guestId);
        }
        player().removeGuest(guestId, !removed.done());
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
        return requireStarted(player);
    }

    private EngineDevices devices() {
        return requireStarted(devices);
    }

    private EngineBatches batches() {
        return requireStarted(batches);
    }

    private Engine requireEngine() {
        return requireStarted(engine);
    }

    private static <T> T requireStarted(@Nullable T part) {
        if (part == null) {
            throw new EngineException(
                    EngineException.Kind.INVALID, "the journal does not begin with a start of the service");
        }
        return part;
    }

    @Override
    public void runCutOff(List<PendingRecord> call) {
        JournalRecord.OfGuest first = call.getFirst().record();
        if (!isKnown(call, first.guestId()) || !(first instanceof JournalRecord.Slice)) {
            return;
        }
        answers.use(events(call));
        log.expectAnything();
        batches().runCutOff(call);
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
    public List<MappedRange> domainMappings() {
        List<MappedRange> all = new ArrayList<>();
        if (engine != null) {
            engine.guests().forEach(guest -> all.addAll(EngineDevices.mappings(guest)));
        }
        return all;
    }

    @Override
    public List<GuestDigest> digests() {
        if (engine == null) {
            return List.of();
        }
        return engine.guests().stream()
                .filter(guest -> !unknown.contains(guest.id()))
                .map(guest -> new GuestDigest(guest.id(), guest.digest(), guest.mappedFrames()))
                .toList();
    }

    @Override
    public List<Integer> unknownGuests() {
        return List.copyOf(unknown);
    }

    private void closeEngine() {
        answers.use(List.of());
        log.expectAnything();
        Objects.requireNonNull(player).close();
        Objects.requireNonNull(engine).close();
        player = null;
        engine = null;
    }

    @Override
    public void close() {
        if (engine != null) {
            closeEngine();
        }
        arena.close();
    }
}
