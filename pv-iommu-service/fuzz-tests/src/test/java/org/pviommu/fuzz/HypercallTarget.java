package org.pviommu.fuzz;

import static org.pviommu.fuzz.Finding.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.pviommu.abi.IommuAttachOp;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.EngineInvariants;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.Translation;
import org.pviommu.host.Area;
import org.pviommu.host.FaultInjectingIommu;
import org.pviommu.host.HostCall;
import org.pviommu.host.IotlbEntry;
import org.pviommu.host.SimulatedIommu;

/**
 * The hypercall decoder and everything behind it: an input is a guest's life, a list of calls and of what a guest does between
 * them. Calls are either bytes without any sense or of the right form with numbers near the limits; the host IOMMU may misbehave.
 *
 * <p>After each call: only outputs were written, the engine agrees with itself ({@link EngineInvariants}) and with the host, and
 * nothing in the IOTLB leads to a frame that nobody holds.
 */
public final class HypercallTarget {
    /** Name on the command line and folder of the corpus. */
    public static final String NAME = "hypercall";

    private static final int GUEST = 1;
    private static final int MAX_STEPS = 96;
    /** Two more than a guest of an input can have. */
    private static final int MAX_CONTEXTS = 8;

    private static final long LAST_BFN = (1L << 28) - 1;
    private static final long[] BFN_BASES = {0, 500, 1 << 18, LAST_BFN - 15};
    private static final int[] ENDPOINTS = {0x10, 0x18, 0x19, 0x77};
    private static final Set<Integer> RESULTS = Set.of(
            IommuStatus.OK,
            IommuStatus.EPERM,
            IommuStatus.ENOENT,
            IommuStatus.EIO,
            IommuStatus.EFAULT,
            IommuStatus.EINVAL,
            IommuStatus.EOPNOTSUPP);

    private final Input input;
    private final FuzzedMemory memory = new FuzzedMemory();
    private final SimulatedIommu simulated;
    private final FaultInjectingIommu faults;
    private final Engine engine;
    private final Guest guest;
    /** As many virtual CPUs, which take turns. */
    private final HypercallExecutor[] processors;

    private int calls;

    private HypercallTarget(Input input) {
        this.input = input;
        int mood = input.u8();
        this.simulated = new SimulatedIommu(new SimulatedIommu.Settings(LAST_BFN, (mood & 1) == 0));
        this.faults = new FaultInjectingIommu(simulated, input.u8());
        this.engine = new Engine(faults, BatchLog.none());
        GuestPolicy policy = new GuestPolicy(
                true,
                true,
                64,
                8 + input.below(64),
                8 + input.below(32),
                1 + input.below(48),
                1 + input.below(MAX_CONTEXTS - 2),
                List.of(new FrameRange(9, 10)));
        this.guest = engine.addGuest(GUEST, policy, endpoints());
        this.processors =
                new HypercallExecutor[] {new HypercallExecutor(engine, guest), new HypercallExecutor(engine, guest)};
        memory.regions().forEach(region -> guest.registerMemory(region.mfns.first(), region.mfns.count(), region));
        if ((mood & 2) != 0) {
            misbehave();
        }
    }

    private static List<EndpointDescriptor> endpoints() {
        ReservedRegion msi = new ReservedRegion(new FrameRange(505, 506), ReservedRegion.Kind.MSI);
        return List.of(
                new EndpointDescriptor(ENDPOINTS[0], 1, List.of(msi)),
                new EndpointDescriptor(ENDPOINTS[1], 2, List.of()),
                new EndpointDescriptor(
                        ENDPOINTS[2],
                        2,
                        List.of(new ReservedRegion(new FrameRange(508, 508), ReservedRegion.Kind.RESERVED))));
    }

    private void misbehave() {
        faults.failRandomly(HostCall.Kind.MAP, 0.1, 5, 12, 28, 14, 16);
        faults.failRandomly(HostCall.Kind.UNMAP, 0.1, 5, 12, 16, 22);
        faults.failRandomly(HostCall.Kind.FLUSH, 0.5, 5, 110); // a flush is tried three times
        faults.failRandomly(HostCall.Kind.CREATE, 0.1, 12);
        faults.failRandomly(HostCall.Kind.ATTACH, 0.1, 16, 5);
        faults.failRandomly(HostCall.Kind.DETACH, 0.05, 5);
        faults.shortenUnmapsRandomly(0.1, 3);
        faults.extendUnmapsRandomly(0.1, 4);
    }

    /** What the fuzzer calls. */
    public static void fuzzerTestOneInput(byte[] bytes) {
        Finding.guard(NAME, bytes, () -> new HypercallTarget(new Input(bytes)).live());
    }

    private void live() {
        for (int step = 0; step < MAX_STEPS && input.hasMore(); step++) {
            step();
        }
        die();
    }

    private void step() {
        switch (input.below(10)) {
            case 0 -> scribble();
            case 1 -> call(input.i32(), input.i64(), input.i32());
            case 2 -> call(input.i32(), anyArgument(), (int) input.number());
            case 3 -> comeAndGo();
            case 4 -> simulated.cache(endpoint(), bfn());
            case 5 -> changeMood();
            default -> wellFormedCall();
        }
    }

    private void scribble() {
        MemorySegment arguments = memory.arguments();
        byte[] bytes = input.take(input.u8());
        long offset = input.u16() % (arguments.byteSize() - bytes.length);
        MemorySegment.copy(bytes, 0, arguments, ValueLayout.JAVA_BYTE, offset, bytes.length);
    }

    /** From the start of the array's region on, or from its end back, where elements lie in two regions. */
    private long anyArgument() {
        boolean fromEnd = input.below(2) == 1;
        long distance = input.number() * IommuOp.ARG_ALIGN;
        return fromEnd
                ? ((FuzzedMemory.ARGUMENTS.last() + 1) << 12) - distance
                : (FuzzedMemory.ARGUMENTS.first() << 12) + distance;
    }

    private void changeMood() {
        if (input.below(2) == 0) {
            faults.behave();
        } else {
            misbehave();
        }
    }

    /** Memory comes and goes between calls; what is in use has to stay. */
    private void comeAndGo() {
        int index = input.below(memory.regions().size());
        FuzzedMemory.Region region = memory.regions().get(index);
        try {
            if (region.closes() == 0) {
                guest.unregisterMemory(region.mfns.first(), region.mfns.count());
                check(region.closes() == 1, "unregistered but not given back: %s", region.mfns);
            } else {
                FuzzedMemory.Region fresh = memory.again(index);
                guest.registerMemory(fresh.mfns.first(), fresh.mfns.count(), fresh);
            }
        } catch (EngineException e) {
            check(e.kind() == EngineException.Kind.BUSY, "%s", e);
        }
        EngineInvariants.check(guest);
    }

    private void wellFormedCall() {
        int subOp = 1 + input.below(IommuOp.MIXED);
        int selector = input.u8();
        int modifiers = (selector & 0x80) != 0 ? IommuOp.F_DEFER : 0;
        int count = 0;
        if (subOp != IommuOp.FLUSH) {
            for (int runs = 1 + input.below(4); runs > 0; runs--) {
                count = writeRun(subOp, count);
            }
        }
        long arg = subOp == IommuOp.FLUSH ? 0 : FuzzedMemory.ARGUMENTS.first() << 12;
        call(IommuOp.cmd(subOp, modifiers, selector & 7), arg, count);
    }

    /**
     * Elements from number {@code from} on whose frames follow each other, as guests send them; the number after them. Each
     * sub-operation is read from the same bytes, so that what was good for one can be tried with another.
     */
    private int writeRun(int subOp, int from) {
        long bfn = bfn();
        long mfn = mfn();
        int flags = flags();
        long other = input.number();
        int n = 1 + input.below(12);
        int size = IommuOp.elementBytes(subOp);
        for (int i = 0; i < n; i++) {
            writeElement(subOp, (long) (from + i) * size, bfn + i, mfn + i, flags, other);
        }
        return from + n;
    }

    private void writeElement(int subOp, long at, long bfn, long mfn, int flags, long other) {
        MemorySegment array = memory.arguments();
        switch (subOp) {
            case IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, IommuOp.LOOKUP_PAGE -> {
                IommuMapOp.putBfn(array, at, bfn);
                IommuMapOp.putMfn(array, at, mfn);
                IommuMapOp.putFlags(array, at, flags);
            }
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> {
                IommuRangeOp.putBfn(array, at, bfn);
                IommuRangeOp.putMfn(array, at, mfn);
                IommuRangeOp.putNrPages(array, at, other);
                IommuRangeOp.putFlags(array, at, flags);
            }
            case IommuOp.MIXED -> {
                IommuMixedOp.putSubop(array, at, other < 0xd0 ? IommuOp.MAP_PAGE + (int) (other & 1) : (int) other);
                IommuMixedOp.putFlags(array, at, flags);
                IommuMixedOp.putBfn(array, at, bfn);
                IommuMixedOp.putMfn(array, at, mfn);
            }
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT ->
                IommuContextOp.putCtxNo(array, at, (int) (other % MAX_CONTEXTS));
            case IommuOp.ATTACH_DEVICE -> {
                IommuAttachOp.putEndpoint(array, at, ENDPOINTS[(int) (bfn & 3)]);
                IommuAttachOp.putCtxNo(array, at, (int) (other % MAX_CONTEXTS));
                IommuAttachOp.putFlags(array, at, flags == 0x1f ? 1 : 0);
            }
            default -> {
                // only outputs
            }
        }
    }

    private long bfn() {
        int selector = input.u8();
        return selector < 0xf8 ? BFN_BASES[selector & 3] + (selector >>> 2) % 24 : input.number();
    }

    private long mfn() {
        int selector = input.u8();
        return selector < 0xe0 ? selector % 26 : selector < 0xf8 ? 0x8_0000 + selector % 5 : input.number();
    }

    private int flags() {
        int selector = input.u8();
        return selector < 0xe0 ? 1 + 2 * (selector & 1) : selector & 0x1f;
    }

    private int endpoint() {
        return ENDPOINTS[input.below(ENDPOINTS.length)];
    }

    private void call(int cmd, long arg, int count) {
        int subOp = IommuOp.subOp(cmd);
        memory.remember();
        long result = processors[calls++ & 1].call(cmd, arg, count);
        memory.checkWritten(address -> isOutput(subOp, address - arg, count));
        checkResult(subOp, result);
        EngineInvariants.check(guest);
        checkHost();
    }

    private static void checkResult(int subOp, long result) {
        boolean counted = subOp == IommuOp.QUERY_RESERVED && result >= 0 && result <= 2;
        check(
                counted || (RESULTS.contains((int) result) && result == (int) result),
                "result=%d subOp=%d",
                result,
                subOp);
    }

    /** hypercall-abi: of an element only its outputs are written, and of memory around the array nothing. */
    private static boolean isOutput(int subOp, long fromArg, int count) {
        int size = IommuOp.elementBytes(subOp);
        if (size == 0 || fromArg < 0 || fromArg >= (long) size * count) {
            return false;
        }
        long at = fromArg % size;
        return switch (subOp) {
            case IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE -> at >= IommuMapOp.STATUS_OFFSET;
            case IommuOp.LOOKUP_PAGE -> at >= IommuMapOp.MFN_OFFSET;
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE ->
                at >= IommuRangeOp.STATUS_OFFSET
                        || (at >= IommuRangeOp.NR_DONE_OFFSET && at < IommuRangeOp.FLAGS_OFFSET);
            case IommuOp.FREE_CONTEXT -> at >= IommuContextOp.STATUS_OFFSET;
            case IommuOp.ATTACH_DEVICE -> at >= IommuAttachOp.STATUS_OFFSET;
            case IommuOp.MIXED -> at >= IommuMixedOp.STATUS_OFFSET && at < IommuMixedOp.BFN_OFFSET;
            default -> true;
        };
    }

    /** Table and host say the same about each endpoint, and what the IOTLB leads to is held and, unless owed, current. */
    private void checkHost() {
        for (EndpointDescriptor endpoint : guest.endpoints()) {
            AddressSpace space = guest.attachment(endpoint.endpointId());
            if (space == null) {
                check(simulated.spaceId(endpoint.endpointId()).isEmpty(), "%s is not blocked", endpoint);
            } else {
                checkTables(endpoint.endpointId(), EngineInvariants.mappings(space));
                checkIotlb(space, simulated.spaceId(endpoint.endpointId()).orElse(-1));
            }
        }
        for (IotlbEntry entry : simulated.iotlb().entries()) {
            check(guest.holds(mfn(entry)) > 0, "I1: released with a live IOTLB entry: %s", entry);
        }
    }

    private void checkTables(int endpoint, Map<Long, Translation> engineSays) {
        long pages = 0;
        for (Area area : simulated.areas(endpoint)) {
            FuzzedMemory.Region region = (FuzzedMemory.Region) area.memory();
            for (long bfn = area.firstBfn(); bfn <= area.lastBfn(); bfn++, pages++) {
                Translation there = new Translation(bfn, region.mfnAt(area.offsetOf(bfn)), area.access());
                check(Objects.equals(engineSays.get(bfn), there), "host has %s, engine %s", there, engineSays.get(bfn));
            }
        }
        check(pages == engineSays.size(), "host has %d pages, engine %s", pages, engineSays);
    }

    private void checkIotlb(AddressSpace space, long spaceId) {
        for (IotlbEntry entry : simulated.iotlb().entries()) {
            if (entry.spaceId() == spaceId && !EngineInvariants.isOwed(space, entry.bfn())) {
                Translation cached = new Translation(entry.bfn(), mfn(entry), entry.access());
                Translation now = space.translate(entry.bfn());
                check(cached.equals(now), "I2: stale IOTLB entry %s after a call, now %s", cached, now);
            }
        }
    }

    private static long mfn(IotlbEntry entry) {
        return ((FuzzedMemory.Region) entry.memory()).mfnAt(entry.offsetBytes());
    }

    /** Everything is given back, whatever state it was in. */
    private void die() {
        engine.removeGuest(guest);
        faults.behave();
        engine.close();
        check(engine.guests().isEmpty(), "the guest is still there after its death");
        check(simulated.iotlb().size() == 0, "IOTLB entries after the guest's death");
        for (FuzzedMemory.Region region : memory.regions()) {
            check(region.closes() == 1, "%s was given back %d times", region.mfns, region.closes());
        }
        for (HypercallExecutor processor : processors) {
            processor.close();
        }
    }
}
