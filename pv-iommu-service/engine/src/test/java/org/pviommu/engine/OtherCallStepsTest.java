package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.ENDPOINT;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.AttachOp;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordedSlice;

/** The seven steps in order for mixed, range, context and flush calls, and that their records tell all of it. */
class OtherCallStepsTest {

    /** Each call of a port, with the holds of the first data frame, and whether any of {@code n} statuses is out already. */
    private static List<String> watch(Bench bench, int n) {
        List<String> events = new ArrayList<>();
        bench.log.observeReservations(() -> events.add("reserve" + state(bench, n)));
        bench.host.observe(call -> events.add(call.brief() + state(bench, n)));
        bench.log.observeCommits(
                slice -> events.add("commit " + IommuOp.name(slice.subOp()) + " " + slice.flush() + state(bench, n)));
        return events;
    }

    private static String state(Bench bench, int n) {
        for (int i = 0; i < n; i++) {
            if (bench.driver.status(i) != GuestDriver.OLD_STATUS) {
                return " published";
            }
        }
        return " holds=" + bench.holds(DATA_MFN);
    }

    private static List<String> run(Bench bench, int cmd, Element... elements) {
        bench.driver.write(elements);
        List<String> events = watch(bench, elements.length);
        bench.driver.call(cmd, elements.length);
        bench.host.observe(ignored -> {});
        bench.log.observeCommits(ignored -> {});
        bench.log.observeReservations(() -> {});
        return events;
    }

    @Test
    void shouldApplyFlushRecordReleaseAndPublishAMixedCall() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            List<String> events = run(bench, IommuOp.MIXED, MixedOp.unmap(1), MixedOp.map(1, DATA_MFN + 1));
            assertEquals(
                    List.of(
                            "reserve holds=1",
                            "unmap 0 holds=1",
                            "map 0 holds=1",
                            "flush 0 holds=1",
                            "commit mixed DONE holds=1"),
                    events);
            assertEquals(0, bench.holds(DATA_MFN));
            assertEquals(0, bench.driver.status(1));
        }
    }

    @Test
    void shouldUndoBeforeTheRecordOfAFailedFlush() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN));
            for (int i = 0; i < AddressSpace.FLUSH_ATTEMPTS; i++) {
                bench.host.answerOnce(Kind.FLUSH, -5);
            }
            List<String> events = run(bench, IommuOp.MIXED, MixedOp.unmap(1), MixedOp.map(1, DATA_MFN));
            assertEquals(List.of("unmap 0 holds=2", "commit mixed FAILED holds=2"), events.subList(6, 8));
            RecordedSlice record = bench.log.last();
            assertEquals(IommuStatus.EIO, record.status(0));
            assertEquals(IommuStatus.EIO, record.status(1));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldApplyFlushRecordReleaseAndPublishARange(boolean deferred) {
        try (Bench bench = new Bench()) {
            assertEquals(
                    List.of("reserve holds=0", "map 0 holds=1", "commit map_range NONE holds=1"),
                    run(bench, IommuOp.MAP_RANGE, RangeOp.rw(1, DATA_MFN, 8)));
            int cmd = IommuOp.cmd(IommuOp.UNMAP_RANGE, deferred ? IommuOp.F_DEFER : 0, 0);
            List<String> events = run(bench, cmd, RangeOp.at(0, 4), RangeOp.at(4, 9));
            List<String> expected = new ArrayList<>(List.of("reserve holds=1", "unmap 0 holds=1", "unmap 0 holds=1"));
            if (deferred) {
                expected.add("commit unmap_range NONE holds=1");
            } else {
                expected.addAll(List.of("flush 0 holds=1", "commit unmap_range DONE holds=1"));
            }
            assertEquals(expected, events);
            assertEquals(deferred ? 1 : 0, bench.holds(DATA_MFN));

            List<String> flushed = watch(bench, 0);
            bench.driver.flush(0);
            List<String> owed = List.of("reserve holds=1", "flush 0 holds=1", "commit flush DONE holds=1");
            assertEquals(deferred ? owed : List.of(), flushed);
            assertEquals(0, bench.holds(DATA_MFN));
        }
    }

    @Test
    void shouldFlushAndRecordBeforeAnEndpointLeaves() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.at(1));
            assertEquals(
                    List.of(
                            "reserve holds=1",
                            "flush 0 holds=1",
                            "commit flush DONE holds=1",
                            "detach 0 holds=0",
                            "attach 1 holds=0",
                            "commit attach_device NONE holds=0"),
                    run(bench, IommuOp.ATTACH_DEVICE, new AttachOp(ENDPOINT, context)));
        }
    }

    /** Frames change hands only after the record that says so. */
    @Test
    void shouldRecordBeforeAFreedContextLetsItsFramesGo() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            bench.driver.run(IommuOp.cmd(IommuOp.MAP_PAGE, 0, context), Op.rw(1, DATA_MFN));
            List<String> events = run(bench, IommuOp.FREE_CONTEXT, new ContextOp(context));
            assertEquals(List.of("reserve holds=1", "unmap 1 holds=1", "flush 1 holds=1"), events.subList(0, 3));
            String firstCommit = events.stream()
                    .filter(event -> event.startsWith("commit"))
                    .findFirst()
                    .orElseThrow();
            assertEquals(" holds=1", firstCommit.substring(firstCommit.length() - 8), events.toString());
        }
    }

    // Records.

    @Test
    void shouldRecordMixedElementsAsTheyWereApplied() {
        try (Bench bench = new Bench()) {
            bench.driver.mixed(
                    MixedOp.map(1, DATA_MFN),
                    MixedOp.unmap(1),
                    new MixedOp(77, 3, 4, 5),
                    new MixedOp(IommuOp.MAP_PAGE, 6, 7, 0x8001));
            RecordedSlice record = bench.log.last();
            assertEquals(IommuOp.MIXED, record.subOp());
            assertEquals(24, record.elementBytes());
            assertEquals(
                    List.of(IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, 77, IommuOp.MAP_PAGE),
                    List.of(record.kind(0), record.kind(1), record.kind(2), record.kind(3)));
            assertEquals(List.of(1L, DATA_MFN, 3), List.of(record.bfn(0), record.mfn(0), record.flags(0)));
            assertEquals(List.of(3L, 4L, 5), List.of(record.bfn(2), record.mfn(2), record.flags(2)));
            assertEquals(0x8001, record.flags(3));
            assertEquals(
                    List.of(0, 0, IommuStatus.EINVAL, IommuStatus.EINVAL),
                    List.of(record.status(0), record.status(1), record.status(2), record.status(3)));
        }
    }

    @Test
    void shouldRecordRangesWithAllTheirWords() {
        try (Bench bench = new Bench()) {
            int context = bench.driver.allocContext();
            RangeOp[] ops = {RangeOp.rw(1, DATA_MFN, 8), new RangeOp(-5, -6, -7, 0x7fff_fff0)};
            for (int subOp : new int[] {IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE}) {
                bench.driver.run(IommuOp.cmd(subOp, 0, context), ops);
                RecordedSlice record = bench.log.last();
                assertEquals(context, record.context());
                assertEquals(subOp, record.kind(0));
                assertEquals(40, record.elementBytes());
                for (int i = 0; i < 2; i++) {
                    assertEquals(
                            ops[i],
                            new RangeOp(
                                    record.word(i, IommuRangeOp.BFN_OFFSET),
                                    record.word(i, IommuRangeOp.MFN_OFFSET),
                                    record.word(i, IommuRangeOp.NR_PAGES_OFFSET),
                                    record.flags(i)));
                }
                assertEquals(0, record.status(0));
                assertEquals(IommuStatus.EINVAL, record.status(1));
            }
        }
    }

    @Test
    void shouldRecordContextsAndAttachmentsWithTheirNumbers() {
        try (Bench bench = new Bench()) {
            bench.driver.run(IommuOp.ALLOC_CONTEXT, new ContextOp(55), new ContextOp(66));
            RecordedSlice record = bench.log.last();
            assertEquals(8, record.elementBytes());
            assertEquals(2, record.operations());
            assertEquals(2, (int) record.word(1, IommuContextOp.CTX_NO_OFFSET), "the number it got");
            bench.driver.run(IommuOp.ATTACH_DEVICE, new AttachOp(ENDPOINT, 2), new AttachOp(9, 1, 3));
            record = bench.log.last();
            assertEquals(16, record.elementBytes());
            assertEquals(2L << 32 | ENDPOINT, record.word(0, 0));
            assertEquals(1L << 32 | 9, record.word(1, 0));
            assertEquals(3, (int) record.word(1, 8));
            assertEquals(0, record.status(0));
            assertEquals(IommuStatus.EINVAL, record.status(1));
            bench.driver.freeContext(1);
            record = bench.log.last();
            assertEquals(IommuOp.FREE_CONTEXT, record.kind(0));
            assertEquals(1, (int) record.word(0, 0));
        }
    }

    /** The record of an element that does not exist is an error of the reader, not memory of somebody else. */
    @Test
    void shouldRefuseToReadBeyondARecord() {
        try (Bench bench = new Bench()) {
            SliceRecord record = new SliceRecord();
            record.set(bench.space(), IommuOp.ALLOC_CONTEXT, 8, 0, 0, 2, SliceRecord.Flush.NONE);
            for (int offset : new int[] {-1, 1, 8, IommuMapOp.MFN_OFFSET, Integer.MAX_VALUE}) {
                assertThrows(IndexOutOfBoundsException.class, () -> record.word(0, offset));
            }
            for (int index : new int[] {-1, 2}) {
                assertThrows(IndexOutOfBoundsException.class, () -> record.word(index, 0));
                assertThrows(IndexOutOfBoundsException.class, () -> record.status(index));
            }
        }
    }
}
