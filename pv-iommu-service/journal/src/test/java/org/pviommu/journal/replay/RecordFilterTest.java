package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Change;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.GuestState;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.journal.record.Run;

class RecordFilterTest {
    private static final RecordFilter ALL = RecordFilter.all();
    private static final JournalRecord START = new JournalRecord.ServiceStart(9, true, "");
    private static final JournalRecord CHANGE = new JournalRecord.GuestChange(
            7, new Change.GuestReturned(), true, new GuestState(0, 0, 0), List.of(), false, "");

    private static JournalRecord slice(int context, int subOp, Run... runs) {
        return new JournalRecord.Slice(
                7,
                context,
                subOp,
                SliceRecord.Part.CALL_END,
                false,
                true,
                true,
                SliceRecord.Flush.NONE,
                List.of(runs),
                new GuestState(0, 0, 0),
                List.of(),
                false,
                "");
    }

    private static JournalRecord maps(long bfn, int count, int status) {
        return slice(0, IommuOp.MAP_PAGE, new Run(count, IommuOp.MAP_PAGE, bfn, 5, 3, 0, 0, status));
    }

    private static JournalRecord range(long bfn, long pages) {
        return slice(0, IommuOp.UNMAP_RANGE, new Run(1, IommuOp.UNMAP_RANGE, bfn, 0, 0, pages, 0, 0));
    }

    @Test
    void shouldTakeEverythingWhenNothingIsAsked() {
        for (JournalRecord record : List.of(START, CHANGE, maps(1, 1, 0), new JournalRecord.Unfinished())) {
            assertTrue(ALL.matches(5, 5, record));
        }
    }

    @Test
    void shouldFilterByGuestAndKind() {
        assertTrue(ALL.ofGuest(7).test(CHANGE));
        assertFalse(ALL.ofGuest(8).test(CHANGE));
        assertFalse(ALL.ofGuest(7).test(START));
        assertTrue(ALL.ofKind(RecordKind.SERVICE_START).test(START));
        assertFalse(ALL.ofKind(RecordKind.SLICE).test(CHANGE));
        assertTrue(ALL.ofKind(RecordKind.SLICE).test(maps(1, 1, 0)));
        assertTrue(ALL.ofKind(RecordKind.FAULT).test(new JournalRecord.Fault(1, 2, true)));
        assertTrue(ALL.ofKind(RecordKind.UNFINISHED).test(new JournalRecord.Unfinished()));
        assertTrue(ALL.ofKind(RecordKind.SERVICE_STOP).test(new JournalRecord.ServiceStop()));
    }

    @Test
    void shouldFilterByAddressSpace() {
        Run freed = new Run(1, IommuOp.FREE_CONTEXT, 0, 3, 0, 0, 0, 0);

        assertTrue(ALL.ofContext(2).test(slice(2, IommuOp.FLUSH)));
        assertFalse(ALL.ofContext(2).test(slice(3, IommuOp.FLUSH)));
        assertTrue(ALL.ofContext(3).test(slice(0, IommuOp.FREE_CONTEXT, freed)), "what is freed");
        assertFalse(ALL.ofContext(0).test(slice(0, IommuOp.FREE_CONTEXT, freed)), "where it is recorded");
        assertFalse(ALL.ofContext(0).test(CHANGE));
    }

    @Test
    void shouldFilterByBusFrames() {
        assertTrue(ALL.onBfns(10, 10).test(maps(5, 6, 0)));
        assertFalse(ALL.onBfns(11, 20).test(maps(5, 6, 0)));
        assertTrue(ALL.onBfns(0, 5).test(maps(5, 6, 0)));
        assertFalse(ALL.onBfns(0, 4).test(maps(5, 6, 0)));
        assertTrue(ALL.onBfns(0, 100).test(maps(5, 6, 0)));
        assertFalse(ALL.onBfns(0, 100).test(slice(0, IommuOp.ATTACH_DEVICE, new Run(1, 10, 5, 0, 0, 0, 0, 0))));
        assertFalse(ALL.onBfns(0, 100).test(CHANGE));
    }

    /** What a guest may ask for: the largest numbers, and ranges that wrap. */
    @Test
    void shouldFilterByBusFramesAtTheEndOfNumbers() {
        assertTrue(ALL.onBfns(0, 0).test(maps(-1, 2, 0)), "-1 and 0");
        assertTrue(ALL.onBfns(-1, -1).test(maps(-1, 2, 0)));
        assertFalse(ALL.onBfns(1, 5).test(maps(-1, 2, 0)));
        assertTrue(ALL.onBfns(100, 100).test(range(50, -1)), "all but one");
        assertFalse(ALL.onBfns(49, 49).test(range(51, -2)));
        assertTrue(ALL.onBfns(1L << 51, 1L << 51).test(range(0, 1L << 52)));
        assertFalse(ALL.onBfns(0, 100).test(range(50, 0)), "no pages");
    }

    @Test
    void shouldFilterByStatusOfTheSameOperation() {
        JournalRecord record = slice(
                0,
                IommuOp.MAP_PAGE,
                new Run(2, IommuOp.MAP_PAGE, 10, 5, 3, 0, 0, 0),
                new Run(1, IommuOp.MAP_PAGE, 20, 5, 3, 0, 0, IommuStatus.EIO));

        assertTrue(ALL.withStatus(IommuStatus.EIO).test(record));
        assertFalse(ALL.withStatus(IommuStatus.ENOMEM).test(record));
        assertTrue(ALL.withStatus(IommuStatus.EIO).onBfns(20, 20).test(record));
        assertFalse(ALL.withStatus(IommuStatus.EIO).onBfns(10, 11).test(record));
        assertTrue(ALL.withStatus(0).onBfns(11, 11).test(record));
        assertFalse(ALL.withStatus(0).test(CHANGE));
        assertFalse(ALL.withStatus(0).test(maps(1, 1, IommuStatus.EIO)));
    }

    @Test
    void shouldFilterByNumberAndTime() {
        RecordFilter filter = ALL.between(5, 7).madeBetween(100, 200);

        assertTrue(filter.matches(5, 100, START));
        assertTrue(filter.matches(7, 200, START));
        assertFalse(filter.matches(4, 150, START));
        assertFalse(filter.matches(8, 150, START));
        assertFalse(filter.matches(6, 99, START));
        assertFalse(filter.matches(6, 201, START));
    }

    @Test
    void shouldNeedAllParts() {
        RecordFilter filter = ALL.ofGuest(7)
                .ofContext(0)
                .onBfns(5, 5)
                .withStatus(0)
                .ofKind(RecordKind.SLICE)
                .between(1, 9);

        assertTrue(filter.matches(3, 0, maps(5, 1, 0)));
        assertFalse(filter.matches(3, 0, maps(6, 1, 0)));
        assertFalse(filter.matches(10, 0, maps(5, 1, 0)));
    }

    @Test
    void shouldRefuseBusFramesInTheWrongOrder() {
        assertThrows(IllegalArgumentException.class, () -> ALL.onBfns(5, 4));
        assertEquals(5L, new RecordFilter(null, null, 5L, null, null, null, 0, 9, 0, 9).lastBfn());
    }
}
