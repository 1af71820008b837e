package org.pviommu.server.records;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Access;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.RequestStatus;
import org.pviommu.journal.record.DomainRequest;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.journal.record.Run;
import org.pviommu.journal.replay.Describe;
import org.pviommu.server.EndpointId;
import org.pviommu.server.Text;

/** Turns records into what is shown of them. */
public final class RecordViews {
    /** Runs that a record has in a list; there can be 4096 of them. */
    public static final int RUNS_IN_LISTS = 16;

    private static final int PAGE_SHIFT = 12;

    private RecordViews() {}

    /**
     * One record.
     *
     * @param maxRuns how many runs are shown
     */
    public static RecordView of(long sequence, long timeMillis, JournalRecord record, int maxRuns) {
        JournalRecord.Slice slice = record instanceof JournalRecord.Slice it ? it : null;
        JournalRecord.OfGuest ofGuest = record instanceof JournalRecord.OfGuest it ? it : null;
        JournalRecord.Domains domains = record instanceof JournalRecord.Domains it ? it : null;
        List<RunView> runs = runs(record);
        return new RecordView(
                sequence,
                Instant.ofEpochMilli(timeMillis).toString(),
                lower(kind(record)),
                ofGuest == null ? null : (long) ofGuest.guestId(),
                slice == null ? null : slice.context(),
                slice == null ? null : IommuOp.name(slice.subOp()),
                domains != null ? (Integer) domains.requests().size() : slice == null ? null : slice.operations(),
                slice == null ? null : lower(slice.part()),
                domains != null ? lower(domains.flush()) : slice == null ? null : lower(slice.flush()),
                slice == null ? null : slice.deferred(),
                runs.stream().limit(maxRuns).toList(),
                Math.max(runs.size() - maxRuns, 0),
                ofGuest == null ? null : Text.hex(ofGuest.state().digest()),
                ofGuest == null ? null : ofGuest.state().mappedPages(),
                ofGuest == null ? null : ofGuest.state().heldFrames(),
                ofGuest == null || ofGuest.by().isEmpty() ? null : ofGuest.by(),
                Describe.record(record));
    }

    private static List<RunView> runs(JournalRecord record) {
        return switch (record) {
            case JournalRecord.Slice slice ->
                slice.runs().stream().map(RecordViews::run).toList();
            case JournalRecord.Domains domains ->
                domains.requests().stream().map(RecordViews::request).toList();
            default -> List.of();
        };
    }

    /** A request to a virtio-iommu device by its frames; to the byte it is in the text of the record. */
    private static RunView request(DomainRequest request) {
        boolean maps = request.kind() == DomainRecord.Kind.MAP;
        return new RunView(
                "virtio_" + lower(request.kind()),
                1,
                request.hasRange() ? Text.hex(request.first() >>> PAGE_SHIFT) : null,
                maps ? Text.hex(request.target() >>> PAGE_SHIFT) : null,
                maps ? Access.name(request.access()) : null,
                request.hasRange()
                        ? Text.hex((request.last() >>> PAGE_SHIFT) - (request.first() >>> PAGE_SHIFT) + 1)
                        : null,
                null,
                request.hasRange() ? null : EndpointId.format(request.endpoint()),
                Integer.toUnsignedLong(request.domain()),
                request.status(),
                RequestStatus.name(request.status()));
    }

    private static RecordKind kind(JournalRecord record) {
        return switch (record) {
            case JournalRecord.Unfinished it -> RecordKind.UNFINISHED;
            case JournalRecord.ServiceStart it -> RecordKind.SERVICE_START;
            case JournalRecord.ServiceStop it -> RecordKind.SERVICE_STOP;
            case JournalRecord.Slice it -> RecordKind.SLICE;
            case JournalRecord.GuestChange it -> RecordKind.CHANGE;
            case JournalRecord.Domains it -> RecordKind.DOMAINS;
            case JournalRecord.Fault it -> RecordKind.FAULT;
        };
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static RunView run(Run run) {
        boolean range = run.kind() == IommuOp.MAP_RANGE || run.kind() == IommuOp.UNMAP_RANGE;
        boolean maps = run.kind() == IommuOp.MAP_RANGE || run.kind() == IommuOp.MAP_PAGE;
        boolean attaches = run.kind() == IommuOp.ATTACH_DEVICE;
        return new RunView(
                IommuOp.name(run.kind()),
                run.count(),
                hasBfns(run) ? Text.hex(run.bfn()) : null,
                maps ? Text.hex(run.mfn()) : null,
                maps ? access(run.flags()) : null,
                range ? Text.hex(run.pages()) : null,
                range ? (Long) run.nrDone() : null,
                attaches ? EndpointId.format((int) run.bfn()) : null,
                hasBfns(run) ? null : (Long) run.mfn(),
                run.status(),
                IommuStatus.name(run.status()));
    }

    /** Whether it is about bus frames, and not about contexts or devices. */
    static boolean hasBfns(Run run) {
        return switch (run.kind()) {
            case IommuOp.ATTACH_DEVICE, IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT -> false;
            default -> true; // a mixed call may have elements of no known kind; what they say is still about a bfn
        };
    }

    private static @Nullable String access(int flags) {
        return (flags & ~Access.READ_WRITE) == 0 ? Access.name(flags) : Text.hex(flags & 0xffff_ffffL);
    }
}
