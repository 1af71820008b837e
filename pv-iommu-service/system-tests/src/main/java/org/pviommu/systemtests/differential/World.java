package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;
import static org.pviommu.systemtests.differential.Divergence.found;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.IotlbGather;
import org.pviommu.engine.SliceRecord;
import org.pviommu.host.FaultInjectingIommu;
import org.pviommu.host.HostCall;
import org.pviommu.host.SimulatedIommu;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.replay.Difference;
import org.pviommu.journal.replay.GuestDigest;
import org.pviommu.journal.replay.ReplayReport;
import org.pviommu.journal.replay.Replayer;

/**
 * An engine with its guests, the simulated host IOMMU under it, the model beside it, and an adversary that fills the IOTLB.
 *
 * <p>After each step everything of every guest is compared: what one of them does may not change anything of another. A step
 * is a call, or something done to a guest from outside: a grant, a registration, a death.
 */
final class World implements AutoCloseable, ObservedHost.Watcher {
    private final WorldShape shape;
    private final Random random;
    private final Coverage coverage;
    private final SimulatedIommu simulated;
    private final FaultInjectingIommu faults;
    private final ObservedHost host;
    private final MemoryJournal journal = new MemoryJournal();
    private final Engine engine;
    private final ReferenceModel model;
    private final Comparison comparison;
    private final Adversary adversary;
    private final Map<Integer, Seat> seats = new LinkedHashMap<>();
    private final Arena arena = Arena.ofConfined();
    private long framesMade;
    private boolean roomForMaps = true;
    private boolean roomForRemovals = true;
    private @Nullable CallRunner running;

    /** On the simulated host alone. */
    World(WorldShape shape, long seed, Coverage coverage) {
        this(shape, seed, coverage, simulated -> simulated);
    }

    /** On what {@code hosts} makes of the simulated host, which is the one that is looked into. */
    World(WorldShape shape, long seed, Coverage coverage, UnaryOperator<HostIommu> hosts) {
        this.shape = shape;
        this.random = new Random(seed);
        this.coverage = coverage;
        this.simulated = new SimulatedIommu(new SimulatedIommu.Settings(shape.lastBfn(), shape.cutsMappings()));
        this.faults = new FaultInjectingIommu(hosts.apply(simulated), seed);
        this.host = new ObservedHost(faults, this);
        journal.started(host.capabilities());
        this.engine = new Engine(host, log());
        this.model = new ReferenceModel(shape, coverage);
        this.comparison = new Comparison(shape, engine, simulated);
        this.adversary = new Adversary(shape, model, seats, simulated, random, coverage, arena);
        for (GuestShape guest : shape.guests()) {
            seats.put(guest.guestId(), new Seat(guest, model.guest(guest.guestId())));
        }
        seats.values().forEach(this::firstBirth);
        seats.values().forEach(this::registerAll);
    }

    private BatchLog log() {
        BatchLog records = journal.log();
        return new BatchLog() {
            @Override
            public boolean reserve(int operations, boolean removal) {
                return removal ? roomForRemovals : roomForMaps;
            }

            @Override
            public void commit(SliceRecord slice) {
                records.commit(slice);
            }

            @Override
            public void commitDomains(DomainRecord batch) {
                records.commitDomains(batch);
            }

            @Override
            public void changed(Guest guest, Change change, boolean endOfCall) {
                records.changed(guest, change, endOfCall);
            }
        };
    }

    // The host.

    /** The host refuses, removes less or more than asked, and fails to flush, each with {@code probability}. */
    void misbehave(double probability) {
        faults.failRandomly(HostCall.Kind.MAP, probability, 12, 12, 12, 28, 5, 14, 16, 1, 75, -5);
        faults.failRandomly(HostCall.Kind.UNMAP, probability, 5, 12, 16, 22);
        faults.failRandomly(HostCall.Kind.FLUSH, Math.pow(probability, 0.25), 5, 110); // all of three must fail
        faults.failRandomly(HostCall.Kind.CREATE, probability, 12);
        faults.failRandomly(HostCall.Kind.ATTACH, probability, 16, 5);
        faults.failRandomly(HostCall.Kind.DETACH, probability, 5);
        faults.shortenUnmapsRandomly(probability, 3);
        faults.extendUnmapsRandomly(probability, 4);
    }

    /** From now on the host does what it is asked. */
    void behave() {
        faults.behave();
    }

    /** The next {@code attempts} flushes fail. */
    void failNextFlushes(int attempts) {
        for (int i = 1; i <= attempts; i++) {
            faults.failNth(HostCall.Kind.FLUSH, i, 5);
        }
    }

    /** The {@code nth} call of any kind, counted from now, fails. */
    void failNthCall(long nth, int errno) {
        faults.failNthCall(nth, errno);
    }

    /** How many calls were tampered with. */
    long injections() {
        return faults.injections();
    }

    // Steps. Each compares everything.

    /** A hypercall of one guest. */
    void call(int guestId, Call call, boolean newRoomForMaps, boolean newRoomForRemovals) {
        roomForMaps = newRoomForMaps;
        roomForRemovals = newRoomForMaps || newRoomForRemovals;
        Seat seat = seat(guestId);
        if (!seat.model.isAlive()) {
            Call empty = new Call(call.subOp, call.context, false, call.count, 0); // its array is gone
            step(empty, () -> compareResult(seat.executor().call(call.cmd(), 0, call.count), seat, empty));
            return;
        }
        step(call, () -> {
            CallRunner runner = new CallRunner(seat, call, random);
            running = runner;
            long result = runner.run();
            running = null;
            runner.compare(compareResult(result, seat, call), coverage);
        });
    }

    private CallModel.Answer compareResult(long result, Seat seat, Call call) {
        CallModel.Answer expected =
                expect(answers -> model.calls.execute(seat.model, call, answers, roomForMaps, roomForRemovals));
        check(result == expected.result(), "result=%d expected=%s", result, expected);
        coverage.result(result);
        return expected;
    }

    void grant(GrantModel.Grant grant) {
        outside(
                grant,
                () -> engine.grant(
                        grant.owner(),
                        grant.ownerFirstMfn(),
                        grant.pages(),
                        grant.grantee(),
                        grant.granteeFirstMfn(),
                        grant.access()),
                answers -> model.grants.give(model.guest(grant.owner()), model.guest(grant.grantee()), grant));
    }

    void revoke(int guestId, long firstMfn, boolean force) {
        outside(
                "revoke guest=" + guestId + " mfn=" + firstMfn + " force=" + force,
                () -> engine.revoke(guestId, firstMfn, force),
                answers -> model.grants.revoke(model.guest(guestId), firstMfn, force, answers));
    }

    /** The guest dies; also when it did already. */
    void remove(int guestId) {
        Seat seat = seat(guestId);
        outside("remove guest=" + guestId, () -> engine.removeGuest(seat.guest()), answers -> {
            model.lives.remove(seat.model, answers);
            return null;
        });
    }

    /** The number is asked for; a guest that gets it registers all its memory. */
    void add(int guestId) {
        Seat seat = seat(guestId);
        boolean wasAlive = seat.model.isAlive();
        outside("add guest=" + guestId, () -> tryToAdd(seat), answers -> model.lives.add(seat.model, answers));
        if (!wasAlive && seat.model.isAlive()) {
            registerAll(seat);
        }
    }

    private void firstBirth(Seat seat) {
        host.forgetEvents();
        tryToAdd(seat);
        expect(answers -> model.lives.add(seat.model, answers));
    }

    private void tryToAdd(Seat seat) {
        try {
            engine.addGuest(seat.shape.guestId(), seat.shape.policy(), seat.shape.descriptors());
        } finally {
            Guest now = engine.guest(seat.shape.guestId());
            if (now != null) {
                seat.sit(engine, now);
            }
        }
    }

    private void registerAll(Seat seat) {
        seat.useForArguments(register(seat.shape.guestId(), seat.shape.arguments()));
        seat.shape.memory().forEach(mfns -> register(seat.shape.guestId(), mfns));
    }

    FrameMemory register(int guestId, FrameRange mfns) {
        Seat seat = seat(guestId);
        FrameMemory memory = new FrameMemory(framesMade, mfns.count(), adversary::beforeMemoryCloses);
        framesMade += mfns.count();
        outside(
                "register guest=" + guestId + " " + mfns,
                () -> {
                    boolean taken = false;
                    try {
                        seat.guest().registerMemory(mfns.first(), mfns.count(), memory);
                        seat.memories.add(memory);
                        taken = true;
                    } finally {
                        if (!taken) {
                            memory.close(); // fails when the engine did it already
                        }
                    }
                },
                answers -> model.memory.register(seat.model, mfns, memory.firstFrame()));
        return memory;
    }

    void unregister(int guestId, FrameRange mfns) {
        Seat seat = seat(guestId);
        outside(
                "unregister guest=" + guestId + " " + mfns,
                () -> seat.guest().unregisterMemory(mfns.first(), mfns.count()),
                answers -> model.memory.unregister(seat.model, mfns, answers));
    }

    /** Something done to a guest from outside, with its refusal. */
    private void outside(
            Object what, Runnable action, Function<HostAnswers, EngineException.@Nullable Kind> expectation) {
        roomForMaps = true;
        roomForRemovals = true;
        step(what, () -> {
            EngineException.Kind refusal = refusal(action);
            EngineException.Kind expected = expect(expectation);
            check(refusal == expected, "refused=%s expected=%s", refusal, expected);
        });
    }

    private static EngineException.@Nullable Kind refusal(Runnable action) {
        try {
            action.run();
            return null;
        } catch (EngineException e) {
            return e.kind();
        }
    }

    private <T extends @Nullable Object> T expect(Function<HostAnswers, T> expectation) {
        return model.step(host.events(), expectation);
    }

    private void step(Object what, Runnable action) {
        host.forgetEvents();
        try {
            adversary.cacheSomeTranslations();
            action.run();
            seats.values().forEach(comparison::compare);
            seats.values().forEach(this::compareMemories);
            adversary.checkAfterStep();
        } catch (Divergence e) {
            throw new Divergence(
                    e.getMessage() + " in " + what + " with host calls " + host.events() + " and " + shape + model);
        }
    }

    /** Memory is given back with the region it is behind, and not before. */
    private void compareMemories(Seat seat) {
        for (FrameMemory memory : seat.memories) {
            boolean expected = seat.model.regions.values().stream()
                    .anyMatch(region -> !region.isGranted() && region.firstFrame == memory.firstFrame());
            check(memory.isClosed() != expected, "memory of frame %d: closed=%s", memory.firstFrame(), !expected);
        }
        seat.memories.removeIf(FrameMemory::isClosed);
    }

    /** The model's view, for those who choose the next step. */
    GuestModel guest(int guestId) {
        return model.guest(guestId);
    }

    private Seat seat(int guestId) {
        return found(seats.get(guestId), "no such guest");
    }

    // What the host lets us see from inside a call.

    @Override
    public void asked() {
        if (running != null && random.nextInt(8) == 0 && running.scribble(random)) {
            coverage.event(Event.WRITTEN_OVER);
        }
    }

    @Override
    public void removed(int space, long firstBfn, long pages) {
        adversary.removed(space, firstBfn, pages);
    }

    @Override
    public void beforeFlush(int space, IotlbGather gather) {
        adversary.beforeFlush(space, gather);
    }

    @Override
    public void flushed(int space) {
        adversary.flushed(space);
    }

    // The end.

    /** Unmaps everything of a guest, so that the next sequence starts from nothing. */
    void clear(int guestId) {
        GuestModel guest = model.guest(guestId);
        for (int context : List.copyOf(guest.spaces.keySet())) {
            Call unmap = new Call(IommuOp.UNMAP_RANGE, context, false, 1, 1);
            unmap.pages[0] = shape.lastBfn() + 1;
            call(guestId, unmap, true, true);
        }
        check(guest.mappedPages() + guest.heldPages() == 0, "not empty after unmapping everything");
    }

    /** Everything that was recorded happens again in another engine, and comes out the same. */
    private void checkReplay() {
        try (Replayer replayer = Replayer.onEngine(journal.source())) {
            ReplayReport report = replayer.run(Long.MAX_VALUE);
            Difference difference = report.difference();
            check(difference == null, "replay: %s", difference == null ? "" : difference.describe());
            List<GuestDigest> living = engine.guests().stream()
                    .map(guest -> new GuestDigest(guest.id(), guest.digest(), guest.mappedFrames()))
                    .toList();
            check(report.guests().equals(living), "replayed=%s lived=%s", report.guests(), living);
        }
    }

    /** All guests die: everything must be given back whatever state it is in. */
    @Override
    public void close() {
        checkReplay();
        behave();
        roomForMaps = true;
        roomForRemovals = true;
        seats.keySet().forEach(this::remove);
        for (Seat seat : seats.values()) {
            check(seat.model.life == GuestModel.Life.GONE, "left behind: %s", seat.model);
            check(seat.memories.isEmpty(), "memory left behind");
            seat.close();
        }
        check(simulated.iotlb().size() == 0, "IOTLB entries after the last guest's death");
        check(simulated.statistics().addressSpaces() == 0, "address spaces after the last guest's death");
        engine.close();
        arena.close();
    }
}
