package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pviommu.abi.IommuStatus.EADDRINUSE;
import static org.pviommu.abi.IommuStatus.EADDRNOTAVAIL;
import static org.pviommu.abi.IommuStatus.EBUSY;
import static org.pviommu.abi.IommuStatus.EFAULT;
import static org.pviommu.abi.IommuStatus.EINVAL;
import static org.pviommu.abi.IommuStatus.EIO;
import static org.pviommu.abi.IommuStatus.ENOENT;
import static org.pviommu.abi.IommuStatus.ENOSPC;
import static org.pviommu.abi.IommuStatus.ENXIO;
import static org.pviommu.abi.IommuStatus.EPERM;
import static org.pviommu.abi.IommuStatus.ERANGE;
import static org.pviommu.engine.Bench.ARRAY_MFN;
import static org.pviommu.engine.Bench.ARRAY_PAGES;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.DATA_PAGES;
import static org.pviommu.engine.Bench.LAST_BFN;
import static org.pviommu.engine.Bench.MSI_FIRST;
import static org.pviommu.engine.Bench.MSI_LAST;
import static org.pviommu.engine.Bench.NO_MFN;
import static org.pviommu.engine.Bench.RESERVED_MFN;

import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.TestMemory;

/** map_range and unmap_range: where they stop, what they keep, and that nr_done tells exactly that. */
class RangeCallTest {

    private static void assertResult(Bench bench, int status, long done) {
        assertEquals(List.of((long) status, done), List.of((long) bench.driver.status(0), bench.driver.nrDone(0)));
    }

    private static List<String> ranges(Bench bench, Kind kind) {
        return bench.host.calls(kind).stream()
                .map(call -> call.first() + "+" + call.pages())
                .toList();
    }

    // map_range.

    @Test
    void shouldMapARangeOverLeavesInOneRun() {
        try (Bench bench = new Bench()) {
            assertEquals(0, bench.driver.mapRange(RangeOp.rw(500, DATA_MFN, 1000)));
            assertResult(bench, 0, 1000);
            assertEquals(List.of("500+1000"), ranges(bench, Kind.MAP));
            assertEquals(List.of(new Mapping(500, DATA_MFN, 1000, 3)), bench.mappings());
            bench.driver.unmapRange(RangeOp.at(500, 1000));
            assertResult(bench, 0, 1000);
            assertEquals(List.of("500+1000"), ranges(bench, Kind.UNMAP));
            bench.checkEmpty();
        }
    }

    @Test
    void shouldCrossRegionsInOneRange() {
        try (Bench bench = new Bench()) {
            bench.register(ARRAY_MFN + ARRAY_PAGES, 4, new TestMemory(4));
            bench.driver.mapRange(RangeOp.rw(0, ARRAY_MFN + ARRAY_PAGES - 2, 6));
            assertResult(bench, 0, 6);
            assertEquals(List.of("0+2", "2+4"), ranges(bench, Kind.MAP));
            bench.driver.mapRange(RangeOp.rw(10, ARRAY_MFN + ARRAY_PAGES + 2, 3));
            assertResult(bench, ENXIO, 2);
            assertEquals(8, bench.space().mappedPages(), "what was mapped stays");
        }
    }

    /** {@code bfn, mfn, pages}: how many come before the first that cannot be mapped, and what its status is. */
    @ParameterizedTest
    @CsvSource({"0, 0, 7, -98", "600, -3, 3, -1", "-4, 10, 5, -34"})
    void shouldStopAtTheFirstPageItCannotMapAndKeepTheRest(long bfn, long mfn, long done, int status) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(7, DATA_MFN + 500));
            long first = bfn < 0 ? LAST_BFN + bfn : bfn; // negative: from the end
            long frame = mfn < 0 ? RESERVED_MFN + mfn : DATA_MFN + mfn;
            bench.driver.mapRange(RangeOp.rw(first, frame, 20));
            assertResult(bench, status, done);
            assertEquals(1 + done, bench.space().mappedPages());
        }
    }

    @Test
    void shouldStopAtAReservedRegionAndNotSkipIt() {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(MSI_FIRST - 2, DATA_MFN, 600));
            assertResult(bench, EADDRNOTAVAIL, 2);
            bench.driver.mapRange(RangeOp.rw(MSI_LAST, DATA_MFN, 2));
            assertResult(bench, EADDRNOTAVAIL, 0);
            bench.driver.mapRange(RangeOp.rw(MSI_LAST + 1, DATA_MFN, 2));
            assertResult(bench, 0, 2);
        }
    }

    @Test
    void shouldStopAtQuotasAndKeepTheRest() {
        try (Bench bench = new Bench(Bench.policy(10, 100, 64))) {
            bench.driver.mapRange(RangeOp.rw(0, DATA_MFN, 11), RangeOp.rw(50, DATA_MFN, 1));
            assertArrayEquals(new int[] {ENOSPC, ENOSPC}, bench.driver.statuses());
            assertEquals(10, bench.driver.nrDone(0));
            assertEquals(0, bench.driver.nrDone(1));
        }
        try (Bench bench = new Bench(Bench.policy(1000, 4, 64))) {
            bench.driver.mapRange(RangeOp.rw(500, DATA_MFN, 20));
            assertResult(bench, ENOSPC, 12);
        }
        try (Bench bench = new Bench()) {
            GuestRegion region = Objects.requireNonNull(bench.guest.memory().find(DATA_MFN));
            RawMemory.putShort(region.holdSlot(DATA_MFN + 3), (short) GuestRegion.MAX_HOLDS);
            bench.driver.mapRange(RangeOp.rw(0, DATA_MFN, 20));
            assertResult(bench, ENOSPC, 3);
            RawMemory.putShort(region.holdSlot(DATA_MFN + 3), (short) 0);
        }
    }

    /** The host refuses the second of two runs: all of the first counts, none of the second. */
    @ParameterizedTest
    @CsvSource({"-12, -12", "-28, -28", "-22, -5"})
    void shouldKeepTheRunsBeforeARefusedOne(long hostResult, int status) {
        try (Bench bench = new Bench()) {
            bench.register(ARRAY_MFN + ARRAY_PAGES, 4, new TestMemory(4));
            bench.host.observe(call -> {
                if (call.kind() == Kind.MAP && call.first() == 2) {
                    bench.host.answerOnce(Kind.MAP, hostResult);
                }
            });
            bench.driver.mapRange(RangeOp.rw(0, ARRAY_MFN + ARRAY_PAGES - 2, 6), RangeOp.rw(30, DATA_MFN, 2));
            assertResult(bench, status, 2);
            assertEquals(0, bench.driver.status(1), "the call goes on");
            assertEquals(4, bench.space().mappedPages());
            assertEquals(0, bench.holds(ARRAY_MFN + ARRAY_PAGES));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {Long.MAX_VALUE, -1L << 20, 1L << 60})
    void shouldEndAHugeMapAtTheEndOfItsMemory(long pages) {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(0, DATA_MFN, pages));
            assertResult(bench, EPERM, DATA_PAGES - 1); // the last frame is the hypervisor's
        }
    }

    @Test
    void shouldCheckInTheOrderOfTheAbi() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.driver.mapRange(
                    new RangeOp(LAST_BFN + 1, NO_MFN, 1, 4),
                    new RangeOp(LAST_BFN + 1, NO_MFN, 1, 3),
                    new RangeOp(MSI_FIRST, NO_MFN, 1, 3),
                    new RangeOp(1, NO_MFN, 1, 3),
                    new RangeOp(1, RESERVED_MFN, 1, 3),
                    new RangeOp(1, DATA_MFN, 1, 3),
                    new RangeOp(2, DATA_MFN, 1, 2));
            assertArrayEquals(
                    new int[] {EINVAL, ERANGE, EADDRNOTAVAIL, ENXIO, EPERM, EADDRINUSE, EINVAL},
                    bench.driver.statuses());
            assertEquals(
                    List.of(0L),
                    LongStream.range(0, 7)
                            .mapToObj(i -> bench.driver.nrDone((int) i))
                            .distinct()
                            .toList());
        }
    }

    // unmap_range.

    @Test
    void shouldRemoveOnlyWhatIsMappedAndFlushOnlyThat() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(10, DATA_MFN).run(3));
            bench.driver.map(Op.rw(511, DATA_MFN + 10).run(2));
            bench.driver.map(Op.ro(0x8_0000, DATA_MFN + 20).run(2));
            bench.host.forgetCalls();
            bench.driver.unmapRange(RangeOp.at(11, 0x8_0000 - 10));
            assertResult(bench, 0, 0x8_0000 - 10);
            assertEquals(
                    List.of(new FrameRange(11, 12), new FrameRange(511, 512), new FrameRange(0x8_0000, 0x8_0000)),
                    bench.host.calls(Kind.FLUSH).getFirst().flushed());
            assertEquals(2, bench.space().mappedPages());
        }
    }

    @Test
    void shouldCrossRegionsAndAccesses() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(0, DATA_MFN), Op.ro(1, DATA_MFN + 1), Op.rw(2, ARRAY_MFN), Op.rw(3, ARRAY_MFN + 1));
            bench.host.forgetCalls();
            bench.driver.unmapRange(RangeOp.at(0, 4));
            assertResult(bench, 0, 4);
            assertEquals(List.of("0+1", "1+1", "2+2"), ranges(bench, Kind.UNMAP));
            assertEquals(1, bench.host.count(Kind.FLUSH));
        }
    }

    @Test
    void shouldEndAtTheAperture() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(LAST_BFN - 1, DATA_MFN).run(2));
            bench.driver.unmapRange(RangeOp.at(LAST_BFN - 2, 10));
            assertResult(bench, ERANGE, 3);
            bench.checkEmpty();
            bench.driver.unmapRange(RangeOp.at(LAST_BFN - 2, 3), RangeOp.at(LAST_BFN + 1, 1), RangeOp.at(-1, 1));
            assertArrayEquals(new int[] {ENOENT, ERANGE, ERANGE}, bench.driver.statuses());
            assertEquals(3, bench.driver.nrDone(0));
            assertEquals(0, bench.driver.nrDone(1));
        }
    }

    @Test
    void shouldStopAtAPageThatCannotBeCut() {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 8));
            bench.host.refuseToCut(13);
            bench.driver.unmapRange(RangeOp.at(5, 20));
            assertResult(bench, EBUSY, 8);
            assertEquals(List.of(new Mapping(13, DATA_MFN + 3, 5, 3)), bench.mappings());
            assertEquals(0, bench.space().owedPages(), "what was removed is flushed");
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {-5, 0})
    void shouldStopWhereTheHostRefuses(long hostResult) {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 8));
            bench.host.answerOnce(Kind.UNMAP, 3);
            bench.host.answerOnce(Kind.UNMAP, hostResult);
            bench.driver.unmapRange(RangeOp.at(8, 30), RangeOp.at(17, 1));
            assertResult(bench, EIO, 5);
            assertEquals(0, bench.driver.status(1), "the call goes on");
            assertEquals(List.of(new Mapping(13, DATA_MFN + 3, 4, 3)), bench.mappings());
        }
    }

    @Test
    void shouldTakeBackTheCountWhenTheFlushFails() {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 8));
            bench.host.refuseToCut(15);
            bench.host.answerAlways(Kind.FLUSH, -5);
            assertEquals(EIO, bench.driver.unmapRange(RangeOp.at(10, 2), RangeOp.at(40, 2), RangeOp.at(0, 20)));
            assertArrayEquals(new int[] {EIO, ENOENT, EIO}, bench.driver.statuses());
            assertEquals(0, bench.driver.nrDone(0));
            assertEquals(2, bench.driver.nrDone(1));
            assertEquals(0, bench.driver.nrDone(2), "it had stopped with EBUSY, but what it removed is owed");
            assertEquals(5, bench.space().owedPages());
            bench.host.behave();
            bench.driver.flush(0);
            assertEquals(3, bench.space().mappedPages());
        }
    }

    /** Bound 4, 10 pages: early flushes after 4 and 8; the final one fails. What was flushed before counts. */
    @Test
    void shouldCountWhatAnEarlyFlushMadeFinal() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 11));
            bench.host.observe(call -> {
                if (call.kind() == Kind.UNMAP && call.first() == 18) {
                    bench.host.answerAlways(Kind.FLUSH, -5);
                }
            });
            assertEquals(EIO, bench.driver.unmapRange(RangeOp.at(8, 12), RangeOp.at(20, 1)));
            assertArrayEquals(new int[] {EIO, EIO}, bench.driver.statuses());
            assertEquals(10, bench.driver.nrDone(0), "two holes and the eight pages that two early flushes covered");
            assertEquals(0, bench.driver.nrDone(1));
            assertEquals(3, bench.space().owedPages());
            assertEquals(0, bench.holds(DATA_MFN + 7));
            assertEquals(1, bench.holds(DATA_MFN + 8));
        }
    }

    /** An element that removed nothing after the early flush has nothing to lose by the final one. */
    @Test
    void shouldKeepAResultThatAnEarlyFlushMadeFinal() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 6));
            bench.host.refuseToCut(14);
            bench.host.observe(call -> {
                if (call.kind() == Kind.UNMAP && call.first() == 15) {
                    bench.host.answerAlways(Kind.FLUSH, -5);
                }
            });
            assertEquals(EIO, bench.driver.unmapRange(RangeOp.at(10, 6), RangeOp.at(15, 1)));
            assertArrayEquals(new int[] {EBUSY, EIO}, bench.driver.statuses());
            assertEquals(4, bench.driver.nrDone(0));
            assertEquals(0, bench.driver.nrDone(1));
        }
    }

    @Test
    void shouldStopWhereAnEarlyFlushFails() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 4))) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 10));
            for (int i = 0; i < AddressSpace.FLUSH_ATTEMPTS; i++) {
                bench.host.answerOnce(Kind.FLUSH, -5);
            }
            assertEquals(0, bench.driver.unmapRange(RangeOp.at(8, 12), RangeOp.at(16, 2), RangeOp.at(50, 1)));
            assertArrayEquals(new int[] {EIO, EIO, ENOENT}, bench.driver.statuses());
            assertEquals(6, bench.driver.nrDone(0), "the final flush covered them");
            assertEquals(0, bench.driver.nrDone(1));
            assertEquals(6, bench.space().mappedPages());
            assertEquals(0, bench.space().owedPages());
        }
    }

    /** Early flushes lie inside an element: its record comes with the flush that covers its end. */
    @Test
    void shouldRecordEachElementOnceWhateverFlushesCameBetween() {
        try (Bench bench = new Bench(Bench.policy(1000, 100, 2))) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 6));
            bench.log.forget();
            bench.driver.unmapRange(RangeOp.at(10, 1), RangeOp.at(11, 5));
            assertArrayEquals(new int[2], bench.driver.statuses());
            assertEquals(
                    List.of(1, 0, 1),
                    bench.log.slices().stream().map(slice -> slice.operations()).toList());
            assertEquals(5, bench.log.last().word(0, 16));
            bench.checkEmpty();
        }
    }

    @Test
    void shouldChangeNothingWithoutRoomInTheLog() {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 8));
            bench.log.refuse(true, true);
            assertEquals(EIO, bench.driver.mapRange(RangeOp.rw(30, DATA_MFN, 8)));
            assertResult(bench, EIO, 0);
            assertEquals(EIO, bench.driver.unmapRange(RangeOp.at(10, 8)));
            assertResult(bench, EIO, 0);
            bench.log.refuse(true, false);
            assertEquals(0, bench.driver.unmapRange(RangeOp.at(10, 8)));
            assertResult(bench, 0, 8);
        }
    }

    @Test
    void shouldFinishTheElementsBeforeAFault() {
        try (Bench bench = new Bench()) {
            bench.driver.mapRange(RangeOp.rw(10, DATA_MFN, 8));
            bench.driver.placeArraysAt(ARRAY_PAGES * 4096L - 40 - 32);
            bench.driver.write(RangeOp.at(10, 4));
            assertEquals(EFAULT, bench.driver.call(IommuOp.UNMAP_RANGE, 2));
            assertResult(bench, 0, 4);
            assertEquals(4, bench.space().mappedPages());
            assertEquals(0, bench.space().owedPages());
        }
    }
}
