package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.abi.IommuStatus.EADDRINUSE;
import static org.pviommu.abi.IommuStatus.EBUSY;
import static org.pviommu.abi.IommuStatus.EINVAL;
import static org.pviommu.abi.IommuStatus.EIO;
import static org.pviommu.abi.IommuStatus.ENOENT;
import static org.pviommu.abi.IommuStatus.ENOSPC;
import static org.pviommu.abi.IommuStatus.ENXIO;
import static org.pviommu.abi.IommuStatus.ERANGE;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.DATA_PAGES;
import static org.pviommu.engine.Bench.ENDPOINT;
import static org.pviommu.engine.Bench.LAST_BFN;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;

/**
 * The fault catalogue's rows about the hypercall array that speak about mixed calls, ranges, contexts and deferred flushes.
 * {@link Bench#close} adds the row's "SAFE" to each test, in all address spaces.
 */
class CatalogueAOtherCallsTest {
    private static final int DEFERRED_UNMAP = IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0);

    @ParameterizedTest
    @ValueSource(ints = {0, IommuOp.QUERY_CAPS, IommuOp.LOOKUP_PAGE, IommuOp.MAP_RANGE, IommuOp.MIXED, 258, 0xffff})
    void A10_anUnknownSubOperationOfOneElementIsEinvalForThatElementOnly(int unknown) {
        try (Bench bench = new Bench()) {
            MixedOp bad = new MixedOp(unknown, 2, DATA_MFN + 1, 3);
            assertEquals(0, bench.driver.mixed(MixedOp.map(1, DATA_MFN), bad, bad, MixedOp.map(2, DATA_MFN + 1)));
            assertArrayEquals(new int[] {0, EINVAL, EINVAL, 0}, bench.driver.statuses());
            assertEquals(0, bench.driver.mixed(bad, MixedOp.unmap(1), bad, MixedOp.unmap(2)));
            assertArrayEquals(new int[] {EINVAL, 0, EINVAL, 0}, bench.driver.statuses());
            bench.checkEmpty();
        }
    }

    @Test
    void A13_aRangeOfNoPagesIsEinval() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(5, DATA_MFN));
            bench.host.forgetCalls();
            bench.driver.mapRange(RangeOp.rw(1, DATA_MFN, 0), RangeOp.rw(LAST_BFN + 1, DATA_MFN, 0));
            assertArrayEquals(new int[] {EINVAL, EINVAL}, bench.driver.statuses());
            bench.driver.unmapRange(RangeOp.at(5, 0));
            assertEquals(EINVAL, bench.driver.status(0));
            assertEquals(0, bench.driver.nrDone(0));
            assertEquals(List.of(), bench.host.calls());
            assertEquals(1, bench.space().mappedPages());
        }
    }

    @Test
    void A14_aRangeWhoseBfnsWrapIsEinvalBeforeAnyPageIsTouched() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(0, DATA_MFN));
            bench.host.forgetCalls();
            bench.driver.mapRange(RangeOp.rw(-1, DATA_MFN, 2), RangeOp.rw(-100, 0, 101));
            assertArrayEquals(new int[] {EINVAL, EINVAL}, bench.driver.statuses());
            bench.driver.unmapRange(
                    RangeOp.at(-1, 2), RangeOp.at(2, -1), RangeOp.at(Long.MIN_VALUE, Long.MIN_VALUE + 1));
            assertArrayEquals(new int[] {EINVAL, EINVAL, EINVAL}, bench.driver.statuses());
            assertEquals(0, bench.driver.nrDone(2));
            assertEquals(List.of(), bench.host.calls(Kind.UNMAP));
        }
    }

    @Test
    void A16_aRangeWhoseMfnsWrapIsEinvalAndHoldsNothing() {
        try (Bench bench = new Bench()) {
            bench.host.forgetCalls();
            bench.driver.mapRange(RangeOp.rw(1, -1, 2), RangeOp.rw(0, DATA_MFN, -DATA_MFN + 1), RangeOp.rw(1, -4, 5));
            assertArrayEquals(new int[] {EINVAL, EINVAL, EINVAL}, bench.driver.statuses());
            assertEquals(0, bench.driver.nrDone(1));
            assertEquals(List.of(), bench.host.calls());
            bench.checkEmpty();
        }
    }

    /** The range is not walked page by page: 2^36 - 1 pages of aperture, one of them mapped. */
    @ParameterizedTest
    @ValueSource(longs = {(1L << 32) - 1, HostCapabilities.MAX_LAST_BFN + 1, Long.MAX_VALUE, -1L << 12})
    void A17_aHugeRangeOverOnePageCostsWhatIsMapped(long pages) {
        RecordingHost host = new RecordingHost(HostCapabilities.MAX_LAST_BFN, true);
        try (Bench bench = new Bench(Bench.policy(100, 100, 64), host)) {
            long bfn = 0xffff_fff0L;
            bench.driver.map(Op.rw(bfn, DATA_MFN));
            bench.host.forgetCalls();
            bench.driver.unmapRange(RangeOp.at(0, pages));
            long inAperture = Long.compareUnsigned(pages, HostCapabilities.MAX_LAST_BFN + 1) > 0
                    ? HostCapabilities.MAX_LAST_BFN + 1
                    : pages;
            assertEquals(pages == inAperture ? 0 : ERANGE, bench.driver.status(0));
            assertEquals(inAperture, bench.driver.nrDone(0));
            assertEquals(List.of("unmap 0", "flush 0"), bench.host.order());
            bench.checkEmpty();
        }
    }

    @Test
    void A21_noDeviceReachesTheOldFrameAfterUnmapAndMapInOneArray() {
        try (Bench bench = new Bench()) {
            TestMemory old = new TestMemory(1);
            bench.register(0x9000, 1, old);
            bench.driver.map(Op.rw(3, 0x9000));
            bench.host.forgetCalls();
            bench.host.observe(call -> {
                if (call.kind() == Kind.FLUSH) {
                    assertEquals(1, bench.holds(0x9000), "held until the flush");
                    assertEquals(1, bench.holds(DATA_MFN));
                    assertTrue(bench.hostSpace().reaches(old));
                }
            });
            assertEquals(0, bench.driver.mixed(MixedOp.unmap(3), MixedOp.map(3, DATA_MFN)));
            assertArrayEquals(new int[2], bench.driver.statuses());
            assertEquals(List.of("unmap 0", "map 0", "flush 0"), bench.host.order());
            assertEquals(
                    List.of(new FrameRange(3, 3)), bench.host.calls().getLast().flushed());
            assertEquals(false, bench.hostSpace().reaches(old));
            bench.host.observe(ignored -> {});
            bench.unregister(0x9000, 1);
            assertEquals(1, old.closes());
        }
    }

    @Test
    void A21_whileADeferredFlushIsOwedTheMapIsRefused() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(3, DATA_MFN));
            assertEquals(0, bench.driver.run(DEFERRED_UNMAP, Op.at(3)));
            assertEquals(0, bench.driver.mixed(MixedOp.map(3, DATA_MFN + 1), MixedOp.unmap(3)));
            assertArrayEquals(new int[] {EADDRINUSE, ENOENT}, bench.driver.statuses());
            bench.driver.map(Op.rw(3, DATA_MFN + 1));
            assertEquals(0, bench.driver.status(0), "a call that removes flushes what is owed too");
        }
    }

    /** Declared: where the host can cut, what is asked for goes and the rest stays; where it cannot, -EBUSY and unchanged. */
    @ParameterizedTest
    @ValueSource(longs = {0, 3, 7})
    void A23_aPartOfALargeMapping(long from) {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 8));
            bench.host.forgetCalls();
            bench.driver.unmapRange(RangeOp.at(10 + from, 1));
            assertEquals(0, bench.driver.status(0));
            assertEquals(
                    List.of(new FrameRange(10 + from, 10 + from)),
                    bench.host.calls(Kind.FLUSH).getFirst().flushed());
            assertEquals(7, bench.space().mappedPages());
        }
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 8));
            for (long bfn = 10; bfn < 18; bfn++) {
                bench.host.refuseToCut(bfn);
            }
            bench.driver.unmapRange(RangeOp.at(10 + from, 1));
            assertEquals(EBUSY, bench.driver.status(0));
            assertEquals(0, bench.driver.nrDone(0));
            assertEquals(List.of(new Mapping(10, DATA_MFN, 8, 3)), bench.mappings());
        }
    }

    /** It removed more than was asked for: all of that is flushed and released. */
    @Test
    void A23_neverMoreRemovedThanFlushed() {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(510, DATA_MFN, 8));
            bench.host.answerOnce(Kind.UNMAP, 8);
            bench.host.forgetCalls();
            bench.driver.unmapRange(RangeOp.at(510, 2));
            assertEquals(0, bench.driver.status(0));
            assertEquals(2, bench.driver.nrDone(0));
            assertEquals(
                    List.of(new FrameRange(510, 517)),
                    bench.host.calls(Kind.FLUSH).getFirst().flushed());
            bench.checkEmpty();
        }
    }

    @Test
    void A24_aRangeWithHolesRemovesWhatIsThere() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(3, DATA_MFN), Op.rw(5, DATA_MFN + 5), Op.rw(700, DATA_MFN + 6));
            bench.driver.unmapRange(RangeOp.at(0, 1000), RangeOp.at(0, 1000));
            assertArrayEquals(new int[] {0, ENOENT}, bench.driver.statuses());
            assertEquals(1000, bench.driver.nrDone(0));
            assertEquals(1000, bench.driver.nrDone(1), "holes count as finished");
            bench.checkEmpty();
        }
    }

    /** Regions change under the guest's lock, so there is no moment between check and map; afterwards a held region stays. */
    @Test
    void A26_aMappedRegionCannotChangeHands() {
        try (Bench bench = new Bench()) {
            bench.register(0x9000, 2, new TestMemory(2));
            bench.host.observe(call -> {
                if (call.kind() == Kind.MAP) {
                    assertTrue(bench.guest.lock().isHeldByCurrentThread(), "nobody can take the frame away now");
                }
            });
            bench.driver.mapRange(RangeOp.rw(1, 0x9000, 2));
            EngineException busy = assertThrows(EngineException.class, () -> bench.unregister(0x9000, 2));
            assertEquals(EngineException.Kind.BUSY, busy.kind());
            bench.driver.unmapRange(RangeOp.at(1, 2));
            bench.unregister(0x9000, 2);
            bench.driver.mapRange(RangeOp.rw(1, 0x9000, 2));
            assertEquals(ENXIO, bench.driver.status(0));
        }
    }

    @Test
    void A27_lessAccessByRemappingIsFlushed() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(3, DATA_MFN));
            bench.host.forgetCalls();
            bench.driver.mixed(MixedOp.unmap(3), new MixedOp(IommuOp.MAP_PAGE, 3, DATA_MFN, 1));
            assertArrayEquals(new int[2], bench.driver.statuses());
            HostCall flush = bench.host.calls(Kind.FLUSH).getFirst();
            assertEquals(List.of(new FrameRange(3, 3)), flush.flushed());
            assertEquals(
                    new Translation(3, DATA_MFN, Access.READ), bench.space().translate(3));
            assertEquals(1, bench.holds(DATA_MFN));
        }
    }

    @Test
    void A28_contextZeroCannotBeFreed() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.host.forgetCalls();
            assertEquals(0, bench.driver.run(IommuOp.FREE_CONTEXT, new ContextOp(0)));
            assertEquals(EINVAL, bench.driver.status(0));
            assertEquals(List.of(), bench.host.calls());
            assertSame(bench.space(), bench.guest.attachment(ENDPOINT));
            assertEquals(1, bench.space().mappedPages());
        }
    }

    @Test
    void A29_anUnknownContextOfAnElementIsEnoent() {
        try (Bench bench = new Bench()) {
            for (int unknown : new int[] {1, 15, 16, 0xffff, 0x1_0000, -1, Integer.MIN_VALUE}) {
                assertEquals(ENOENT, bench.driver.freeContext(unknown));
                assertEquals(ENOENT, bench.driver.attach(ENDPOINT, unknown));
            }
            assertEquals(1, bench.guest.addressSpaces().size());
            assertEquals(0, bench.driver.attach(ENDPOINT, 0));
        }
    }

    @Test
    void A30_aContextWithEndpointsIsBusyAndOneWithFramesIsDrained() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            bench.driver.run(
                    IommuOp.cmd(IommuOp.MAP_PAGE, 0, context),
                    Op.rw(1, DATA_MFN).run(4));
            bench.driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, context), Op.at(1));
            bench.driver.attach(ENDPOINT, context);
            bench.host.forgetCalls();
            assertEquals(EBUSY, bench.driver.freeContext(context));
            assertEquals(List.of(), bench.host.calls());
            assertEquals(3, bench.space(context).mappedPages());

            bench.driver.attach(ENDPOINT, 0); // flushes what was deferred
            bench.driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, context), Op.at(2));
            bench.host.forgetCalls();
            assertEquals(0, bench.driver.freeContext(context));
            assertEquals(List.of("unmap 1", "flush 1", "destroy 1"), bench.host.order());
            assertTrue(bench.host.calls(Kind.FLUSH).getFirst().wholeSpace());
            bench.checkEmpty();
        }
    }

    @Test
    void A31_aContextNumberIsNotHandedOutBeforeItsFlush() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            bench.driver.run(IommuOp.cmd(IommuOp.MAP_PAGE, 0, context), Op.rw(1, DATA_MFN));
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(EIO, bench.driver.freeContext(context));
            assertEquals(1, bench.holds(DATA_MFN));
            assertTrue(bench.driver.allocContext() != context, "its old translations may still be cached");
            bench.host.behave();
            assertEquals(0, bench.driver.freeContext(context));
            assertEquals(context, bench.driver.allocContext());
            assertNull(bench.space(context).translate(1));
        }
    }

    @Test
    void A32_aMillionContextsAreStoppedByTheQuota() {
        try (Bench bench = new Bench()) {
            int n = 1_000_000;
            TestMemory array = new TestMemory(n * 8L / 4096 + 1);
            bench.register(0x1_0000, array.segment().byteSize() / 4096, array);
            try (GuestDriver driver = new GuestDriver(bench.engine, bench.guest, array, 0x1_0000)) {
                for (int i = 0; i < n; i++) {
                    driver.writeOne(i, ContextOp.any(), 0);
                }
                assertEquals(0, driver.call(IommuOp.ALLOC_CONTEXT, n));
                int[] expected = new int[n];
                Arrays.fill(expected, 15, n, ENOSPC);
                assertArrayEquals(expected, driver.statuses());
                assertEquals(15, driver.ctxNo(14));
                assertEquals(16, bench.guest.addressSpaces().size());
                assertEquals(16, bench.host.count(Kind.CREATE), "the host is not asked beyond the quota");
                assertEquals(16, bench.guest.stats().tablePages());
            }
        }
    }

    /** A batch on the old context keeps the guest's lock to its end, so a re-attachment waits for its flush and publication. */
    @Test
    void A35_aReattachmentWaitsForTheBatchAndFlushesTheOldContext() throws InterruptedException {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            bench.driver.map(Op.rw(1, DATA_MFN).run(DATA_PAGES - 1));
            TestMemory otherArray = new TestMemory(1);
            bench.register(0x9000, 1, otherArray);
            try (GuestDriver otherCpu = new GuestDriver(bench.engine, bench.guest, otherArray, 0x9000)) {
                Thread attaching = new Thread(() -> otherCpu.attach(ENDPOINT, context));
                bench.host.forgetCalls();
                bench.host.observe(call -> {
                    if (call.kind() == Kind.UNMAP && !attaching.isAlive()) {
                        attaching.start();
                    }
                });
                bench.driver.unmapRange(RangeOp.at(1, DATA_PAGES));
                attaching.join(60_000);
                assertEquals(List.of("unmap 0", "flush 0", "detach 0", "attach 1"), bench.host.order());
                assertEquals(0, otherCpu.status(0));
                assertSame(bench.space(context), bench.guest.attachment(ENDPOINT));
            }
        }
    }

    @Test
    void A35_whatTheOldContextOwesIsFlushedBeforeTheNewOneServes() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.driver.run(DEFERRED_UNMAP, Op.at(1));
            bench.host.forgetCalls();
            assertEquals(0, bench.driver.attach(ENDPOINT, context));
            assertEquals(List.of("flush 0", "detach 0", "attach 1"), bench.host.order());
            assertEquals(0, bench.holds(DATA_MFN));
        }
    }

    @Test
    void A37_aFlushWithNothingOwedMakesNoHostCallAndNoRecord() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            int context = bench.driver.allocContext();
            bench.host.forgetCalls();
            bench.log.forget();
            assertEquals(0, bench.driver.flush(0));
            assertEquals(0, bench.driver.flush(context));
            assertEquals(List.of(), bench.host.calls());
            assertEquals(List.of(), bench.log.slices());
        }
    }
}
