package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;
import static org.pviommu.systemtests.differential.Divergence.found;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Random;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Access;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
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
    private static final int GUEST = 1;
    /** Frames that hold the arrays of operations; never mapped by a call. */
    private static final FrameRange ARGUMENTS = new FrameRange(0x1000, 0x1001);

    private static final long ARGUMENTS_END = (ARGUMENTS.last() + 1) * FrameMemory.PAGE_BYTES;
    private static final int UNWRITTEN = 0x5a5a5a5a;

    /** A device; endpoints of one group share one address space. */
    record Endpoint(int endpointId, int group, List<FrameRange> reserved) {}

    /** What a world looks like. Ranges are inclusive. */
    record Shape(
            boolean cutsMappings,
            long lastBfn,
            long maxMappedFrames,
            int maxTablePages,
            int maxHeldFrames,
            int maxContexts,
            List<FrameRange> memory,
            List<FrameRange> reservedMfns,
            List<Endpoint> endpoints,
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
    private final Map<Integer, NavigableSet<Long>> removedSinceFlush = new HashMap<>();
    private boolean roomForMaps = true;
    private boolean roomForRemovals = true;

    /** The array of the running call as the guest wrote it, and as it wrote over it meanwhile. */
    private byte[] written = {};

    private long arrayOffset;
    private long arrayBytes;

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
                return removal ? roomForRemovals : roomForMaps;
            }

            @Override
            public void commit(SliceRecord slice) {}

            @Override
            public void changed(Guest guest, Change change, boolean endOfCall) {}
        });
        this.guest = engine.addGuest(GUEST, policy(), endpoints());
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
                shape.maxContexts(),
                shape.reservedMfns());
    }

    private List<EndpointDescriptor> endpoints() {
        return shape.endpoints().stream()
                .map(endpoint -> new EndpointDescriptor(
                        endpoint.endpointId(),
                        endpoint.group(),
                        endpoint.reserved().stream()
                                .map(bfns -> new ReservedRegion(bfns, ReservedRegion.Kind.RESERVED))
                                .toList()))
                .toList();
    }

    /** The host refuses, removes less or more than asked, and fails to flush, each with {@code probability}. */
    void misbehave(double probability) {
        faults.failRandomly(HostCall.Kind.MAP, probability, 12, 12, 12, 28, 5, 14, 16, 1, 75, -5);
        faults.failRandomly(HostCall.Kind.UNMAP, probability, 5, 12, 16, 22);
        faults.failRandomly(HostCall.Kind.FLUSH, Math.cbrt(probability), 5, 110); // all attempts must fail
        faults.failRandomly(HostCall.Kind.CREATE, probability, 12);
        faults.failRandomly(HostCall.Kind.ATTACH, probability, 16, 5);
        faults.failRandomly(HostCall.Kind.DETACH, probability / 4, 5);
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
    void execute(Call call, boolean newRoomForMaps, boolean newRoomForRemovals) {
        roomForMaps = newRoomForMaps;
        roomForRemovals = newRoomForMaps || newRoomForRemovals;
        long offset = writeArguments(call);
        written = arguments.toArray(ValueLayout.JAVA_BYTE);
        arrayOffset = offset;
        arrayBytes = (long) call.accessible * IommuOp.elementBytes(call.subOp);
        host.takeEvents();
        cacheSomeTranslations();
        long result = executor.call(call.cmd(), ARGUMENTS.first() * FrameMemory.PAGE_BYTES + offset, call.count);
        arrayBytes = 0; // from here on nobody writes over it
        List<HostEvent> events = host.takeEvents();
        ReferenceModel.Answer expected = ask(call, events);
        check(
                result == expected.result(),
                "result=%d expected=%d in %s with %s",
                result,
                expected.result(),
                call,
                events);
        compareArray(call, offset, expected, written);
        try {
            compareTables();
            compareHolds();
            checkIotlbAfterCall();
        } catch (Divergence e) {
            throw new Divergence(
                    e.getMessage() + " after " + call + " with host calls " + events + " and " + shape + model);
        }
        coverage.result(result);
    }

    private ReferenceModel.Answer ask(Call call, List<HostEvent> events) {
        try {
            return model.execute(call, events, roomForMaps, roomForRemovals);
        } catch (Divergence e) {
            throw new Divergence(
                    e.getMessage() + " in " + call + " with host calls " + events + " and " + shape + model);
        }
    }

    /** The array lies where exactly {@code accessible} elements of it are in memory. Outputs are pre-filled. */
    private long writeArguments(Call call) {
        long size = IommuOp.elementBytes(call.subOp);
        long offset = call.accessible == call.count
                ? 8L * random.nextInt(8)
                : ARGUMENTS_END
                        - ARGUMENTS.first() * FrameMemory.PAGE_BYTES
                        - call.accessible * size
                        - (size > 8 ? 8L * random.nextInt(2) : 0);
        if (call.subOp == IommuOp.FLUSH) {
            return 0;
        }
        for (int i = 0; i < call.accessible; i++) {
            ElementCodec.write(arguments, offset + i * size, call, i, UNWRITTEN);
        }
        return offset;
    }

    private void compareArray(Call call, long offset, ReferenceModel.Answer expected, byte[] before) {
        long size = IommuOp.elementBytes(call.subOp);
        MemorySegment wanted = MemorySegment.ofArray(before);
        for (int i = 0; i < expected.statuses().length; i++) {
            long element = offset + i * size;
            int status = ElementCodec.status(arguments, element, call.subOp);
            check(
                    status == expected.statuses()[i],
                    "element %d status=%d expected=%d in %s, %s",
                    i,
                    status,
                    expected.statuses()[i],
                    call,
                    model);
            coverage.status(call.subOp, status);
            ElementCodec.expectOutputs(wanted, element, call, i, status, expected.results()[i], lookedUp(call, i));
        }
        MemorySegment actual = MemorySegment.ofArray(arguments.toArray(ValueLayout.JAVA_BYTE));
        long mismatch = actual.mismatch(wanted);
        check(mismatch < 0, "byte %d of the array differs in %s, %s", mismatch - offset, call, model);
    }

    private SpaceModel.@Nullable Page lookedUp(Call call, int i) {
        SpaceModel space = call.subOp == IommuOp.LOOKUP_PAGE ? model.space(call.context) : null;
        return space == null ? null : space.page(call.bfn[i]);
    }

    private void compareTables() {
        List<AddressSpace> spaces = guest.addressSpaces();
        int n = 0;
        for (SpaceModel expected : model.spaces()) {
            check(
                    n < spaces.size() && spaces.get(n).context() == expected.context,
                    "context %d is missing",
                    expected.context);
            compareTable(spaces.get(n++), expected);
        }
        check(n == spaces.size(), "%d contexts, expected %d", spaces.size(), n);
        for (Endpoint endpoint : shape.endpoints()) {
            compareHostTable(endpoint.endpointId(), model.spaceOfEndpoint(endpoint.endpointId()));
        }
    }

    private void compareTable(AddressSpace actual, SpaceModel expected) {
        check(actual.mappedPages() == expected.mapped.size(), "mappedPages=%d", actual.mappedPages());
        check(
                actual.owedPages() == expected.owed.size(),
                "owedPages=%d expected=%s",
                actual.owedPages(),
                expected.owed);
        for (long bfn : shape.bfns()) {
            SpaceModel.Page page = expected.page(bfn);
            Translation translation = actual.translate(bfn);
            boolean equal = page == null
                    ? translation == null
                    : translation != null && translation.mfn() == page.mfn() && translation.access() == page.access();
            check(equal, "context %d translates bfn=%d to %s, expected %s", expected.context, bfn, translation, page);
        }
    }

    private void compareHostTable(int endpoint, @Nullable SpaceModel expected) {
        for (long bfn : shape.bfns()) {
            if (bfn < 0 || bfn > shape.lastBfn()) {
                continue;
            }
            SpaceModel.Page page = expected == null ? null : expected.page(bfn);
            IotlbEntry walked = simulated.walk(endpoint, bfn);
            boolean equal = page == null
                    ? walked == null
                    : walked != null && mfn(walked) == page.mfn() && walked.access() == page.access();
            check(equal, "the host translates bfn=%d of endpoint %d to %s, expected %s", bfn, endpoint, walked, page);
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
        check(stats.mappedFrames() == model.mappedPages(), "mappedFrames=%s", stats);
        check(stats.heldFrames() == model.heldPages(), "heldFrames=%s expected=%d", stats, model.heldPages());
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
                simulated.cache(anyEndpoint(), bfn);
            }
        }
    }

    private int anyEndpoint() {
        return shape.endpoints().get(random.nextInt(shape.endpoints().size())).endpointId();
    }

    /** The guest writes over its array while the call runs: what was copied before must be what is applied. */
    @Override
    public void asked() {
        if (arrayBytes > 0 && random.nextInt(8) == 0) {
            long offset = arrayOffset + 4 * random.nextLong(arrayBytes / 4);
            int value = random.nextInt();
            arguments.set(ValueLayout.JAVA_INT, offset, value);
            MemorySegment.ofArray(written).set(ValueLayout.JAVA_INT_UNALIGNED, offset, value);
            coverage.event(Coverage.WRITTEN_OVER);
        }
    }

    private long anyBfn() {
        return shape.bfns().get(random.nextInt(shape.bfns().size()));
    }

    @Override
    public void removed(int space, long firstBfn, long pages) {
        NavigableSet<Long> removed = removedSinceFlush.computeIfAbsent(space, number -> new TreeSet<>());
        for (long bfn = firstBfn; bfn < firstBfn + pages; bfn++) {
            removed.add(bfn);
        }
    }

    /** I1: whatever the IOTLB still leads to is held. I3: the flush covers all that was removed. */
    @Override
    public void beforeFlush(int space, IotlbGather gather) {
        for (IotlbEntry entry : simulated.iotlb().entries()) {
            check(guest.holds(mfn(entry)) > 0, "I1: released with a live IOTLB entry: %s", entry);
        }
        NavigableSet<Long> removed = removedSinceFlush.getOrDefault(space, new TreeSet<>());
        for (long bfn : removed) {
            check(gather.covers(bfn), "I3: removed bfn=%d is not in the flush", bfn);
        }
        useSomethingRemoved(space, removed);
    }

    /** A device that still has the translation uses it: it must reach the frame it always reached, which is held. */
    private void useSomethingRemoved(int space, NavigableSet<Long> removed) {
        Long bfn = removed.isEmpty() ? null : removed.ceiling(anyBfn());
        int endpoint = anyEndpoint();
        if (bfn == null || simulated.spaceId(endpoint).orElse(-1) != space) {
            return;
        }
        if (simulated.dmaRead(endpoint, bfn << 12, dmaBuffer) == 0) {
            return;
        }
        long mfn = dmaBuffer.get(ValueLayout.JAVA_LONG, 0);
        check(guest.holds(mfn) > 0, "I1: DMA through bfn=%d reached mfn=%d, which was released", bfn, mfn);
        coverage.event(Coverage.OWED_HIT);
    }

    @Override
    public void flushed(int space) {
        removedSinceFlush.remove(space);
    }

    /** I2: no translation in the IOTLB differs from the table, unless its flush was deferred or failed and it is owed. */
    private void checkIotlbAfterCall() {
        for (IotlbEntry entry : simulated.iotlb().entries()) {
            SpaceModel space = found(model.spaceOfHost(entry.spaceId()), "I5: entry of a freed context: " + entry);
            SpaceModel.Page page = space.page(entry.bfn());
            boolean current = page != null && page.mfn() == mfn(entry) && page.access() == entry.access();
            check(
                    current || space.mayBeStale(entry.bfn(), mfn(entry)),
                    "I2: stale IOTLB entry after a call: %s",
                    entry);
        }
        useTheDevice(anyEndpoint(), anyBfn());
    }

    private void useTheDevice(int endpoint, long bfn) {
        SpaceModel space = model.spaceOfEndpoint(endpoint);
        boolean stale = space != null && space.owed.stream().anyMatch(owed -> owed.bfn() == bfn);
        if (bfn < 0 || bfn > shape.lastBfn() || stale) {
            return;
        }
        SpaceModel.Page page = space == null ? null : space.page(bfn);
        boolean read = simulated.dmaRead(endpoint, bfn << 12, dmaBuffer) == Long.BYTES;
        check(read == (page != null), "DMA read of bfn=%d moved data: %s", bfn, read);
        if (page != null) {
            long mfn = dmaBuffer.get(ValueLayout.JAVA_LONG, 0);
            check(mfn == page.mfn(), "DMA through bfn=%d reached mfn=%d expected=%d", bfn, mfn, page.mfn());
            boolean written = simulated.dmaWrite(endpoint, bfn << 12, dmaBuffer) == Long.BYTES;
            check(written == ((page.access() & Access.WRITE) != 0), "DMA write of bfn=%d moved data: %s", bfn, written);
        }
    }

    private static long mfn(IotlbEntry entry) {
        return ((FrameMemory) entry.memory()).mfnAt(entry.offsetBytes());
    }

    /** Unmaps everything, so that the next sequence starts from nothing. */
    void clear() {
        for (AddressSpace space : guest.addressSpaces()) {
            Call unmap = new Call(IommuOp.UNMAP_RANGE, space.context(), false, 1, 1);
            unmap.pages[0] = shape.lastBfn() + 1;
            execute(unmap, true, true);
        }
        check(model.mappedPages() + model.heldPages() == 0, "not empty after unmapping everything");
    }

    /** The guest dies: everything must be given back whatever state it is in. */
    @Override
    public void close() {
        behave();
        roomForMaps = true;
        roomForRemovals = true;
        engine.removeGuest(guest);
        check(engine.guest(GUEST) == null, "the guest is still there after its death");
        check(simulated.iotlb().size() == 0, "IOTLB entries after the guest's death");
        executor.close();
        engine.close();
        arena.close();
    }
}
