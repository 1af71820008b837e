package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.pviommu.engine.Bench.ARRAY_PAGES;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.ENDPOINT;
import static org.pviommu.engine.Bench.LAST_BFN;
import static org.pviommu.engine.Bench.MSI_FIRST;
import static org.pviommu.engine.Bench.MSI_LAST;
import static org.pviommu.engine.Bench.NO_MFN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.abi.IommuReservedRange;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.AttachOp;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;

/** What holds for each of the twelve sub-operations: modifiers, which error comes first, which words are written. */
class CallRulesTest {

    static IntStream subOps() {
        return IntStream.rangeClosed(IommuOp.QUERY_CAPS, IommuOp.MIXED);
    }

    private static boolean hasArray(int subOp) {
        return subOp != IommuOp.FLUSH;
    }

    @ParameterizedTest
    @MethodSource("subOps")
    void shouldTakeNoModifierButDeferOnRemovals(int subOp) {
        boolean removes = subOp == IommuOp.UNMAP_PAGE || subOp == IommuOp.UNMAP_RANGE || subOp == IommuOp.MIXED;
        int before = subOp == IommuOp.QUERY_RESERVED ? 2 : 0;
        try (Bench bench = new Bench()) {
            assertEquals(before, bench.driver.call(IommuOp.cmd(subOp, 0, 0), 0));
            int deferred = IommuOp.cmd(subOp, IommuOp.F_DEFER, 0);
            assertEquals(removes ? 0 : IommuStatus.EINVAL, bench.driver.call(deferred, 0));
            for (int bit = 9; bit < 16; bit++) {
                assertEquals(IommuStatus.EINVAL, bench.driver.call(IommuOp.cmd(subOp, 1 << bit, 0), 0));
                assertEquals(IommuStatus.EINVAL, bench.driver.call(deferred | 1 << bit, 0));
            }
            assertEquals(0, bench.log.reservations());
        }
    }

    /** Everything is wrong at once; then one fault after the other is taken away. */
    @ParameterizedTest
    @MethodSource("subOps")
    void shouldReportFaultsInTheirOrder(int subOp) {
        List<Long> seen = new ArrayList<>();
        for (int right = 0; right <= 6; right++) {
            GuestPolicy policy = new GuestPolicy(right > 0, right > 1, 1 << 20, 100, 100, 64, 4, List.of());
            try (Bench bench = new Bench(policy)) {
                int sub = right > 2 ? subOp : 0x80 | subOp;
                int modifiers = right > 3 ? 0 : 0xf000;
                int context = right > 4 ? 0 : 9;
                long arg = (NO_MFN << 12) + (right > 5 ? 0 : 4);
                int count = hasArray(subOp) || right <= 5 ? 1 : 0;
                seen.add(bench.driver.executor().call(IommuOp.cmd(sub, modifiers, context), arg, count));
                assertEquals(0, bench.log.reservations());
            }
        }
        long last = hasArray(subOp) ? IommuStatus.EFAULT : 0;
        assertEquals(
                List.of(
                        (long) IommuStatus.ENOSYS,
                        (long) IommuStatus.EPERM,
                        (long) IommuStatus.EOPNOTSUPP,
                        (long) IommuStatus.EINVAL,
                        (long) IommuStatus.ENOENT,
                        (long) IommuStatus.EINVAL,
                        last),
                seen);
    }

    @ParameterizedTest
    @MethodSource("subOps")
    void shouldRefuseACountAboveTheLimitAndAnArrayThatWraps(int subOp) {
        try (Bench bench = new Bench()) {
            for (int count : new int[] {-1, Integer.MIN_VALUE}) {
                assertEquals(IommuStatus.EINVAL, bench.driver.call(subOp, count));
            }
            assertEquals(IommuStatus.EINVAL, bench.driver.executor().call(subOp, -8, 2));
        }
    }

    // What is written.

    private static Element[] elements(int subOp) {
        return switch (subOp) {
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE ->
                new Element[] {
                    RangeOp.rw(1, DATA_MFN, 4),
                    RangeOp.rw(3, DATA_MFN, 4),
                    RangeOp.rw(9, DATA_MFN, 0),
                    new RangeOp(20, NO_MFN, -1, 0x80),
                    RangeOp.rw(LAST_BFN, DATA_MFN, 3)
                };
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT ->
                new Element[] {new ContextOp(1), new ContextOp(2), new ContextOp(3), new ContextOp(0), new ContextOp(-1)
                };
            case IommuOp.ATTACH_DEVICE ->
                new Element[] {
                    new AttachOp(ENDPOINT, 0),
                    new AttachOp(5, 0),
                    new AttachOp(ENDPOINT, 7),
                    new AttachOp(ENDPOINT, 0, 9)
                };
            case IommuOp.MIXED ->
                new Element[] {
                    MixedOp.map(1, DATA_MFN),
                    MixedOp.map(1, DATA_MFN),
                    new MixedOp(IommuOp.UNMAP_PAGE, 1, -1, 0xffff),
                    new MixedOp(99, -1, -1, 7),
                    new MixedOp(IommuOp.MAP_PAGE, 3, DATA_MFN, 0x8003),
                    MixedOp.map(4, NO_MFN)
                };
            default ->
                new Element[] {Op.rw(1, DATA_MFN), Op.rw(1, DATA_MFN), new Op(2, NO_MFN, 77), Op.rw(LAST_BFN + 1, -1)};
        };
    }

    static IntStream subOpsWithStatuses() {
        return subOps().filter(subOp -> hasArray(subOp)
                && subOp != IommuOp.QUERY_CAPS
                && subOp != IommuOp.QUERY_RESERVED
                && subOp != IommuOp.LOOKUP_PAGE); // HypercallAbiTest has the outputs of lookup_page
    }

    @ParameterizedTest
    @MethodSource("subOpsWithStatuses")
    void shouldWriteOutputsOfEachElementAndNothingElse(int subOp) {
        for (int modifier : new int[] {0, IommuOp.F_DEFER}) {
            try (Bench bench = new Bench(new GuestPolicy(true, true, 1 << 20, 100, 100, 64, 4, List.of()))) {
                Element[] elements = elements(subOp);
                int bytes = (elements.length + 1) * elements[0].sizeBytes();
                bench.driver.write(elements);
                bench.driver.writeOne(elements.length, elements[0], GuestDriver.OLD_STATUS); // behind the array
                byte[] before = bench.driver.bytes(bytes);
                bench.driver.call(IommuOp.cmd(subOp, modifier, 0), elements.length);
                for (int i = 0; i < elements.length; i++) {
                    long at = (long) i * elements[0].sizeBytes();
                    boolean refused = modifier != 0 && bench.driver.status(i) == GuestDriver.OLD_STATUS;
                    if (!refused) {
                        restoreOutputs(bench, subOp, at, elements[i]);
                    }
                }
                assertArrayEquals(before, bench.driver.bytes(bytes));
            }
        }
    }

    /** Puts back what the call may write, after checking that it did. */
    private static void restoreOutputs(Bench bench, int subOp, long at, Element element) {
        MemorySegment memory = bench.driver.memory();
        long status = at + element.statusOffset();
        assertNotEquals(GuestDriver.OLD_STATUS, memory.get(ValueLayout.JAVA_INT, status));
        memory.set(ValueLayout.JAVA_INT, status, GuestDriver.OLD_STATUS);
        if (element instanceof RangeOp) {
            assertNotEquals(Element.OLD_WORD, IommuRangeOp.nrDone(memory, at));
            IommuRangeOp.putNrDone(memory, at, Element.OLD_WORD);
        }
        if (subOp == IommuOp.ALLOC_CONTEXT && element instanceof ContextOp asked) {
            IommuContextOp.putCtxNo(memory, at, asked.context());
        }
    }

    // query_reserved.

    @Test
    void shouldTellReservedRangesAsFarAsThereIsRoom() {
        List<ReservedRegion> regions = List.of(
                new ReservedRegion(new FrameRange(5, 5), ReservedRegion.Kind.IDENTITY),
                new ReservedRegion(new FrameRange(MSI_FIRST, MSI_LAST), ReservedRegion.Kind.MSI),
                new ReservedRegion(new FrameRange(LAST_BFN + 1, FrameRange.MAX_FRAME), ReservedRegion.Kind.RESERVED));
        RecordingHost host = new RecordingHost(LAST_BFN, true);
        EndpointDescriptor endpoint = new EndpointDescriptor(ENDPOINT, regions);
        try (Bench bench = new Bench(Bench.policy(100, 100, 64), host, List.of(endpoint))) {
            for (int room : new int[] {0, 1, 2, 3, 4, 100}) {
                bench.driver.memory().fill((byte) 0xee);
                assertEquals(3, bench.driver.call(IommuOp.QUERY_RESERVED, room));
                assertTold(bench, regions.subList(0, Math.min(3, room)));
            }
            assertEquals(0, bench.log.reservations());
        }
    }

    private static void assertTold(Bench bench, List<ReservedRegion> expected) {
        MemorySegment memory = bench.driver.memory();
        long at = 0;
        for (ReservedRegion region : expected) {
            assertEquals(region.bfns().first(), IommuReservedRange.firstBfn(memory, at));
            assertEquals(region.bfns().last(), IommuReservedRange.lastBfn(memory, at));
            assertEquals(region.kind().abiNumber(), IommuReservedRange.kind(memory, at));
            assertEquals(0, IommuReservedRange.reserved(memory, at));
            at += IommuReservedRange.SIZE;
        }
        assertEquals(0xeeee_eeee, memory.get(ValueLayout.JAVA_INT, at), "nothing behind them is written");
    }

    @Test
    void shouldFaultOnlyWhereARangeWouldBeWritten() {
        try (Bench bench = new Bench()) {
            bench.driver.placeArraysAt(ARRAY_PAGES * 4096L - 2 * IommuReservedRange.SIZE);
            assertEquals(2, bench.driver.call(IommuOp.QUERY_RESERVED, 2));
            assertEquals(2, bench.driver.call(IommuOp.QUERY_RESERVED, Integer.MAX_VALUE), "two are all there are");
            bench.driver.placeArraysAt(ARRAY_PAGES * 4096L - 2 * IommuReservedRange.SIZE + 8);
            bench.driver.memory().fill((byte) 0xee);
            assertEquals(IommuStatus.EFAULT, bench.driver.call(IommuOp.QUERY_RESERVED, 2));
            for (byte written : bench.driver.bytes(2 * IommuReservedRange.SIZE - 8)) {
                assertEquals((byte) 0xee, written);
            }
            assertEquals(2, bench.driver.call(IommuOp.QUERY_RESERVED, 1));
        }
    }

    @Test
    void shouldTellTheReservedRangesOfTheNamedAddressSpace() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            int query = IommuOp.cmd(IommuOp.QUERY_RESERVED, 0, context);
            assertEquals(0, bench.driver.call(query, 0));
            bench.driver.attach(ENDPOINT, context);
            assertEquals(2, bench.driver.call(query, 1));
            assertEquals(MSI_FIRST, IommuReservedRange.firstBfn(bench.driver.memory(), 0));
            assertEquals(0, bench.driver.call(IommuOp.QUERY_RESERVED, 1));
            assertEquals(IommuStatus.ENOENT, bench.driver.call(IommuOp.cmd(IommuOp.QUERY_RESERVED, 0, 5), 0));
        }
    }

    // lookup in other address spaces.

    @Test
    void shouldLookUpInTheNamedAddressSpace() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            bench.driver.run(IommuOp.cmd(IommuOp.MAP_RANGE, 0, context), RangeOp.rw(1, DATA_MFN, 2));
            bench.driver.run(IommuOp.cmd(IommuOp.LOOKUP_PAGE, 0, context), Op.at(2));
            assertEquals(DATA_MFN + 1, bench.driver.mfn(0));
            assertEquals(IommuMapOp.READABLE | IommuMapOp.WRITEABLE, bench.driver.flags(0));
            bench.driver.lookup(Op.at(2));
            assertEquals(IommuStatus.ENOENT, bench.driver.status(0));
        }
    }
}
