package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;
import static org.pviommu.systemtests.differential.Divergence.found;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Access;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.GuestStats;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.engine.IotlbGather;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.SliceRecord;
import org.pviommu.engine.Translation;
import org.pviommu.host.FaultInjectingIommu;
import org.pviommu.host.HostCall;
import org.pviommu.host.IotlbEntry;
import org.pviommu.host.SimulatedIommu;

/**
 * An engine with one guest, the simulated host IOMMU under it, the model beside it, and an adversary that fills the IOTLB.
 *
 * <p>After each call everything is compared: the result, each status, that inputs were not written, the engine's table, the
 * host's table, the hold count of each frame, the quotas; and the invariants of the fault catalogue are checked at the
 * moments they speak about: I1 and I3 when a flush begins, I2 when a call returns.
 */
final class World implements AutoCloseable, ObservedHost.Watcher {
    private static final int ENDPOINT = 0x10;
    private static final int GUEST = 1;
    /** Frames that hold the arrays of operations; never mapped by a call. */
    private static final FrameRange ARGUMENTS = new FrameRange(0x1000, 0x1001);

    private static final long ARGUMENTS_END = (ARGUMENTS.last() + 1) * FrameMemory.PAGE_BYTES;
    private static final int UNWRITTEN_STATUS = 0x5a5a5a5a;

    /** What a world looks like. Ranges are inclusive. */
    record Shape(
            boolean cutsMappings,
            long lastBfn,
            long maxMappedFrames,
            int maxTablePages,
            int maxHeldFrames,
            List<FrameRange> memory,
            List<FrameRange> reservedMfns,
            List<FrameRange> reservedBfns,
            List<Long> bfns) {}

    private final Shape shape;
    private final Random random;
    private final Coverage coverage;
    private final SimulatedIommu simulated;
    private final FaultInjectingIommu faults;
    private final ObservedHost host;
    private final Engine engine;
    private final Guest guest;
    private final HypercallExecutor executor;
    private final ReferenceModel model;
    private final MemorySegment arguments;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment dmaBuffer = arena.allocate(Long.BYTES, Long.BYTES);
    private final TreeSet<Long> removedSinceFlush = new TreeSet<>();
    private boolean logHasRoom = true;

    World(Shape shape, long seed, Coverage coverage) {
        this.shape = shape;
        this.random = new Random(seed);
        this.coverage = coverage;
        this.simulated = new SimulatedIommu(new SimulatedIommu.Settings(shape.lastBfn(), shape.cutsMappings()));
        this.faults = new FaultInjectingIommu(simulated, seed);
        this.host = new ObservedHost(faults, this);
        this.engine = new Engine(host, new BatchLog() {
            @Override
            public boolean reserve(int operations, boolean removal) {
                return logHasRoom;
            }

            @Override
            public void commit(SliceRecord slice) {}
        });
        this.guest = engine.addGuest(GUEST, policy(), List.of(endpoint()));
        this.executor = new HypercallExecutor(engine, guest);
        this.model = new ReferenceModel(shape, coverage);
        for (FrameRange mfns : shape.memory()) {
            guest.registerMemory(mfns.first(), mfns.count(), new FrameMemory(mfns));
        }
        FrameMemory argumentMemory = new FrameMemory(ARGUMENTS);
        guest.registerMemory(ARGUMENTS.first(), ARGUMENTS.count(), argumentMemory);
        this.arguments = argumentMemory.segment();
    }

    private GuestPolicy policy() {
        return new GuestPolicy(
                true,
                true,
                1 << 20,
                shape.maxMappedFrames(),
                shape.maxTablePages(),
                shape.maxHeldFrames(),
                shape.reservedMfns());
    }

    private EndpointDescriptor endpoint() {
        return new EndpointDescriptor(
                ENDPOINT,
                shape.reservedBfns().stream()
                        .map(range -> new ReservedRegion(range, ReservedRegion.Kind.RESERVED))
                        .toList());
    }

    /** The host refuses, removes less or more than asked, and fails to flush, each with {@code probability}. */
    void misbehave(double probability) {
        faults.failRandomly(HostCall.Kind.MAP, probability, 5, 12, 28, 14, 16, 1, 75, -5);
        faults.failRandomly(HostCall.Kind.UNMAP, probability, 5, 12, 16, 22);
        faults.failRandomly(HostCall.Kind.FLUSH, Math.sqrt(probability), 5, 110);
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

    /** Makes the call, and compares everything with the model. */
    void execute(Call call, boolean roomInLog) {
        logHasRoom = roomInLog;
        long offset = writeArguments(call);
        byte[] before = arguments.toArray(ValueLayout.JAVA_BYTE);
        host.takeEvents();
        cacheSomeTranslations();
        long result = executor.call(call.subOp, ARGUMENTS.first() * FrameMemory.PAGE_BYTES + offset, call.count);
        List<HostEvent> events = host.takeEvents();
        ReferenceModel.Answer expected = ask(call, events, roomInLog);
        check(result == expected.result(), "result=%d expected=%d events=%s", result, expected.result(), events);
        compareArray(call, offset, expected.statuses(), before);
        compareTables();
        compareHolds();
        checkIotlbAfterCall();
        coverage.result(result);
    }

    private ReferenceModel.Answer ask(Call call, List<HostEvent> events, boolean roomInLog) {
        try {
            return model.execute(call, events, roomInLog);
        } catch (Divergence e) {
            throw new Divergence(e.getMessage() + " in " + call + " with host calls " + events + " and " + shape);
        }
    }

    /** The array lies where exactly {@code accessible} elements of it are in memory. Statuses are pre-filled. */
    private long writeArguments(Call call) {
        long offset = call.accessible == call.count
                ? 8L * random.nextInt(8)
                : ARGUMENTS_END
                        - ARGUMENTS.first() * FrameMemory.PAGE_BYTES
                        - (long) call.accessible * IommuMapOp.SIZE
                        - 8L * random.nextInt(2);
        for (int i = 0; i < call.accessible; i++) {
            long element = offset + (long) i * IommuMapOp.SIZE;
            IommuMapOp.putBfn(arguments, element, call.bfn[i]);
            IommuMapOp.putMfn(arguments, element, call.mfn[i]);
            IommuMapOp.putFlags(arguments, element, call.flags[i]);
            IommuMapOp.putStatus(arguments, element, UNWRITTEN_STATUS);
        }
        return offset;
    }

    private void compareArray(Call call, long offset, int[] statuses, byte[] before) {
        for (int i = 0; i < statuses.length; i++) {
            long element = offset + (long) i * IommuMapOp.SIZE;
            int status = IommuMapOp.status(arguments, element);
            check(
                    status == statuses[i],
                    "%s[%d] bfn=%d mfn=%d flags=%d status=%d expected=%d",
                    IommuOp.name(call.subOp),
                    i,
                    call.bfn[i],
                    call.mfn[i],
                    call.flags[i],
                    status,
                    statuses[i]);
            coverage.status(call.subOp, status);
            if (call.subOp == IommuOp.LOOKUP_PAGE && status == 0) {
                compareLookup(call.bfn[i], element);
                putInt(before, element + IommuMapOp.FLAGS_OFFSET, IommuMapOp.flags(arguments, element));
                putLong(before, element + IommuMapOp.MFN_OFFSET, IommuMapOp.mfn(arguments, element));
            }
            putInt(before, element + IommuMapOp.STATUS_OFFSET, status);
        }
        check(Arrays.equals(before, arguments.toArray(ValueLayout.JAVA_BYTE)), "an input was written");
    }

    private void compareLookup(long bfn, long element) {
        ReferenceModel.Page page = found(model.page(bfn), "lookup found what is not mapped, bfn=" + bfn);
        check(IommuMapOp.mfn(arguments, element) == page.mfn(), "lookup bfn=%d mfn", bfn);
        check(IommuMapOp.flags(arguments, element) == page.access(), "lookup bfn=%d flags", bfn);
    }

    private static void putInt(byte[] bytes, long offset, int value) {
        MemorySegment.ofArray(bytes).set(ValueLayout.JAVA_INT_UNALIGNED, offset, value);
    }

    private static void putLong(byte[] bytes, long offset, long value) {
        MemorySegment.ofArray(bytes).set(ValueLayout.JAVA_LONG_UNALIGNED, offset, value);
    }

    private void compareTables() {
        for (long bfn : shape.bfns()) {
            ReferenceModel.Page page = model.isMapped(bfn) ? model.page(bfn) : null;
            Translation translation = guest.ownSpace().translate(bfn);
            IotlbEntry walked = bfn >= 0 && bfn <= shape.lastBfn() ? simulated.walk(ENDPOINT, bfn) : null;
            if (page == null) {
                check(translation == null, "the engine translates bfn=%d", bfn);
                check(walked == null, "the host translates bfn=%d", bfn);
            } else {
                check(
                        translation != null && translation.mfn() == page.mfn() && translation.access() == page.access(),
                        "the engine translates bfn=%d to %s, expected %s",
                        bfn,
                        translation,
                        page);
                check(
                        walked != null && mfn(walked) == page.mfn() && walked.access() == page.access(),
                        "the host translates bfn=%d to %s, expected %s",
                        bfn,
                        walked,
                        page);
            }
        }
    }

    private void compareHolds() {
        for (FrameRange mfns : shape.memory()) {
            for (long mfn = mfns.first(); mfn <= mfns.last(); mfn++) {
                long holds = isReservedMfn(mfn) ? 0 : guest.holds(mfn);
                check(holds == model.holds(mfn), "mfn=%d holds=%d expected=%d", mfn, holds, model.holds(mfn));
            }
        }
        GuestStats stats = guest.stats();
        check(stats.mappedFrames() == model.mappedPages() + model.owedPages(), "mappedFrames=%s", stats);
        check(stats.heldFrames() == model.owedPages(), "heldFrames=%s", stats);
        check(guest.ownSpace().mappedPages() == model.mappedPages(), "mappedPages");
        check(guest.ownSpace().owedPages() == model.owedPages(), "owedPages");
        check(stats.tablePages() >= model.tablePages(), "tablePages=%s expected=%d", stats, model.tablePages());
        check(stats.tablePages() <= shape.maxTablePages(), "tablePages=%s", stats);
    }

    private boolean isReservedMfn(long mfn) {
        return shape.reservedMfns().stream().anyMatch(range -> range.contains(mfn));
    }

    // The adversary and the invariants.

    private void cacheSomeTranslations() {
        for (int i = 0; i < 4; i++) {
            long bfn = anyBfn();
            if (bfn >= 0 && bfn <= shape.lastBfn()) {
                simulated.cache(ENDPOINT, bfn);
            }
        }
    }

    private long anyBfn() {
        return shape.bfns().get(random.nextInt(shape.bfns().size()));
    }

    @Override
    public void removed(long firstBfn, long pages) {
        for (long bfn = firstBfn; bfn < firstBfn + pages; bfn++) {
            removedSinceFlush.add(bfn);
        }
    }

    /** I1: whatever the IOTLB still leads to is held. I3: the flush covers all that was removed. */
    @Override
    public void beforeFlush(IotlbGather gather) {
        for (IotlbEntry entry : simulated.iotlb().entries()) {
            check(guest.holds(mfn(entry)) > 0, "I1: released with a live IOTLB entry: %s", entry);
        }
        for (long bfn : removedSinceFlush) {
            check(gather.covers(bfn), "I3: removed bfn=%d is not in the flush", bfn);
        }
        useSomethingRemoved();
    }

    /** A device that still has the translation uses it: it must reach the frame it always reached, which is held. */
    private void useSomethingRemoved() {
        Long bfn = removedSinceFlush.isEmpty() ? null : removedSinceFlush.ceiling(anyBfn());
        if (bfn == null || simulated.dmaRead(ENDPOINT, bfn << 12, dmaBuffer) == 0) {
            return;
        }
        long mfn = dmaBuffer.get(ValueLayout.JAVA_LONG, 0);
        check(guest.holds(mfn) > 0, "I1: DMA through bfn=%d reached mfn=%d, which was released", bfn, mfn);
        coverage.event(Coverage.OWED_HIT);
    }

    @Override
    public void flushed() {
        removedSinceFlush.clear();
    }

    /** I2: no translation in the IOTLB differs from the table, unless its flush failed and it is owed. */
    private void checkIotlbAfterCall() {
        for (IotlbEntry entry : simulated.iotlb().entries()) {
            ReferenceModel.Page page = found(model.page(entry.bfn()), "I2: stale IOTLB entry after a call: " + entry);
            check(page.mfn() == mfn(entry) && page.access() == entry.access(), "I2: %s but %s", entry, page);
        }
        useTheDevice();
    }

    private void useTheDevice() {
        long bfn = anyBfn();
        if (bfn < 0 || bfn > shape.lastBfn() || model.isOwed(bfn)) {
            return;
        }
        boolean read = simulated.dmaRead(ENDPOINT, bfn << 12, dmaBuffer) == Long.BYTES;
        check(read == model.isMapped(bfn), "DMA read of bfn=%d moved data: %s", bfn, read);
        ReferenceModel.Page page = model.page(bfn);
        if (page != null) {
            long mfn = dmaBuffer.get(ValueLayout.JAVA_LONG, 0);
            check(mfn == page.mfn(), "DMA through bfn=%d reached mfn=%d expected=%d", bfn, mfn, page.mfn());
            boolean written = simulated.dmaWrite(ENDPOINT, bfn << 12, dmaBuffer) == Long.BYTES;
            check(written == ((page.access() & Access.WRITE) != 0), "DMA write of bfn=%d moved data: %s", bfn, written);
        }
    }

    private static long mfn(IotlbEntry entry) {
        return ((FrameMemory) entry.memory()).mfnAt(entry.offsetBytes());
    }

    /** Unmaps everything that is mapped, so that the next sequence starts from nothing. */
    void clear() {
        List<Long> mapped = new ArrayList<>();
        for (long bfn : shape.bfns()) {
            if (model.isMapped(bfn)) {
                mapped.add(bfn);
            }
        }
        Call call = new Call(IommuOp.UNMAP_PAGE, Math.max(1, mapped.size()), Math.max(1, mapped.size()));
        for (int i = 0; i < mapped.size(); i++) {
            call.bfn[i] = mapped.get(i);
        }
        execute(call, true);
        check(model.mappedPages() + model.owedPages() == 0, "not empty after unmapping everything");
    }

    /** The guest dies: everything must be given back whatever state it is in. */
    @Override
    public void close() {
        behave();
        logHasRoom = true;
        engine.removeGuest(guest);
        check(engine.guest(GUEST) == null, "the guest is still there after its death");
        check(simulated.iotlb().size() == 0, "IOTLB entries after the guest's death");
        executor.close();
        engine.close();
        arena.close();
    }
}
