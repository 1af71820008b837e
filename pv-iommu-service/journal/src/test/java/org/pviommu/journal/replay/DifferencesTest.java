package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Change;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.GuestState;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.OutsideEvent;
import org.pviommu.journal.record.Run;

class DifferencesTest {
    private static final GuestState STATE = new GuestState(1, 2, 3);

    private static JournalRecord.Slice maps(Run... runs) {
        return DescribeTest.slice(IommuOp.MAP_PAGE, SliceRecord.Flush.NONE, List.of(runs));
    }

    private static Run run(int count, long bfn, int status) {
        return new Run(count, IommuOp.MAP_PAGE, bfn, bfn, 3, 0, 0, status);
    }

    private static JournalRecord.GuestChange change(Change change, GuestState state, List<OutsideEvent> events) {
        return new JournalRecord.GuestChange(7, change, true, state, events, false, "");
    }

    @Test
    void shouldNameTheFirstOperationThatDiffers() {
        assertEquals(
                "operation 5: expected bfn 0x40 x2 -> mfn 0x40 rw ok, got bfn 0x40 x2 -> mfn 0x40 rw EIO",
                Differences.firstOf(
                        maps(run(5, 1, 0), run(2, 0x40, 0)), maps(run(5, 1, 0), run(2, 0x40, IommuStatus.EIO))));
    }

    /** A run that ends early differs where it ends, not where it begins. */
    @Test
    void shouldCountTheOperationsThatTwoRunsHaveInCommon() {
        assertEquals(
                "operation 3: expected bfn 0x1 x5 -> mfn 0x1 rw ok, got bfn 0x1 x3 -> mfn 0x1 rw ok",
                Differences.firstOf(maps(run(5, 1, 0)), maps(run(3, 1, 0), run(2, 4, IommuStatus.ENOSPC))));
        assertEquals(
                "operation 3: expected bfn 0x1 x3 -> mfn 0x1 rw ok, got bfn 0x1 x5 -> mfn 0x1 rw ok",
                Differences.firstOf(maps(run(3, 1, 0), run(2, 4, IommuStatus.ENOSPC)), maps(run(5, 1, 0))));
    }

    @Test
    void shouldNameAnotherNumberOfOperations() {
        assertEquals(
                "expected operations=5, got operations=7",
                Differences.firstOf(maps(run(5, 1, 0)), maps(run(5, 1, 0), run(2, 9, 0))));
    }

    @Test
    void shouldNameAnotherFlush() {
        Run run = new Run(1, IommuOp.UNMAP_PAGE, 1, 0, 0, 0, 0, 0);
        assertEquals(
                "expected flush=DONE CALL_END, got flush=FAILED CALL_END",
                Differences.firstOf(
                        DescribeTest.slice(IommuOp.UNMAP_PAGE, SliceRecord.Flush.DONE, List.of(run)),
                        DescribeTest.slice(IommuOp.UNMAP_PAGE, SliceRecord.Flush.FAILED, List.of(run))));
    }

    @Test
    void shouldNameAnotherCall() {
        Run run = new Run(1, IommuOp.UNMAP_PAGE, 1, 0, 0, 0, 0, 0);
        assertEquals(
                "expected unmap_page in context 0, got mixed in context 0",
                Differences.firstOf(
                        DescribeTest.slice(IommuOp.UNMAP_PAGE, SliceRecord.Flush.DONE, List.of(run)),
                        DescribeTest.slice(IommuOp.MIXED, SliceRecord.Flush.DONE, List.of(run))));
    }

    @Test
    void shouldNameAnotherStateOrChangeOrKind() {
        Change returned = new Change.GuestReturned();
        List<OutsideEvent> refusal = List.of(new OutsideEvent(OutsideEvents.Kind.HOST, 0, 1, -5));
        assertEquals(
                "the state after it: expected digest=1 mapped=2 held=3, got digest=1 mapped=2 held=4",
                Differences.firstOf(
                        change(returned, STATE, List.of()), change(returned, new GuestState(1, 2, 4), List.of())));
        assertEquals(
                "answers from outside",
                Differences.firstOf(change(returned, STATE, refusal), change(returned, STATE, List.of())));
        assertEquals(
                "another change of the guest",
                Differences.firstOf(
                        change(returned, STATE, List.of()),
                        change(new Change.GrantRevoked(1, true), STATE, List.of())));
        assertEquals(
                "another kind of record", Differences.firstOf(maps(run(1, 1, 0)), change(returned, STATE, List.of())));
    }
}
