package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.DATA_MFN;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordedSlice;

/** What becomes of a batch when the host IOMMU or the log says no. */
class HostRefusalTest {
    private static final int EIO = IommuStatus.EIO;
    private static final int EBUSY = IommuStatus.EBUSY;
    private static final int ENOENT = IommuStatus.ENOENT;

    // Maps.

    @ParameterizedTest
    @CsvSource({"-12,-12", "-28,-28", "-5,-5", "-16,-5", "-17,-5", "-22,-5", "-95,-5", "-4095,-5"})
    void D18_aRunThatTheHostRefusesIsRolledBack(int hostResult, int expected) {
        try (Bench bench = new Bench()) {
            bench.host.answerOnce(Kind.MAP, hostResult);
            assertEquals(0, bench.driver.map(Op.rw(510, DATA_MFN).run(600)));
            int[] statuses = new int[600];
            Arrays.fill(statuses, expected);
            assertArrayEquals(statuses, bench.driver.statuses());
            assertEquals(0, bench.holds(DATA_MFN));
            assertEquals(600, bench.guest.stats().failures());
            assertEquals(0, bench.guest.stats().maps());
            assertEquals(expected, bench.log.last().status(599));
            bench.checkEmpty();

            bench.driver.map(Op.rw(510, DATA_MFN));
            assertEquals(0, bench.driver.status(0));
        }
    }

    @Test
    void shouldKeepTheRunsBeforeAndBehindARefusedOne() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(30, DATA_MFN + 9)); // shares the leaf with the refused run
            bench.host.answerOnce(Kind.MAP, -5);
            bench.driver.map(Op.rw(1, DATA_MFN), Op.rw(10, DATA_MFN + 4), Op.rw(20, DATA_MFN + 2));
            assertArrayEquals(new int[] {EIO, 0, 0}, bench.driver.statuses());
            assertEquals(3, bench.space().mappedPages());
        }
    }

    // Unmaps.

    @Test
    void shouldLeaveSinglePagesThatCannotBeCut() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(8));
            bench.host.refuseToCut(12);
            bench.host.refuseToCut(13);
            bench.host.refuseToCut(17);
            assertEquals(0, bench.driver.unmapRun(10, 8));
            assertArrayEquals(new int[] {0, 0, EBUSY, EBUSY, 0, 0, 0, EBUSY}, bench.driver.statuses());
            assertEquals(
                    List.of(new Mapping(12, DATA_MFN + 2, 2, 3), new Mapping(17, DATA_MFN + 7, 1, 3)),
                    bench.mappings());
            assertEquals(
                    List.of(new FrameRange(10, 11), new FrameRange(14, 16)),
                    bench.host.calls(Kind.FLUSH).getFirst().flushed());
            assertEquals(1, bench.holds(DATA_MFN + 2));
            assertEquals(0, bench.holds(DATA_MFN + 4));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {-5, -2, -22, 0})
    void D09_whatIsLeftOfAShortUnmapIsRefusedAndStaysMapped(long hostResult) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(6));
            bench.host.forgetCalls();
            bench.host.answerOnce(Kind.UNMAP, 2);
            bench.host.answerOnce(Kind.UNMAP, hostResult);
            assertEquals(0, bench.driver.unmapRun(10, 6));
            assertArrayEquals(new int[] {0, 0, EIO, EIO, EIO, EIO}, bench.driver.statuses());
            assertEquals(2, bench.host.count(Kind.UNMAP));
            assertEquals(List.of(new Mapping(12, DATA_MFN + 2, 4, 3)), bench.mappings());
        }
    }

    @Test
    void shouldNotFlushWhenNothingWasRemoved() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(6));
            bench.host.answerOnce(Kind.UNMAP, -5);
            bench.driver.unmapRun(10, 6);
            assertEquals(0, bench.host.count(Kind.FLUSH));
        }
    }

    @Test
    void D09_shortUnmapsAreGoneOnWith() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(6));
            bench.host.answerOnce(Kind.UNMAP, 1);
            bench.host.answerOnce(Kind.UNMAP, 3);
            bench.driver.unmapRun(10, 6);
            assertArrayEquals(new int[6], bench.driver.statuses());
            assertEquals(3, bench.host.count(Kind.UNMAP));
            assertEquals(1, bench.host.count(Kind.FLUSH));
            bench.checkEmpty();
        }
    }

    /** The host removed a larger piece than was asked: the rest of it is gone too, so it is owed, flushed and released. */
    @Test
    void D10_whatTheHostRemovedUnaskedIsOwedToo() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(508, DATA_MFN).run(8)); // over a leaf border
            bench.driver.map(Op.rw(2000, DATA_MFN + 20));
            bench.host.answerOnce(Kind.UNMAP, 4096);
            bench.driver.unmap(Op.at(508), Op.at(510), Op.at(2000), Op.at(600));
            assertArrayEquals(new int[] {0, ENOENT, ENOENT, ENOENT}, bench.driver.statuses());
            assertEquals(0, bench.holds(DATA_MFN + 7));
            assertEquals(0, bench.holds(DATA_MFN + 20));
            bench.checkEmpty();
        }
    }

    @Test
    void D10_moreOwedFramesThanTheListHasRoomFor() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 1))) {
            Op[] ops = new Op[20];
            Arrays.setAll(ops, i -> Op.rw(100 + i, DATA_MFN + 2L * i)); // no two of them make a run
            bench.driver.map(ops);
            bench.host.answerOnce(Kind.UNMAP, 20);
            bench.driver.unmap(Op.at(100));
            assertEquals(0, bench.driver.status(0));
            bench.checkEmpty();
        }
    }

    @Test
    void D10_aRemovalBeyondTheApertureChangesNothingElse() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(Bench.LAST_BFN - 1, DATA_MFN).run(2));
            bench.host.answerOnce(Kind.UNMAP, 1 << 20);
            bench.driver.unmap(Op.at(Bench.LAST_BFN - 1));
            bench.checkEmpty();
        }
    }

    // Flush.

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void D11_aFlushIsRetried(int failures) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(6));
            bench.host.forgetCalls();
            for (int i = 0; i < failures; i++) {
                bench.host.answerOnce(Kind.FLUSH, -5);
            }
            assertEquals(0, bench.driver.unmapRun(10, 6));
            assertEquals(failures + 1, bench.host.count(Kind.FLUSH));
            assertEquals(0, bench.guest.stats().flushFailures());
            bench.checkEmpty();
        }
    }

    @Test
    void D11_noSuccessIsReportedWithoutAFlush() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(3));
            bench.host.forgetCalls();
            bench.host.answerAlways(Kind.FLUSH, -5);

            assertEquals(EIO, bench.driver.unmap(Op.at(10), Op.at(99), Op.at(11)));

            assertArrayEquals(new int[] {EIO, ENOENT, EIO}, bench.driver.statuses());
            assertEquals(AddressSpace.FLUSH_ATTEMPTS, bench.host.count(Kind.FLUSH));
            assertEquals(1, bench.guest.stats().flushFailures());
            assertEquals(2, bench.guest.stats().heldFrames());
            assertEquals(1, bench.guest.stats().mappedFrames(), "what is owed does not count against the quota");
            assertEquals(1, bench.holds(DATA_MFN));
            assertEquals(SliceRecord.Flush.FAILED, bench.log.last().flush());
            assertEquals(EIO, bench.log.last().status(0), "the record has what the guest sees");

            bench.driver.map(Op.rw(10, DATA_MFN + 50));
            assertEquals(IommuStatus.EADDRINUSE, bench.driver.status(0));
            bench.driver.lookup(Op.at(10));
            assertEquals(ENOENT, bench.driver.status(0));
            bench.driver.unmapRun(10, 1); // nothing to remove, but the flush is tried again, and fails again
            assertEquals(ENOENT, bench.driver.status(0));
            assertEquals(2, bench.guest.stats().flushFailures());
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {12, 99})
    void D11_whatIsOwedIsReleasedWithTheNextUnmapThatFlushes(long nextBfn) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(3));
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.driver.unmapRun(10, 2);
            bench.host.behave();
            bench.host.forgetCalls();

            assertEquals(0, bench.driver.unmapRun(nextBfn, 1));

            FrameRange first = new FrameRange(10, nextBfn == 12 ? 12 : 11);
            assertEquals(List.of(first), bench.host.calls(Kind.FLUSH).getFirst().flushed());
            assertEquals(0, bench.holds(DATA_MFN));
            assertEquals(0, bench.space().owedPages());
            bench.driver.map(Op.rw(10, DATA_MFN + 50));
            assertEquals(0, bench.driver.status(0));
        }
    }

    @Test
    void shouldFailTheStatusesOfAllSlicesWhenTheOneFlushFails() {
        try (Bench bench = new Bench()) {
            int n = HypercallExecutor.SLICE_OPERATIONS + 10;
            Op[] ops = new Op[n];
            Arrays.setAll(ops, i -> Op.rw(i, DATA_MFN + i % 1000));
            bench.driver.map(ops);
            ops[5] = Op.at(n + 7);
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(EIO, bench.driver.unmap(ops));
            int[] expected = new int[n];
            Arrays.fill(expected, EIO);
            expected[5] = ENOENT;
            assertArrayEquals(expected, bench.driver.statuses());
        }
    }

    // Early flush at the bound on held frames.

    @Test
    void shouldFlushEarlyAtTheBound() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(10));
            bench.host.forgetCalls();
            bench.log.forget();
            List<Long> heldAtCommit = new ArrayList<>();
            bench.log.observeCommits(
                    slice -> heldAtCommit.add(bench.guest.stats().heldFrames()));

            assertEquals(0, bench.driver.unmapRun(10, 10));

            assertArrayEquals(new int[10], bench.driver.statuses());
            assertEquals(3, bench.host.count(Kind.FLUSH));
            assertEquals(2, bench.guest.stats().earlyFlushes());
            assertEquals(List.of(4L, 4L, 2L), heldAtCommit, "frames are let go after the record of their flush");
            assertEquals(List.of(4, 4, 2), operations(bench.log.slices()));
            assertTrue(bench.log.slices().stream().allMatch(slice -> slice.flush() == SliceRecord.Flush.DONE));
            assertEquals(10, bench.log.slices().getFirst().bfn(0));
            assertEquals(14, bench.log.slices().get(1).bfn(0));
            assertEquals(18, bench.log.slices().get(2).bfn(0));
            bench.checkEmpty();
        }
    }

    private static List<Integer> operations(List<RecordedSlice> slices) {
        return slices.stream().map(RecordedSlice::operations).toList();
    }

    @Test
    void shouldNotFlushEarlyForElementsThatRemoveNothing() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(4));
            bench.host.forgetCalls();
            bench.driver.unmapRun(10, 10);
            assertEquals(1, bench.host.count(Kind.FLUSH));
            assertEquals(0, bench.guest.stats().earlyFlushes());
        }
    }

    /** Only the elements that needed the room are refused, and the final flush still decides about the others. */
    @Test
    void shouldRefuseOnlyWhatNeededAnEarlyFlushThatFailed() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(10));
            for (int i = 0; i < AddressSpace.FLUSH_ATTEMPTS; i++) {
                bench.host.answerOnce(Kind.FLUSH, -5);
            }
            bench.host.forgetCalls();

            assertEquals(0, bench.driver.unmapRun(10, 10));

            assertArrayEquals(new int[] {0, 0, 0, 0, EIO, EIO, EIO, EIO, EIO, EIO}, bench.driver.statuses());
            assertEquals(AddressSpace.FLUSH_ATTEMPTS + 1, bench.host.count(Kind.FLUSH), "tried once a call");
            assertEquals(List.of(new Mapping(14, DATA_MFN + 4, 6, 3)), bench.mappings());
            assertEquals(0, bench.space().owedPages());
        }
    }

    @Test
    void shouldKeepTheSuccessesThatAnEarlyFlushCoveredWhenTheFinalOneFails() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(6));
            bench.host.observe(call -> {
                if (call.kind() == Kind.UNMAP && call.first() == 14) {
                    bench.host.answerAlways(Kind.FLUSH, -5); // the early flush was fine
                }
            });
            assertEquals(EIO, bench.driver.unmapRun(10, 6));
            assertArrayEquals(new int[] {0, 0, 0, 0, EIO, EIO}, bench.driver.statuses());
            assertEquals(2, bench.space().owedPages());
            assertEquals(0, bench.holds(DATA_MFN));
            assertEquals(1, bench.holds(DATA_MFN + 4));
        }
    }

    @Test
    void shouldMakeRoomForTheFirstElementWhenAnEarlierCallLeftNone() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 2))) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(6));
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.driver.unmapRun(10, 2);
            bench.driver.unmapRun(12, 1);
            assertEquals(EIO, bench.driver.status(0));
            assertEquals(4, bench.space().mappedPages(), "it needed room and changed nothing");
            bench.host.behave();
            assertEquals(0, bench.driver.unmapRun(12, 4));
            assertArrayEquals(new int[4], bench.driver.statuses());
            bench.checkEmpty();
        }
    }

    // The log.

    @Test
    void shouldChangeNothingWithoutRoomInTheLog() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.host.forgetCalls();
            bench.log.forget();
            bench.log.refuse(true, true);
            assertEquals(EIO, bench.driver.map(Op.rw(2, DATA_MFN + 1), new Op(3, 0, 77)));
            assertArrayEquals(new int[] {EIO, EIO}, bench.driver.statuses());
            assertEquals(EIO, bench.driver.unmapRun(1, 1));
            assertEquals(EIO, bench.driver.status(0));
            assertEquals(List.of(), bench.host.calls());
            assertEquals(List.of(), bench.log.slices());
            assertEquals(1, bench.space().mappedPages());
        }
    }

    @Test
    void shouldStillRemoveFromTheReserve() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.log.refuse(true, false);
            assertEquals(EIO, bench.driver.map(Op.rw(2, DATA_MFN)));
            assertEquals(0, bench.driver.unmapRun(1, 1));
            assertEquals(0, bench.driver.status(0));
            bench.checkEmpty();
        }
    }

    /** The reserve ends in the middle of a long removal: the first slice counts, and is flushed and released. */
    @Test
    void shouldFinishWhatWasRemovedBeforeTheLogWasFull() {
        try (Bench bench = new Bench()) {
            int slice = HypercallExecutor.SLICE_OPERATIONS;
            int n = slice + 3;
            Op[] ops = new Op[n];
            Arrays.setAll(ops, i -> Op.rw(i, DATA_MFN + i % 1000));
            bench.driver.map(ops);
            bench.log.forget();
            bench.log.leaveRoomFor(1);
            assertEquals(EIO, bench.driver.unmap(ops));
            assertEquals(0, bench.driver.status(slice - 1));
            assertEquals(EIO, bench.driver.status(slice));
            assertEquals(3, bench.space().mappedPages());
            assertEquals(0, bench.space().owedPages());
            assertNull(bench.space().translate(0));
            assertEquals(0, bench.log.last().operations(), "the flush is recorded even so");
            assertEquals(SliceRecord.Flush.DONE, bench.log.last().flush());
        }
    }
}
