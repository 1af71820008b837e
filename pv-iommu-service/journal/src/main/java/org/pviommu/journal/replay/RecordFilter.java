package org.pviommu.journal.replay;

import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.journal.record.Run;

/**
 * Which records somebody wants to see: those that satisfy each part that is given. Ranges are inclusive.
 *
 * @param guestId records of this guest, or null
 * @param context slices of this address space, and what makes it, frees it or attaches endpoints to it, or null
 * @param firstBfn with {@code lastBfn}: slices with an operation on one of these bus frames, or null
 * @param lastBfn see {@code firstBfn}; null means the one bus frame
 * @param status slices with an operation that has this status, or null; with bus frames it has to be an operation on these
 * @param kind records of this kind, or null
 * @param firstSequence records from this one on
 * @param lastSequence records up to this one
 * @param firstMillis records made at this time or later, in milliseconds since 1970
 * @param lastMillis records made at this time or before
 */
public record RecordFilter(
        @Nullable Integer guestId,
        @Nullable Integer context,
        @Nullable Long firstBfn,
        @Nullable Long lastBfn,
        @Nullable Integer status,
        @Nullable RecordKind kind,
        long firstSequence,
        long lastSequence,
        long firstMillis,
        long lastMillis)
        implements Predicate<JournalRecord> {

    /** Refuses a range of bus frames that ends before it begins. */
    public RecordFilter {
        if (firstBfn != null && lastBfn == null) {
            lastBfn = firstBfn;
        }
        if (firstBfn != null && lastBfn != null && Long.compareUnsigned(firstBfn, lastBfn) > 0) {
            throw new IllegalArgumentException("firstBfn=" + firstBfn + " lastBfn=" + lastBfn);
        }
    }

    /** All records. */
    public static RecordFilter all() {
        return new RecordFilter(null, null, null, null, null, null, 0, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE);
    }

    /** Only of this guest. */
    public RecordFilter ofGuest(int newGuestId) {
        return new RecordFilter(
                newGuestId,
                context,
                firstBfn,
                lastBfn,
                status,
                kind,
                firstSequence,
                lastSequence,
                firstMillis,
                lastMillis);
    }

    /** Only of this address space. */
    public RecordFilter ofContext(int newContext) {
        return new RecordFilter(
                guestId,
                newContext,
                firstBfn,
                lastBfn,
                status,
                kind,
                firstSequence,
                lastSequence,
                firstMillis,
                lastMillis);
    }

    /** Only with operations on bus frames {@code [first, last]}. */
    public RecordFilter onBfns(long first, long last) {
        return new RecordFilter(
                guestId, context, first, last, status, kind, firstSequence, lastSequence, firstMillis, lastMillis);
    }

    /** Only with operations that have this status. */
    public RecordFilter withStatus(int newStatus) {
        return new RecordFilter(
                guestId,
                context,
                firstBfn,
                lastBfn,
                newStatus,
                kind,
                firstSequence,
                lastSequence,
                firstMillis,
                lastMillis);
    }

    /** Only of this kind. */
    public RecordFilter ofKind(RecordKind newKind) {
        return new RecordFilter(
                guestId,
                context,
                firstBfn,
                lastBfn,
                status,
                newKind,
                firstSequence,
                lastSequence,
                firstMillis,
                lastMillis);
    }

    /** Only records {@code [first, last]}. */
    public RecordFilter between(long first, long last) {
        return new RecordFilter(
                guestId, context, firstBfn, lastBfn, status, kind, first, last, firstMillis, lastMillis);
    }

    /** Only records made in {@code [first, last]}, in milliseconds since 1970. */
    public RecordFilter madeBetween(long first, long last) {
        return new RecordFilter(
                guestId, context, firstBfn, lastBfn, status, kind, firstSequence, lastSequence, first, last);
    }

    /** Whether the record is wanted, by its number, its time and its content. */
    public boolean matches(long sequence, long timeMillis, JournalRecord record) {
        return firstSequence <= sequence
                && sequence <= lastSequence
                && firstMillis <= timeMillis
                && timeMillis <= lastMillis
                && test(record);
    }

    /** Whether the record is wanted by its content. */
    @Override
    public boolean test(JournalRecord record) {
        return (kind == null || kind == kindOf(record))
                && (guestId == null
                        || (record instanceof JournalRecord.OfGuest ofGuest && ofGuest.guestId() == guestId))
                && (context == null || (record instanceof JournalRecord.Slice slice && concerns(slice, context)))
                && ((firstBfn == null && status == null)
                        || (record instanceof JournalRecord.Slice slice && hasRun(slice)));
    }

    private static boolean concerns(JournalRecord.Slice slice, int wanted) {
        return switch (slice.subOp()) {
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE ->
                slice.runs().stream().anyMatch(run -> run.mfn() == wanted);
            default -> slice.context() == wanted;
        };
    }

    private boolean hasRun(JournalRecord.Slice slice) {
        for (Run run : slice.runs()) {
            boolean onBfns = firstBfn == null || lastBfn == null || Touch.any(slice.subOp(), run, firstBfn, lastBfn);
            if (onBfns && (status == null || run.status() == status)) {
                return true;
            }
        }
        return false;
    }

    private static RecordKind kindOf(JournalRecord record) {
        return switch (record) {
            case JournalRecord.Unfinished unfinished -> RecordKind.UNFINISHED;
            case JournalRecord.ServiceStart start -> RecordKind.SERVICE_START;
            case JournalRecord.ServiceStop stop -> RecordKind.SERVICE_STOP;
            case JournalRecord.Slice slice -> RecordKind.SLICE;
            case JournalRecord.GuestChange change -> RecordKind.CHANGE;
            case JournalRecord.Fault fault -> RecordKind.FAULT;
        };
    }
}
