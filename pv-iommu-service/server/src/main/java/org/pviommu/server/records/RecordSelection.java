package org.pviommu.server.records;

import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.journal.record.DomainRequest;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.Run;

/**
 * Which records somebody wants: those that meet everything that is said here. A record has to have at least one operation that
 * meets what is said about operations.
 *
 * @param guest of this guest only; null for all, and those of none
 * @param context about this address space only; null for all
 * @param bfns about these bus frames only; null for all
 * @param status with an operation of this outcome; null for all
 * @param sinceMillis not older than this
 * @param untilMillis not younger than this
 */
public record RecordSelection(
        @Nullable Integer guest,
        @Nullable Integer context,
        @Nullable BfnRange bfns,
        @Nullable StatusTest status,
        long sinceMillis,
        long untilMillis) {
    private static final int PAGE_SHIFT = 12;

    /** All records. */
    public static RecordSelection all() {
        return new RecordSelection(null, null, null, null, Long.MIN_VALUE, Long.MAX_VALUE);
    }

    /** Whether a record of this time can be one of them; asked before it is decoded. */
    public boolean acceptsTime(long timeMillis) {
        return timeMillis >= sinceMillis && timeMillis <= untilMillis;
    }

    /** Whether it is one of them, apart from its time. */
    public boolean accepts(JournalRecord record) {
        boolean ofGuest =
                guest == null || (record instanceof JournalRecord.OfGuest its && its.guestId() == guest.intValue());
        return ofGuest && (saysNothingOfOperations() || acceptsOperations(record));
    }

    private boolean saysNothingOfOperations() {
        return context == null && bfns == null && status == null;
    }

    private boolean acceptsOperations(JournalRecord record) {
        return switch (record) {
            case JournalRecord.Slice slice -> slice.runs().stream().anyMatch(run -> accepts(slice, run));
            case JournalRecord.Domains domains ->
                context == null && domains.requests().stream().anyMatch(this::accepts);
            case JournalRecord.Fault fault ->
                context == null && status == null && bfns != null && bfns.contains(fault.iovaBytes() >>> PAGE_SHIFT);
            default -> false;
        };
    }

    private boolean accepts(DomainRequest request) {
        boolean named = bfns == null
                || (request.hasRange() && bfns.meets(request.first() >>> PAGE_SHIFT, request.last() >>> PAGE_SHIFT));
        return named && (status == null || status.acceptsRequest(request.status()));
    }

    private boolean accepts(JournalRecord.Slice slice, Run run) {
        return (context == null || contextOf(slice, run) == context)
                && (bfns == null || bfns.meets(run))
                && (status == null || status.accepts(run.status()));
    }

    private static long contextOf(JournalRecord.Slice slice, Run run) {
        return switch (run.kind()) {
            case IommuOp.ATTACH_DEVICE, IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT -> run.mfn();
            default -> slice.context();
        };
    }
}
