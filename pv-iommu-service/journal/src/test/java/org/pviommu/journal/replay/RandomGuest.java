package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestFaultException;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.support.AttachOp;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.journal.MemoryJournal;

/** Two guests that do whatever comes to their mind, on a host IOMMU that refuses a lot; everything goes into a journal. */
final class RandomGuest implements AutoCloseable {
    static final long LAST_BFN = 4095;
    private static final int ENDPOINT = 0x10000;
    private static final long ARRAY_MFN = 1000;
    private static final long DATA_PAGES = 40;
    private static final long ARRAY_PAGES = 128;
    private static final int BFNS = 64;

    final MemoryJournal journal;
    final RecordingHost host;
    final Engine engine;
    private final Random random;
    private final Habits habits;
    private final boolean ownsEngine;
    private final Caller[] callers = new Caller[2];
    private final Guest[] guests = new Guest[2];

    /**
     * What goes wrong how often.
     *
     * @param refusals the host refuses something in one of so many steps
     * @param unasked whether the host may remove more than it was asked to
     * @param noRoom whether the journal is full at times
     * @param longCalls whether a call may have more operations than a slice
     */
    record Habits(int refusals, boolean unasked, boolean noRoom, boolean longCalls) {
        static final Habits WILD = new Habits(4, true, true, false);
    }

    RandomGuest(long seed) {
        this(seed, Habits.WILD, new MemoryJournal());
    }

    RandomGuest(long seed, Habits habits, MemoryJournal journal) {
        this.random = new Random(seed);
        this.habits = habits;
        this.journal = journal;
        this.host = new RecordingHost(LAST_BFN, random.nextBoolean());
        this.engine = new Engine(host, journal.log());
        this.ownsEngine = true;
        journal.started(host.capabilities());
        come(0);
        come(1);
    }

    /** Guests that were there when the service started again go on, as an operator who acts for them. */
    RandomGuest(long seed, Engine engine, MemoryJournal journal) {
        this.random = new Random(seed);
        this.habits = Habits.WILD;
        this.journal = journal;
        this.host = new RecordingHost(LAST_BFN, false);
        this.engine = engine;
        this.ownsEngine = false;
        for (int index = 0; index < guests.length; index++) {
            Guest there = engine.guest(index + 1);
            if (there == null) {
                come(index);
            } else {
                guests[index] = there;
                callers[index] = Caller.outside(engine, index + 1);
            }
        }
    }

    private void come(int index) {
        int id = index + 1;
        List<EndpointDescriptor> endpoints =
                List.of(endpoint(id * ENDPOINT, 1), endpoint(id * ENDPOINT + 1, 1), endpoint(id * ENDPOINT + 2, 2));
        guests[index] = engine.addGuest(id, policy(), endpoints);
        guests[index].registerMemory(0, DATA_PAGES, new TestMemory(DATA_PAGES));
        TestMemory arrays = new TestMemory(ARRAY_PAGES);
        guests[index].registerMemory(ARRAY_MFN, ARRAY_PAGES, arrays);
        callers[index] = ownsEngine
                ? Caller.of(new GuestDriver(engine, guests[index], arrays, ARRAY_MFN))
                : Caller.outside(engine, id);
    }

    private GuestPolicy policy() {
        List<FrameRange> reserved = List.of(new FrameRange(3, 4));
        return new GuestPolicy(true, true, 4096, 60, 6 + random.nextInt(18), 4 + random.nextInt(12), 4, reserved);
    }

    private static EndpointDescriptor endpoint(int id, int group) {
        ReservedRegion msi = new ReservedRegion(new FrameRange(60, 61), ReservedRegion.Kind.MSI);
        return new EndpointDescriptor(id, (id & -0x10000) | group, List.of(msi));
    }

    /** Digests of the guests that live, as the replay tells them. */
    List<GuestDigest> digests() {
        return engine.guests().stream()
                .map(guest -> new GuestDigest(guest.id(), guest.digest(), guest.mappedFrames()))
                .toList();
    }

    /** The first guest maps frames until its quota ends them; the rest of the operations is refused. */
    void mapManyInOneCall(int operations) {
        Element[] all = new Element[operations];
        for (int i = 0; i < operations; i++) {
            all[i] = Op.rw(100 + i, i % 3);
        }
        callers[0].run(IommuOp.MAP_PAGE, all);
    }

    void step() {
        plantRefusals();
        int who = random.nextInt(2);
        try {
            comeBack(who);
            switch (random.nextInt(40)) {
                case 0 -> die(who);
                case 1 ->
                    engine.grant(
                            who + 1,
                            random.nextInt(40),
                            1 + random.nextInt(5),
                            2 - who,
                            500 + 8L * random.nextInt(3),
                            random.nextBoolean() ? 1 : 3);
                case 2 -> revoke(who);
                case 3 -> guests[who].unregisterMemory(0, DATA_PAGES);
                case 4 -> guests[who].registerMemory(0, DATA_PAGES, new TestMemory(DATA_PAGES));
                case 5 -> fillJournal();
                default -> call(who);
            }
        } catch (EngineException | GuestFaultException refused) {
            // part of the game
        }
    }

    /** A guest that the host did not let in after its last death tries again, and one without memory does not stay so for long. */
    private void comeBack(int who) {
        if (engine.guest(who + 1) != guests[who]) {
            come(who);
        }
        boolean hasData = guests[who].regions().stream().anyMatch(region -> region.firstMfn() == 0);
        if (!hasData && random.nextInt(5) == 0) {
            guests[who].registerMemory(0, DATA_PAGES, new TestMemory(DATA_PAGES));
        }
    }

    private void plantRefusals() {
        host.behave();
        if (random.nextInt(habits.refusals()) == 0) {
            for (int i = random.nextInt(3); i >= 0; i--) {
                HostCall.Kind kind = List.of(
                                HostCall.Kind.MAP,
                                HostCall.Kind.UNMAP,
                                HostCall.Kind.UNMAP,
                                HostCall.Kind.FLUSH,
                                HostCall.Kind.ATTACH,
                                HostCall.Kind.DETACH)
                        .get(random.nextInt(6));
                long result = kind == HostCall.Kind.UNMAP && habits.unasked() && random.nextBoolean()
                        ? 1 + random.nextInt(5)
                        : -(random.nextInt(3) == 0 ? 16 : 5);
                if (random.nextInt(6) == 0) {
                    host.answerAlways(kind, result);
                } else {
                    host.answerOnce(kind, result);
                }
            }
        }
    }

    private void die(int who) {
        callers[who].close();
        engine.removeGuest(guests[who]);
        if (engine.guest(who + 1) != null) {
            host.behave();
            engine.guests().stream().filter(guest -> !guest.isAlive()).forEach(engine::removeGuest);
        }
        if (engine.guest(who + 1) != null) {
            // The other one holds on to granted frames: it has to go as well.
            callers[1 - who].close();
            engine.removeGuest(guests[1 - who]);
            come(1 - who);
        }
        come(who);
    }

    private void revoke(int who) {
        engine.revoke(who + 1, 500 + 8L * random.nextInt(3), random.nextBoolean());
    }

    private void fillJournal() {
        journal.room(!habits.noRoom(), !habits.noRoom() || random.nextBoolean());
        try {
            call(random.nextInt(2));
        } finally {
            journal.room(true, true);
        }
    }

    private void call(int who) {
        int context = random.nextInt(3) == 0 ? random.nextInt(4) : 0;
        int n = 1 + random.nextInt(random.nextInt(10) == 0 ? 200 : 12);
        if (habits.longCalls() && random.nextInt(10) == 0) {
            n = 4000 + random.nextInt(9000);
        }
        int defer = random.nextInt(4) == 0 ? IommuOp.F_DEFER : 0;
        Caller driver = callers[who];
        switch (random.nextInt(10)) {
            case 0, 1, 2 -> driver.run(IommuOp.cmd(IommuOp.MAP_PAGE, 0, context), pages(n));
            case 3, 4 -> driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, defer, context), pages(n));
            case 5, 6 -> driver.run(IommuOp.cmd(IommuOp.MIXED, defer, context), mixed(n));
            case 7 ->
                driver.run(
                        IommuOp.cmd(random.nextBoolean() ? IommuOp.MAP_RANGE : IommuOp.UNMAP_RANGE, 0, context),
                        ranges(Math.min(n, 8)));
            case 8 -> contexts(driver, who);
            default -> driver.flush(context);
        }
    }

    private void contexts(Caller driver, int who) {
        switch (random.nextInt(3)) {
            case 0 -> driver.run(IommuOp.cmd(IommuOp.ALLOC_CONTEXT, 0, 0), new ContextOp(0), new ContextOp(0));
            case 1 ->
                driver.run(
                        IommuOp.cmd(IommuOp.FREE_CONTEXT, 0, 0),
                        new ContextOp(random.nextInt(4)),
                        new ContextOp(random.nextInt(4)));
            default -> {
                int target = random.nextInt(3);
                int id = (who + 1) * ENDPOINT;
                driver.run(
                        IommuOp.cmd(IommuOp.ATTACH_DEVICE, 0, 0),
                        new AttachOp(id, target),
                        new AttachOp(id + 1, random.nextInt(5) == 0 ? 0 : target),
                        new AttachOp(id + 2, target));
            }
        }
    }

    private long bfn() {
        return switch (random.nextInt(30)) {
            case 0 -> random.nextLong();
            case 1, 2, 3 -> random.nextInt((int) LAST_BFN + 1); // another table
            default -> random.nextInt(BFNS);
        };
    }

    private long mfn() {
        return random.nextInt(6) == 0 ? 500 + random.nextInt(24) : random.nextInt((int) DATA_PAGES + 1);
    }

    private Element[] pages(int n) {
        List<Element> all = new ArrayList<>();
        while (all.size() < n) {
            long bfn = bfn();
            long mfn = mfn();
            int flags = random.nextInt(12) == 0 ? random.nextInt(5) : random.nextBoolean() ? 3 : 1;
            for (int run = random.nextInt(6); run >= 0 && all.size() < n; run--) {
                all.add(new Op(bfn++, mfn++, flags));
            }
        }
        return all.toArray(Element[]::new);
    }

    private Element[] mixed(int n) {
        List<Element> all = new ArrayList<>();
        while (all.size() < n) {
            long bfn = bfn();
            all.add(MixedOp.unmap(bfn));
            if (random.nextBoolean()) {
                all.add(new MixedOp(random.nextInt(15) == 0 ? 77 : IommuOp.MAP_PAGE, bfn, mfn(), 3));
            }
        }
        return all.subList(0, n).toArray(Element[]::new);
    }

    private Element[] ranges(int n) {
        Element[] all = new Element[n];
        for (int i = 0; i < n; i++) {
            long pages = random.nextInt(10) == 0 ? random.nextLong() : random.nextInt(40);
            all[i] = new RangeOp(bfn(), mfn(), pages, 3);
        }
        return all;
    }

    @Override
    public void close() {
        host.behave();
        for (Caller caller : callers) {
            caller.close();
        }
        if (ownsEngine) {
            engine.close();
        }
    }
}
