package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.DATA_PAGES;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordedSlice;
import org.pviommu.engine.support.TestMemory;

/** The seven steps of a batch, in order, as seen from the ports (docs/architecture.md, "The life of a batch"). */
class BatchStepsTest {

    /** Writes down each call of a port, with the state of the batch's first frame and status at that moment. */
    private static List<String> watch(Bench bench, long mfn) {
        List<String> events = new ArrayList<>();
        bench.log.observeReservations(() -> events.add("reserve" + state(bench, mfn)));
        bench.host.observe(call -> events.add(call.kind().name().toLowerCase(Locale.ROOT) + state(bench, mfn)));
        bench.log.observeCommits(slice -> events.add("commit " + slice.flush() + state(bench, mfn)));
        return events;
    }

    private static String state(Bench bench, long mfn) {
        boolean published = bench.driver.status(0) != GuestDriver.OLD_STATUS;
        return " holds=" + bench.holds(mfn) + (published ? " published" : "");
    }

    @Test
    void shouldMapInOrder() {
        try (Bench bench = new Bench()) {
            List<String> events = watch(bench, DATA_MFN);
            bench.driver.map(Op.rw(1, DATA_MFN).run(3));
            assertEquals(List.of("reserve holds=0", "map holds=1", "commit NONE holds=1"), events);
            assertEquals(0, bench.driver.status(0));
        }
    }

    @Test
    void shouldUnmapInOrderAndReleaseAfterTheCommit() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(3));
            List<String> events = watch(bench, DATA_MFN);
            bench.driver.unmapRun(1, 3);
            assertEquals(List.of("reserve holds=1", "unmap holds=1", "flush holds=1", "commit DONE holds=1"), events);
            assertEquals(0, bench.holds(DATA_MFN));
            assertEquals(0, bench.driver.status(0));
        }
    }

    @Test
    void shouldFlushOnceAfterTheLastSliceAndHoldUntilThen() {
        try (Bench bench = new Bench()) {
            int n = 2 * HypercallExecutor.SLICE_OPERATIONS + 5;
            Op[] ops = new Op[n];
            Arrays.setAll(ops, i -> Op.rw(i, DATA_MFN + i % (DATA_PAGES - 1)));
            bench.driver.map(ops);
            int holds = bench.holds(DATA_MFN);
            bench.driver.write(ops);
            List<String> events = watch(bench, DATA_MFN);
            bench.driver.unmap(ops);
            List<String> others =
                    events.stream().filter(e -> !e.startsWith("unmap")).toList();
            String held = " holds=" + holds;
            assertEquals(
                    List.of(
                            "reserve" + held,
                            "commit NONE" + held,
                            "reserve" + held,
                            "commit NONE" + held,
                            "reserve" + held,
                            "flush" + held,
                            "commit DONE" + held),
                    others);
            assertEquals(0, bench.holds(DATA_MFN));
        }
    }

    @Test
    void shouldHoldFramesAndHideStatusesWhileAFlushFails() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            List<String> events = watch(bench, DATA_MFN);
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.driver.unmapRun(1, 1);
            assertEquals(
                    List.of(
                            "reserve holds=1",
                            "unmap holds=1",
                            "flush holds=1",
                            "flush holds=1",
                            "flush holds=1",
                            "commit FAILED holds=1"),
                    events);
            assertEquals(1, bench.holds(DATA_MFN));
        }
    }

    /** A reader that may have looked up the old translation keeps its frame from being let go. */
    @Test
    void shouldWaitForReadersBeforeFramesAreReleased() throws InterruptedException {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.driver.write(Op.at(1));
            assertWaitsForReader(bench, Kind.FLUSH, () -> bench.driver.unmapRun(1, 1));
            assertEquals(0, bench.driver.status(0));
        }
    }

    /** It may have seen the translation that the host then refused. */
    @Test
    void shouldWaitForReadersBeforeARefusedMapIsRolledBack() throws InterruptedException {
        try (Bench bench = new Bench()) {
            bench.host.answerOnce(Kind.MAP, -5);
            assertWaitsForReader(bench, Kind.MAP, () -> bench.driver.map(Op.rw(1, DATA_MFN)));
            assertEquals(IommuStatus.EIO, bench.driver.status(0));
        }
    }

    private static void assertWaitsForReader(Bench bench, Kind reached, Runnable call) throws InterruptedException {
        CountDownLatch atHost = new CountDownLatch(1);
        bench.host.observe(seen -> {
            if (seen.kind() == reached) {
                atHost.countDown();
            }
        });
        int section = bench.space().readers().enter();
        Thread caller = Thread.ofPlatform().start(call);
        try {
            assertTrue(atHost.await(60, TimeUnit.SECONDS));
            caller.join(30); // gives a batch that does not wait the time to be wrong
            assertTrue(caller.isAlive());
            assertEquals(1, bench.holds(DATA_MFN), "held while a reader may use it");
        } finally {
            bench.space().readers().exit(section);
        }
        caller.join(60_000);
        assertFalse(caller.isAlive());
        assertEquals(0, bench.holds(DATA_MFN));
    }

    @Test
    void shouldGiveTheHostOneMapPerContiguousRun() {
        try (Bench bench = new Bench()) {
            bench.host.forgetCalls();
            List<Op> ops = new ArrayList<>(List.of(Op.rw(10, DATA_MFN).run(4)));
            ops.addAll(List.of(Op.rw(14, DATA_MFN + 10).run(2))); // bfns go on, frames do not
            ops.addAll(List.of(Op.rw(20, DATA_MFN + 12).run(2))); // frames go on, bfns do not
            ops.addAll(List.of(Op.ro(22, DATA_MFN + 14).run(3))); // both go on, access does not
            bench.driver.map(ops.toArray(Op[]::new));
            assertEquals(List.of("10+4", "14+2", "20+2", "22+3"), ranges(bench, Kind.MAP));
        }
    }

    @Test
    void shouldEndARunAtTheEndOfItsRegion() {
        try (Bench bench = new Bench()) {
            bench.register(DATA_MFN + DATA_PAGES, 4, new TestMemory(4));
            bench.host.forgetCalls();
            // The frame before the border is the hypervisor's, so the run is laid over the border of the arrays'
            // region.
            bench.register(Bench.ARRAY_MFN + Bench.ARRAY_PAGES, 4, new TestMemory(4));
            bench.driver.map(Op.ro(0, Bench.ARRAY_MFN + Bench.ARRAY_PAGES - 2).run(4));
            assertEquals(List.of("0+2", "2+2"), ranges(bench, Kind.MAP));
            bench.host.forgetCalls();
            bench.driver.unmapRun(0, 4);
            assertEquals(List.of("0+4"), ranges(bench, Kind.UNMAP), "frames are contiguous, so one removal is enough");
            assertArrayEquals(new int[4], bench.driver.statuses());
        }
    }

    @Test
    void shouldCrossLeavesInOneRun() {
        try (Bench bench = new Bench()) {
            bench.host.forgetCalls();
            bench.driver.map(Op.rw(500, DATA_MFN).run(600));
            assertEquals(List.of("500+600"), ranges(bench, Kind.MAP));
            bench.driver.unmapRun(500, 600);
            assertEquals(List.of("500+600"), ranges(bench, Kind.UNMAP));
            bench.checkEmpty();
        }
    }

    private static List<String> ranges(Bench bench, Kind kind) {
        return bench.host.calls(kind).stream()
                .map(call -> call.first() + "+" + call.pages())
                .toList();
    }

    /** Each operation sees the true outcome of those before it: the host refuses the run, so the bfn is free again. */
    @Test
    void shouldCloseTheRunBeforeTheNextOperationIsChecked() {
        try (Bench bench = new Bench()) {
            bench.host.answerOnce(Kind.MAP, -12);
            bench.driver.map(Op.rw(1, DATA_MFN), Op.rw(2, DATA_MFN + 1), Op.rw(1, DATA_MFN + 5));
            assertArrayEquals(new int[] {IommuStatus.ENOMEM, IommuStatus.ENOMEM, 0}, bench.driver.statuses());
            assertEquals(new Translation(1, DATA_MFN + 5, 3), bench.space().translate(1));
            assertNull(bench.space().translate(2));
        }
    }

    /** With a quota of 2: the refused run gives its quota back before the third operation is checked. */
    @Test
    void shouldCheckTheQuotaAgainstTrueOutcomes() {
        try (Bench bench = new Bench(Bench.policy(2, 64, 64))) {
            bench.host.answerOnce(Kind.MAP, -5);
            bench.driver.map(Op.rw(1, DATA_MFN), Op.rw(2, DATA_MFN + 1), Op.rw(9, DATA_MFN + 5));
            assertArrayEquals(new int[] {IommuStatus.EIO, IommuStatus.EIO, 0}, bench.driver.statuses());
        }
    }

    @Test
    void shouldFlushExactlyWhatWasRemoved() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(20));
            bench.driver.map(Op.rw(100, DATA_MFN).run(20));
            bench.host.forgetCalls();
            bench.driver.unmap(
                    Op.at(10),
                    Op.at(11),
                    Op.at(50),
                    Op.at(105),
                    Op.at(104),
                    Op.at(12),
                    Op.at(10),
                    Op.at(119),
                    Op.at(120));
            HostCall flush = bench.host.calls(Kind.FLUSH).getFirst();
            assertEquals(
                    List.of(
                            new FrameRange(10, 11),
                            new FrameRange(104, 105),
                            new FrameRange(12, 12),
                            new FrameRange(119, 119)),
                    flush.flushed());
        }
    }

    @Test
    void shouldFlushTheWholeSpacePastTheThreshold() {
        try (Bench bench = new Bench()) {
            int n = IotlbGather.MAX_RANGES + 1;
            Op[] ops = new Op[n];
            Arrays.setAll(ops, i -> Op.rw(i * 3L, DATA_MFN + i));
            bench.driver.map(ops);
            bench.host.forgetCalls();
            bench.driver.unmap(ops);
            HostCall flush = bench.host.calls(Kind.FLUSH).getFirst();
            assertEquals(true, flush.wholeSpace());
            assertEquals(List.of(), flush.flushed());
            bench.checkEmpty();
        }
    }

    @Test
    void shouldRecordTheOperationsWithTheirStatuses() {
        try (Bench bench = new Bench()) {
            Op[] ops = {Op.rw(1, DATA_MFN), new Op(2, 3, 4), Op.rw(1, DATA_MFN)};
            bench.driver.map(ops);
            RecordedSlice slice = bench.log.last();
            assertEquals(Bench.GUEST, slice.guestId());
            assertEquals(0, slice.context());
            assertEquals(2, slice.subOp());
            assertEquals(3, slice.operations());
            int[] expected = {0, IommuStatus.EINVAL, IommuStatus.EADDRINUSE};
            for (int i = 0; i < 3; i++) {
                assertEquals(ops[i], new Op(slice.bfn(i), slice.mfn(i), slice.flags(i)));
                assertEquals(expected[i], slice.status(i));
            }
        }
    }

    @Test
    void shouldNotRecordLookups() {
        try (Bench bench = new Bench()) {
            bench.driver.lookup(Op.at(1), Op.at(2));
            assertEquals(0, bench.log.reservations());
            assertEquals(List.of(), bench.log.slices());
        }
    }
}
