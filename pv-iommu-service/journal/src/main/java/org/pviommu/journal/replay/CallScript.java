package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.OutsideEvent;
import org.pviommu.journal.record.Run;

/**
 * The records of one call of a guest, which the model comes to one after the other and compares with what it has decided.
 *
 * <p>From a record it takes what came from outside only: which operations the guest asked for, whether a flush failed, whether the
 * host IOMMU refused something. Where that does not say enough, a mismatch is no proof of a mistake, and the guest is not
 * compared any more ({@link NotComparableException}).
 */
final class CallScript {
    /** The guest's state cannot be told from here on. */
    static final class NotComparableException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NotComparableException(String message) {
            super(message);
        }
    }

    /**
     * One element of an array, and what was recorded of it.
     *
     * @param record where it was recorded
     * @param refusals while that record came about
     */
    record Operation(Run run, int offset, JournalRecord.Slice record, Refusals refusals) {
        long bfn() {
            return run.bfn() + offset;
        }

        long mfn() {
            return run.mfn() + offset;
        }

        int status() {
            return run.status();
        }
    }

    private final List<PendingRecord> records;
    private final GuestModel guest;
    private int next;
    /** Whether something happened that a page-by-page model cannot follow: then no mismatch is a proof. */
    private boolean doubtful;

    CallScript(List<PendingRecord> records, GuestModel guest) {
        this.records = records;
        this.guest = guest;
    }

    /** Whether a record of the call says so; not all do. */
    boolean isDeferred(int subOp) {
        for (PendingRecord each : records) {
            if (each.record() instanceof JournalRecord.Slice slice && slice.subOp() == subOp && slice.deferred()) {
                return true;
            }
        }
        return false;
    }

    /** The first record that is not a flush of something else in the middle of the call, or null. */
    JournalRecord.@Nullable Slice firstOwn() {
        for (PendingRecord each : records) {
            if (each.record() instanceof JournalRecord.Slice slice && slice.part() != SliceRecord.Part.NESTED) {
                return slice;
            }
        }
        return null;
    }

    boolean isOver() {
        return next == records.size();
    }

    PendingRecord last() {
        return records.getLast();
    }

    /** The operations of the next slice, over all of its records; empty when the next record has none. */
    List<Operation> nextSlice(int subOp) {
        List<Operation> all = new ArrayList<>();
        for (int i = next; i < records.size(); i++) {
            if (records.get(i).record() instanceof JournalRecord.Slice slice && slice.subOp() == subOp) {
                addAll(slice, refusals(i), all);
                if (slice.part() != SliceRecord.Part.OF_SLICE) {
                    break;
                }
            }
        }
        return all;
    }

    private static void addAll(JournalRecord.Slice slice, Refusals refusals, List<Operation> all) {
        for (Run run : slice.runs()) {
            for (int offset = 0; offset < run.count(); offset++) {
                all.add(new Operation(run, offset, slice, refusals));
            }
        }
    }

    /** The next record, which has to be one of a slice or a flush, and the state that it tells; it is not passed yet. */
    JournalRecord.Slice expectSlice(int subOp, int context, String why) {
        if (isOver()) {
            throw differs(last(), "the model expects one more record: " + why, "nothing");
        }
        PendingRecord record = records.get(next);
        if (!(record.record() instanceof JournalRecord.Slice slice)
                || slice.subOp() != subOp
                || slice.context() != context) {
            throw differs(
                    record, "the model expects another record: " + why, IommuOp.name(subOp) + " in context " + context);
        }
        noteEvents(slice);
        return slice;
    }

    void noteEvents(JournalRecord.OfGuest record) {
        for (OutsideEvent event : record.events()) {
            doubtful |= event.kind() == OutsideEvents.Kind.HOST && event.answer() > 0;
        }
    }

    /** From here on the record does not tell enough, for example which of several things the host refused. */
    void doubt() {
        doubtful = true;
    }

    /** What cannot be compared must at least be clear. */
    void requireNoDoubt() {
        if (doubtful) {
            throw new NotComparableException("what the host removed unasked");
        }
    }

    void pass() {
        next++;
    }

    /** The record that is next. */
    PendingRecord current() {
        return records.get(Math.min(next, records.size() - 1));
    }

    /** Compares the state after the record that is next. */
    void compareState() {
        PendingRecord record = current();
        if (!record.record().state().equals(guest.state())) {
            throw differs(
                    record,
                    "the state after it: expected " + record.record().state() + ", got " + guest.state(),
                    guest.state().toString());
        }
    }

    void compareFlush(JournalRecord.Slice slice, boolean expected) {
        if ((slice.flush() != SliceRecord.Flush.NONE) != expected) {
            String got = expected ? "a flush" : "no flush";
            throw differs(current(), "expected flush=" + slice.flush() + ", got " + got, got);
        }
    }

    /** Compares what the model decided of one operation with what was recorded. */
    void compare(Operation operation, int operationInRecord, int status, long nrDone) {
        if (operation.status() != status || operation.run().nrDone() != nrDone) {
            String got = IommuStatus.name(status) + (nrDone == 0 ? "" : " nr_done=" + nrDone);
            throw differs(
                    current(),
                    "operation " + operationInRecord + ": expected "
                            + Describe.run(operation.record().subOp(), operation.run()) + ", got " + got,
                    got);
        }
    }

    RuntimeException differs(String what, String got) {
        return differs(current(), what, got);
    }

    private RuntimeException differs(PendingRecord record, String what, String got) {
        return doubtful ? new NotComparableException(what) : DifferenceException.at(record, what, "the model: " + got);
    }

    // What came from outside.

    /**
     * What was refused while the operations of record {@code index} were done. Flushes of other address spaces in their middle have
     * records of their own before it, which tell of what came before them, too.
     */
    private Refusals refusals(int index) {
        int from = index;
        while (from > 0
                && records.get(from - 1).record() instanceof JournalRecord.Slice slice
                && slice.part() == SliceRecord.Part.NESTED) {
            from--;
        }
        return Refusals.of(records.subList(from, index + 1).stream()
                .map(PendingRecord::record)
                .toList());
    }

    /** While the operations of the record that is next were done. */
    Refusals refusalsOfNext() {
        return refusals(Math.min(next, records.size() - 1));
    }

    /** While what the last record tells came about. */
    Refusals refusalsOfLast() {
        return refusals(records.size() - 1);
    }
}
