package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.abi.IommuStatus.EADDRINUSE;
import static org.pviommu.abi.IommuStatus.EINVAL;
import static org.pviommu.abi.IommuStatus.EIO;
import static org.pviommu.abi.IommuStatus.ENOENT;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.DATA_PAGES;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.TestMemory;

/** Removals whose flush the guest asks for itself: frames stay held and bus frames owed until then, whatever comes between. */
class DeferredFlushTest {

    private static int deferred(int subOp, int context) {
        return IommuOp.cmd(subOp, IommuOp.F_DEFER, context);
    }

    private static void mapIn(Bench bench, int context, long bfn, long mfn, int pages) {
        bench.driver.run(
                IommuOp.cmd(IommuOp.MAP_PAGE, 0, context), Op.rw(bfn, mfn).run(pages));
        assertEquals(0, bench.driver.status(pages - 1));
    }

    private static void deferIn(Bench bench, int context, long bfn, int pages) {
        assertEquals(
                0,
                bench.driver.run(
                        deferred(IommuOp.UNMAP_PAGE, context), Op.at(bfn).run(pages)));
        assertArrayEquals(new int[pages], bench.driver.statuses());
    }

    @ParameterizedTest
    @ValueSource(ints = {IommuOp.UNMAP_PAGE, IommuOp.UNMAP_RANGE, IommuOp.MIXED})
    void shouldHoldFramesOverCallsUntilTheFlush(int subOp) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN), Op.rw(5, DATA_MFN + 5));
            bench.host.forgetCalls();
            Element element = switch (subOp) {
                case IommuOp.UNMAP_PAGE -> Op.at(1);
                case IommuOp.UNMAP_RANGE -> RangeOp.at(1, 2);
                default -> MixedOp.unmap(1);
            };
            assertEquals(0, bench.driver.run(deferred(subOp, 0), element));
            assertEquals(0, bench.driver.status(0));
            assertEquals(List.of("unmap 0"), bench.host.order());
            assertEquals(SliceRecord.Flush.NONE, bench.log.last().flush());

            for (int call = 0; call < 3; call++) {
                bench.driver.lookup(Op.at(1));
                assertEquals(ENOENT, bench.driver.status(0));
                bench.driver.map(Op.rw(1, DATA_MFN + 9));
                assertEquals(EADDRINUSE, bench.driver.status(0));
                bench.driver.run(deferred(IommuOp.UNMAP_PAGE, 0), Op.at(1));
                assertEquals(ENOENT, bench.driver.status(0));
                bench.driver.run(deferred(IommuOp.UNMAP_RANGE, 0), RangeOp.at(0, 4));
                assertEquals(ENOENT, bench.driver.status(0), "owed is not mapped");
                assertEquals(1, bench.holds(DATA_MFN));
                assertEquals(1, bench.hostSpace().stalePages());
                assertNull(bench.space().translate(1));
            }
            assertEquals(0, bench.host.count(Kind.FLUSH));
            bench.log.forget();
            assertEquals(0, bench.driver.flush(0));
            assertEquals(
                    List.of(new FrameRange(1, 1)), bench.host.calls().getLast().flushed());
            assertEquals(IommuOp.FLUSH, bench.log.last().subOp());
            assertEquals(0, bench.log.last().operations());
            assertEquals(SliceRecord.Flush.DONE, bench.log.last().flush());
            assertEquals(0, bench.holds(DATA_MFN));
            bench.driver.map(Op.rw(1, DATA_MFN + 9));
            assertEquals(0, bench.driver.status(0));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {5, 99})
    void shouldBeFlushedByTheNextCallThatRemovesWithoutDeferring(long bfn) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN), Op.rw(5, DATA_MFN + 5));
            deferIn(bench, 0, 1, 1);
            bench.driver.unmapRun(bfn, 1);
            assertEquals(bfn == 5 ? 0 : ENOENT, bench.driver.status(0));
            assertEquals(0, bench.space().owedPages());
        }
    }

    @Test
    void shouldActOnTheNamedAddressSpaceOnly() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            mapIn(bench, 0, 1, DATA_MFN, 1);
            mapIn(bench, context, 1, DATA_MFN, 1);
            deferIn(bench, 0, 1, 1);
            deferIn(bench, context, 1, 1);
            assertEquals(2, bench.holds(DATA_MFN));
            bench.host.forgetCalls();
            assertEquals(0, bench.driver.flush(context));
            assertEquals(List.of("flush 1"), bench.host.order());
            assertEquals(context, bench.log.last().context());
            assertEquals(1, bench.holds(DATA_MFN));
            assertEquals(1, bench.space().owedPages());
            assertEquals(0, bench.driver.flush(0));
            assertEquals(0, bench.holds(DATA_MFN));
        }
    }

    @Test
    void shouldFlushEverythingTheGuestOwesAtTheBound() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            int second = bench.driver.allocContext();
            int third = bench.driver.allocContext();
            mapIn(bench, 0, 1, DATA_MFN, 8);
            mapIn(bench, second, 1, DATA_MFN, 8);
            mapIn(bench, third, 1, DATA_MFN, 8);
            deferIn(bench, 0, 1, 2);
            deferIn(bench, second, 1, 2);
            bench.host.forgetCalls();
            bench.log.forget();
            // The third address space owes nothing itself.
            deferIn(bench, third, 1, 1);
            assertEquals(List.of("flush 0", "flush 1", "unmap 2"), bench.host.order());
            assertEquals(
                    List.of(0, second, third),
                    bench.log.slices().stream().map(slice -> slice.context()).toList());
            assertEquals(1, bench.guest.stats().heldFrames());
            assertEquals(0, bench.space().owedPages());
        }
    }

    /** All of them, also when the one at work would make room enough (hypercall-abi: the bound on held frames). */
    @Test
    void shouldFlushTheOthersAtTheBoundEvenIfTheOwnFlushMakesRoom() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            int context = bench.driver.allocContext();
            mapIn(bench, 0, 1, DATA_MFN, 8);
            mapIn(bench, context, 1, DATA_MFN, 8);
            deferIn(bench, 0, 1, 2);
            bench.host.forgetCalls();
            bench.log.forget();
            deferIn(bench, context, 1, 3);
            assertEquals(List.of("unmap 1", "flush 1", "flush 0", "unmap 1"), bench.host.order());
            assertEquals(
                    List.of(2, 0, 1),
                    bench.log.slices().stream().map(slice -> slice.operations()).toList());
            assertEquals(0, bench.space().owedPages());
            assertEquals(1, bench.space(context).owedPages());
        }
    }

    @Test
    void shouldGoOnDeferringAfterTheBoundWasReached() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            mapIn(bench, 0, 1, DATA_MFN, 10);
            bench.host.forgetCalls();
            deferIn(bench, 0, 1, 10);
            assertEquals(2, bench.host.count(Kind.FLUSH), "at 4 and at 8");
            assertEquals(2, bench.space().owedPages());
            assertEquals(2, bench.guest.stats().heldFrames());
            assertEquals(1, bench.holds(DATA_MFN + 8));
            assertEquals(0, bench.holds(DATA_MFN + 7));
        }
    }

    /** Only what needed the room is refused; what was deferred before stays as it was. */
    @Test
    void shouldRefuseWhatNeedsAnEarlyFlushThatFails() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 2))) {
            int context = bench.driver.allocContext();
            mapIn(bench, 0, 1, DATA_MFN, 4);
            mapIn(bench, context, 1, DATA_MFN, 4);
            deferIn(bench, context, 1, 2);
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(0, bench.driver.run(deferred(IommuOp.UNMAP_PAGE, 0), Op.at(1), Op.at(9), Op.at(2)));
            assertArrayEquals(new int[] {EIO, ENOENT, EIO}, bench.driver.statuses());
            assertEquals(4, bench.space().mappedPages());
            assertEquals(2, bench.space(context).owedPages());
            bench.host.behave();
            deferIn(bench, 0, 1, 2);
            assertEquals(0, bench.space(context).owedPages());
        }
    }

    @Test
    void shouldFailAFlushAndSucceedLater() {
        try (Bench bench = new Bench()) {
            mapIn(bench, 0, 1, DATA_MFN, 3);
            deferIn(bench, 0, 1, 3);
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.host.forgetCalls();
            for (int attempt = 1; attempt <= 2; attempt++) {
                assertEquals(EIO, bench.driver.flush(0));
                assertEquals(attempt * AddressSpace.FLUSH_ATTEMPTS, bench.host.count(Kind.FLUSH));
                assertEquals(SliceRecord.Flush.FAILED, bench.log.last().flush());
                assertEquals(3, bench.guest.stats().heldFrames());
                assertEquals(1, bench.holds(DATA_MFN));
            }
            bench.host.behave();
            assertEquals(0, bench.driver.flush(0));
            bench.checkEmpty();
        }
    }

    @Test
    void shouldFlushBeforeMemoryIsUnregistered() {
        try (Bench bench = new Bench()) {
            TestMemory memory = new TestMemory(2);
            bench.register(0x9000, 2, memory);
            int context = bench.driver.allocContext();
            mapIn(bench, 0, 1, 0x9000, 1);
            mapIn(bench, context, 1, 0x9001, 1);
            deferIn(bench, 0, 1, 1);
            deferIn(bench, context, 1, 1);
            memory.observeClose(() -> assertEquals(0, bench.hostSpace().stalePages()));
            bench.host.answerAlways(Kind.FLUSH, -5);
            EngineException refused = assertThrows(EngineException.class, () -> bench.unregister(0x9000, 2));
            assertEquals(EngineException.Kind.BUSY, refused.kind());
            assertEquals(0, memory.closes());
            bench.host.behave();
            bench.unregister(0x9000, 2);
            assertEquals(1, memory.closes());
            bench.checkEmpty();
        }
    }

    /** What a call left owed is not this call's: only its own elements lose their success. */
    @Test
    void shouldNotCountAgainstTheQuotaOrALaterCall() {
        try (Bench bench = new Bench(Bench.policy(2, 100, 64))) {
            mapIn(bench, 0, 1, DATA_MFN, 2);
            deferIn(bench, 0, 1, 2);
            mapIn(bench, 0, 5, DATA_MFN, 2);
            assertEquals(2, bench.guest.stats().mappedFrames());
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(EIO, bench.driver.unmap(Op.at(5), Op.at(1)));
            assertArrayEquals(new int[] {EIO, ENOENT}, bench.driver.statuses());
            assertEquals(3, bench.space().owedPages());
        }
    }

    @Test
    void shouldTakeNoArrayForAFlush() {
        try (Bench bench = new Bench()) {
            mapIn(bench, 0, 1, DATA_MFN, 1);
            deferIn(bench, 0, 1, 1);
            for (int count : new int[] {1, -1, Integer.MIN_VALUE}) {
                assertEquals(EINVAL, bench.driver.call(IommuOp.FLUSH, count));
            }
            assertEquals(EINVAL, bench.driver.call(deferred(IommuOp.FLUSH, 0), 0));
            assertEquals(ENOENT, bench.driver.flush(3));
            assertEquals(1, bench.space().owedPages());
            assertEquals(0, bench.driver.executor().call(IommuOp.FLUSH, -3, 0), "arg means nothing without elements");
            assertEquals(0, bench.space().owedPages());
        }
    }

    @Test
    void shouldReleaseOwedFramesWhenTheGuestDies() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            mapIn(bench, context, 1, DATA_MFN, 4);
            deferIn(bench, context, 1, 2);
            bench.engine.removeGuest(bench.guest);
            assertEquals(1, bench.data.closes());
            assertEquals(0, bench.guest.stats().heldFrames());
            assertTrue(bench.host.space(1).isDestroyed());
        }
    }

    /** Long deferred calls in slices: no flush at a boundary, each slice a record without one. */
    @Test
    void shouldNotFlushAtSliceBoundaries() {
        try (Bench bench = new Bench()) {
            int pages = HypercallExecutor.SLICE_OPERATIONS + 5;
            Op[] maps = new Op[pages];
            Arrays.setAll(maps, i -> Op.rw(i, DATA_MFN + i % (DATA_PAGES - 1)));
            bench.driver.map(maps);
            bench.host.forgetCalls();
            bench.log.forget();
            deferIn(bench, 0, 0, pages);
            assertEquals(0, bench.host.count(Kind.FLUSH));
            assertEquals(2, bench.log.slices().size());
            assertTrue(bench.log.slices().stream().allMatch(slice -> slice.flush() == SliceRecord.Flush.NONE));
            assertEquals(pages, bench.guest.stats().heldFrames());
            assertEquals(0, bench.driver.flush(0));
            bench.checkEmpty();
        }
    }
}
