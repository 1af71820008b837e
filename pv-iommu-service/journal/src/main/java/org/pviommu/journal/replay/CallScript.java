package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
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
    private static final int EBUSY = 16;
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;
    private static final int FLUSH_ATTEMPTS = 3;

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
     */
    record Operation(int index, Run run, int offset, JournalRecord.Slice record) {
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
                addAll(slice, all);
                if (slice.part() != SliceRecord.Part.OF_SLICE) {
                    break;
                }
            }
        }
        return all;
    }

    private static void addAll(JournalRecord.Slice slice, List<Operation> all) {
        for (Run run : slice.runs()) {
            for (int offset = 0; offset < run.count(); offset++) {
                all.add(new Operation(all.size(), run, offset, slice));
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

    /** How often the host refused something in that record, the attempts of a flush that failed not counted. */
    static int refusals(JournalRecord.OfGuest record) {
        int calls = 0;
        for (OutsideEvent event : record.events()) {
            if (event.kind() == OutsideEvents.Kind.HOST && event.answer() <= 0) {
                calls += event.calls();
            }
        }
        boolean flushFailed = record instanceof JournalRecord.Slice slice && slice.flush() == SliceRecord.Flush.FAILED;
        return flushFailed ? Math.max(0, calls - FLUSH_ATTEMPTS) : calls;
    }

    /** Statuses that a map has when the host or the table pool refuses it. */
    static boolean isRefusedMap(JournalRecord.Slice record, int status) {
        return refusedAs(record, status, true);
    }

    /** Statuses that an unmap has when the host refuses it. */
    static boolean isRefusedUnmap(JournalRecord.Slice record, int status) {
        return refusedAs(record, status, false);
    }

    /** Whether an element of free_context or attach_device has that status because the host refused one of several things. */
    static boolean isRefusedOther(JournalRecord.Slice record, int status) {
        return status == IommuStatus.EIO ? refusals(record) > 0 : isRefusedUnmap(record, status);
    }

    private static boolean refusedAs(JournalRecord.Slice record, int status, boolean map) {
        if (status == IommuStatus.OK) {
            return false;
        }
        Set<Integer> possible = new TreeSet<>();
        for (OutsideEvent event : record.events()) {
            if (event.kind() == OutsideEvents.Kind.TABLE) {
                possible.add(map ? IommuStatus.ENOMEM : IommuStatus.OK);
            } else if (refusals(record) > 0) {
                possible.add(map ? mapStatus(event.answer()) : unmapStatus(event.answer()));
            }
        }
        return possible.contains(status);
    }

    private static int mapStatus(long answer) {
        if (answer == -ENOMEM) {
            return IommuStatus.ENOMEM;
        }
        return answer == -ENOSPC ? IommuStatus.ENOSPC : IommuStatus.EIO;
    }

    private static int unmapStatus(long answer) {
        return answer == -EBUSY ? IommuStatus.EBUSY : IommuStatus.EIO;
    }
}
