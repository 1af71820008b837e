package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pviommu.engine.Bench.ARRAY_PAGES;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.LAST_BFN;
import static org.pviommu.engine.Bench.MSI_FIRST;
import static org.pviommu.engine.Bench.NO_MFN;
import static org.pviommu.engine.Bench.RESERVED_MFN;

import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuCaps;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordingHost;

/** The hypercall ABI line by line: which status for what, which error first, which words are written. */
class HypercallAbiTest {

    // The call.

    /** What can be wrong with a call, in the order in which it is reported. */
    enum CallFault {
        DISABLED(IommuStatus.ENOSYS),
        NOT_PERMITTED(IommuStatus.EPERM),
        UNKNOWN_SUBOP(IommuStatus.EOPNOTSUPP),
        UNKNOWN_MODIFIER(IommuStatus.EINVAL),
        UNKNOWN_CONTEXT(IommuStatus.ENOENT),
        MISALIGNED(IommuStatus.EINVAL),
        NO_MEMORY(IommuStatus.EFAULT),
        NO_ROOM_IN_LOG(IommuStatus.EIO);

        final int result;

        CallFault(int result) {
            this.result = result;
        }
    }

    static Stream<Set<CallFault>> pairsOfCallFaults() {
        return EnumSet.allOf(CallFault.class).stream()
                .flatMap(a -> EnumSet.allOf(CallFault.class).stream()
                        .filter(b -> b.compareTo(a) >= 0)
                        .map(b -> EnumSet.of(a, b)));
    }

    @ParameterizedTest
    @MethodSource("pairsOfCallFaults")
    void shouldReportTheFirstFaultOfACall(Set<CallFault> faults) {
        GuestPolicy policy = new GuestPolicy(
                !faults.contains(CallFault.DISABLED),
                !faults.contains(CallFault.NOT_PERMITTED),
                1 << 20,
                1 << 20,
                4096,
                64,
                16,
                List.of());
        try (Bench bench = new Bench(policy)) {
            bench.log.refuse(faults.contains(CallFault.NO_ROOM_IN_LOG), true);
            boolean outside = faults.contains(CallFault.NO_MEMORY);
            // One element is in memory, so that EFAULT meets EIO.
            bench.driver.placeArraysAt(outside ? ARRAY_PAGES * 4096L - 24 : 0);
            bench.driver.write(Op.rw(1, DATA_MFN));
            int subOp = faults.contains(CallFault.UNKNOWN_SUBOP) ? 200 : IommuOp.MAP_PAGE;
            int modifiers = faults.contains(CallFault.UNKNOWN_MODIFIER) ? 0x8000 : 0;
            int context = faults.contains(CallFault.UNKNOWN_CONTEXT) ? 9 : 0;
            long arg = bench.driver.arrayAddress() + (faults.contains(CallFault.MISALIGNED) ? 4 : 0);

            long result = bench.driver.executor().call(IommuOp.cmd(subOp, modifiers, context), arg, outside ? 2 : 1);

            assertEquals(faults.iterator().next().result, result);
        }
    }

    @Test
    void shouldRefuseEverySubOperationByPolicy() {
        for (int subOp = 0; subOp < 256; subOp++) {
            assertPolicyResult(subOp, false, true, IommuStatus.ENOSYS);
            assertPolicyResult(subOp, false, false, IommuStatus.ENOSYS);
            assertPolicyResult(subOp, true, false, IommuStatus.EPERM);
        }
    }

    private static void assertPolicyResult(int subOp, boolean enabled, boolean permitted, int expected) {
        GuestPolicy policy = new GuestPolicy(enabled, permitted, 1 << 20, 1, 8, 1, 16, List.of());
        RecordingHost host = new RecordingHost(LAST_BFN, true);
        try (Engine engine = new Engine(host, BatchLog.none())) {
            Guest guest = engine.addGuest(1, policy, List.of());
            try (HypercallExecutor executor = new HypercallExecutor(engine, guest)) {
                assertEquals(expected, executor.call(subOp, 0, 1));
                assertEquals(expected, executor.call(subOp, 0, 0), "also with count 0");
                assertEquals(2, guest.stats().calls());
            }
        }
    }

    @Test
    void shouldLetEfaultWinOverAFailedFlush() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.driver.placeArraysAt(ARRAY_PAGES * 4096L - 24);
            bench.driver.write(Op.at(1));
            assertEquals(IommuStatus.EFAULT, bench.driver.call(IommuOp.UNMAP_PAGE, 2));
            assertEquals(IommuStatus.EIO, bench.driver.status(0));
        }
    }

    // One element.

    /** What can be wrong with a map, in the order in which it is reported. */
    enum MapFault {
        FLAGS(IommuStatus.EINVAL),
        APERTURE(IommuStatus.ERANGE),
        RESERVED_REGION(IommuStatus.EADDRNOTAVAIL),
        NO_FRAME(IommuStatus.ENXIO),
        RESERVED_FRAME(IommuStatus.EPERM),
        OCCUPIED(IommuStatus.EADDRINUSE),
        QUOTA(IommuStatus.ENOSPC),
        TABLES(IommuStatus.ENOSPC);

        final int status;

        MapFault(int status) {
            this.status = status;
        }
    }

    static Stream<Set<MapFault>> pairsOfMapFaults() {
        return EnumSet.allOf(MapFault.class).stream()
                .flatMap(a -> EnumSet.allOf(MapFault.class).stream()
                        .filter(b -> b.compareTo(a) >= 0)
                        .map(b -> EnumSet.of(a, b))
                        .filter(HypercallAbiTest::canMeet));
    }

    /** A mapped bus frame is inside the aperture, not reserved and has its tables; a frame is there or it is not. */
    private static boolean canMeet(Set<MapFault> faults) {
        boolean twoFrames = faults.containsAll(EnumSet.of(MapFault.NO_FRAME, MapFault.RESERVED_FRAME));
        boolean unmappable = faults.contains(MapFault.APERTURE)
                || faults.contains(MapFault.RESERVED_REGION)
                || faults.contains(MapFault.TABLES);
        return !twoFrames && !(unmappable && faults.contains(MapFault.OCCUPIED));
    }

    private static long bfnWith(Set<MapFault> faults) {
        if (faults.contains(MapFault.APERTURE)) {
            return faults.contains(MapFault.RESERVED_REGION) ? LAST_BFN + 1 : LAST_BFN + 100;
        }
        if (faults.contains(MapFault.RESERVED_REGION)) {
            return MSI_FIRST;
        }
        if (faults.contains(MapFault.TABLES)) {
            return 3000;
        }
        return faults.contains(MapFault.OCCUPIED) ? 1 : 2;
    }

    /** Each pair as the only element, and as one that would continue a run. */
    @ParameterizedTest
    @MethodSource("pairsOfMapFaults")
    void shouldReportTheFirstFaultOfAMap(Set<MapFault> faults) {
        int quota = faults.contains(MapFault.QUOTA) ? 1 : 100;
        int tables = faults.contains(MapFault.TABLES) ? 4 : 100;
        try (Bench bench = new Bench(Bench.policy(quota, tables, 64))) {
            bench.driver.map(Op.rw(1, DATA_MFN)); // occupies bfn 1, and makes the one leaf that 4 table pages allow
            long mfn = faults.contains(MapFault.NO_FRAME)
                    ? NO_MFN
                    : faults.contains(MapFault.RESERVED_FRAME) ? RESERVED_MFN : DATA_MFN + 1;
            Op op = new Op(bfnWith(faults), mfn, faults.contains(MapFault.FLAGS) ? 4 : 3);

            assertEquals(0, bench.driver.map(op));
            assertEquals(faults.iterator().next().status, bench.driver.status(0));

            bench.driver.map(Op.rw(op.bfn() - 1, op.mfn() - 1), op);
            assertEquals(faults.iterator().next().status, bench.driver.status(1));
        }
    }

    @Test
    void shouldIgnoreMfnAndFlagsOfUnmapAndLookup() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.driver.lookup(new Op(1, NO_MFN, 0xffff_ffff));
            assertEquals(0, bench.driver.status(0));
            bench.driver.unmap(new Op(1, NO_MFN, 0xffff_ffff));
            assertEquals(0, bench.driver.status(0));
        }
    }

    @Test
    void shouldKeepTheAccessThatWasAskedFor() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.ro(1, DATA_MFN), Op.rw(2, DATA_MFN + 1), Op.ro(3, DATA_MFN + 2));
            assertEquals(3, bench.host.count(Kind.MAP), "an access of its own is a run of its own");
            bench.driver.lookup(Op.at(1), Op.at(2), Op.at(3));
            assertEquals(IommuMapOp.READABLE, bench.driver.flags(0));
            assertEquals(IommuMapOp.READABLE | IommuMapOp.WRITEABLE, bench.driver.flags(1));
            assertEquals(DATA_MFN + 1, bench.driver.mfn(1));
            assertEquals(IommuMapOp.READABLE, bench.driver.flags(2));
        }
    }

    // What is written.

    private static Op[] mixture() {
        return new Op[] {
            Op.rw(1, DATA_MFN),
            Op.rw(2, DATA_MFN + 1),
            Op.rw(2, DATA_MFN + 1),
            new Op(3, DATA_MFN, 0xf0),
            Op.rw(-1, DATA_MFN),
            Op.rw(4, NO_MFN),
            Op.rw(5, RESERVED_MFN),
            Op.ro(6, DATA_MFN)
        };
    }

    @Test
    void shouldWriteNothingButStatusesInMapAndUnmap() {
        try (Bench bench = new Bench()) {
            for (int subOp : new int[] {IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE}) {
                Op[] ops = mixture();
                bench.driver.write(ops);
                byte[] before = bench.driver.bytes(4096);
                assertEquals(0, bench.driver.call(subOp, ops.length));
                for (int i = 0; i < ops.length; i++) {
                    assertEquals(false, bench.driver.status(i) == GuestDriver.OLD_STATUS);
                    bench.driver.writeOne(i, ops[i], GuestDriver.OLD_STATUS);
                }
                // Fields that were changed would still be seen: writeOne repeats what was asked, bytes() compares all
                // else.
                assertArrayEquals(before, bench.driver.bytes(4096));
            }
        }
    }

    @Test
    void shouldWriteNoInputFieldEver() {
        try (Bench bench = new Bench()) {
            Op[] ops = mixture();
            bench.driver.write(ops);
            bench.driver.call(IommuOp.MAP_PAGE, ops.length);
            assertInputs(bench, ops);
            bench.driver.call(IommuOp.UNMAP_PAGE, ops.length);
            assertInputs(bench, ops);
        }
    }

    private static void assertInputs(Bench bench, Op[] ops) {
        for (int i = 0; i < ops.length; i++) {
            long at = (long) i * IommuMapOp.SIZE;
            Op now = new Op(IommuMapOp.bfn(bench.driver.memory(), at), bench.driver.mfn(i), bench.driver.flags(i));
            assertEquals(ops[i], now);
        }
    }

    @Test
    void shouldWriteLookupOutputsOnlyOnSuccess() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.ro(1, DATA_MFN + 5));
            bench.driver.lookup(new Op(1, 77, 88), new Op(2, 77, 88), new Op(LAST_BFN + 1, 77, 88));

            assertArrayEquals(new int[] {0, IommuStatus.ENOENT, IommuStatus.ERANGE}, bench.driver.statuses());
            assertEquals(DATA_MFN + 5, bench.driver.mfn(0));
            assertEquals(IommuMapOp.READABLE, bench.driver.flags(0));
            for (int i = 1; i < 3; i++) {
                assertEquals(77, bench.driver.mfn(i));
                assertEquals(88, bench.driver.flags(i));
            }
            assertEquals(1, IommuMapOp.bfn(bench.driver.memory(), 0));
            assertEquals(GuestDriver.OLD_STATUS, tail(bench, 3));
        }
    }

    /** The status word behind the array, which is nobody's business. */
    private static int tail(Bench bench, int index) {
        bench.driver.writeOne(index, Op.at(0), GuestDriver.OLD_STATUS);
        bench.driver.call(IommuOp.LOOKUP_PAGE, index);
        return bench.driver.status(index);
    }

    @ParameterizedTest
    @ValueSource(ints = {IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, IommuOp.LOOKUP_PAGE})
    void shouldNotTouchTheElementBehindTheArray(int subOp) {
        try (Bench bench = new Bench()) {
            bench.driver.write(Op.rw(1, DATA_MFN).run(4));
            bench.driver.call(subOp, 3);
            assertEquals(GuestDriver.OLD_STATUS, bench.driver.status(3));
        }
    }

    // query_caps.

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldTellWhatIsOffered(boolean cuts) {
        RecordingHost host = new RecordingHost(LAST_BFN, cuts);
        try (Bench bench = new Bench(Bench.policy(12_345, 4096, 678), host)) {
            bench.driver.memory().fill((byte) 0xee);
            assertEquals(0, bench.driver.call(IommuOp.QUERY_CAPS, 1));
            var caps = bench.driver.memory();
            assertEquals(IommuOp.ABI_VERSION, IommuCaps.abiVersion(caps, 0));
            int always = IommuCaps.CAP_CONTEXTS
                    | IommuCaps.CAP_RANGES
                    | IommuCaps.CAP_MIXED
                    | IommuCaps.CAP_LOOKUP
                    | IommuCaps.CAP_DEFER;
            assertEquals(always | (cuts ? IommuCaps.CAP_CUT : 0), IommuCaps.caps(caps, 0));
            assertEquals(LAST_BFN, IommuCaps.maxBfn(caps, 0));
            assertEquals(4096, IommuCaps.pageSizeMask(caps, 0));
            assertEquals(16, IommuCaps.maxContexts(caps, 0));
            assertEquals(678, IommuCaps.maxHeldFrames(caps, 0));
            assertEquals(12_345, IommuCaps.maxMappedFrames(caps, 0));
            for (byte behind : bench.driver.memory().asSlice(40, 100).toArray(ValueLayout.JAVA_BYTE)) {
                assertEquals((byte) 0xee, behind);
            }
        }
    }

    @Test
    void shouldAnswerOneCapsStructureOnly() {
        try (Bench bench = new Bench()) {
            assertEquals(IommuStatus.EINVAL, bench.driver.call(IommuOp.QUERY_CAPS, 2));
            bench.driver.placeArraysAt(ARRAY_PAGES * 4096L - 32);
            assertEquals(IommuStatus.EFAULT, bench.driver.call(IommuOp.QUERY_CAPS, 1));
            bench.driver.placeArraysAt(ARRAY_PAGES * 4096L - 40);
            assertEquals(0, bench.driver.call(IommuOp.QUERY_CAPS, 1));
        }
    }

    @Test
    void shouldOfferWhatTheCapabilityBitsSay() {
        try (Bench bench = new Bench()) {
            bench.driver.call(IommuOp.QUERY_CAPS, 1);
            int caps = IommuCaps.caps(bench.driver.memory(), 0);
            for (int subOp = IommuOp.QUERY_CAPS; subOp <= IommuOp.MIXED; subOp++) {
                int needed = IommuOp.neededCapability(subOp);
                if (needed != 0) {
                    boolean refused = bench.driver.call(subOp, 0) == IommuStatus.EOPNOTSUPP;
                    assertEquals((caps & needed) == 0, refused, IommuOp.name(subOp));
                }
            }
        }
    }

    @Test
    void shouldCountWhatHappened() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN), Op.rw(2, DATA_MFN + 1), Op.rw(2, DATA_MFN));
            bench.driver.lookup(Op.at(1), Op.at(9));
            bench.driver.unmap(Op.at(1), Op.at(9));
            GuestStats stats = bench.guest.stats();
            assertEquals(3, stats.calls());
            assertEquals(7, stats.operations());
            assertEquals(2, stats.maps());
            assertEquals(1, stats.unmaps());
            assertEquals(3, stats.failures());
            assertEquals(1, stats.flushes());
            assertEquals(0, stats.earlyFlushes());
            assertEquals(0, stats.flushFailures());
            assertEquals(1, stats.mappedFrames());
            assertEquals(0, stats.heldFrames());
            assertEquals(4, stats.tablePages());
            assertEquals(ARRAY_PAGES + Bench.DATA_PAGES, stats.registeredFrames());
        }
    }

    @Test
    void shouldCountOperationsThatTheLogHadNoRoomFor() {
        try (Bench bench = new Bench()) {
            bench.log.refuse(true, true);
            bench.driver.map(Op.rw(1, DATA_MFN).run(5));
            assertEquals(5, bench.guest.stats().failures());
            assertEquals(5, bench.guest.stats().operations(), "each of them got a status");
        }
    }
}
