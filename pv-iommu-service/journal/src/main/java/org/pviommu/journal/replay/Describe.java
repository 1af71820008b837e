package org.pviommu.journal.replay;

import java.util.List;
import java.util.stream.Collectors;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Access;
import org.pviommu.engine.Change;
import org.pviommu.engine.RequestStatus;
import org.pviommu.journal.record.DomainRequest;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.OutsideEvent;
import org.pviommu.journal.record.Run;

/** Records and runs in words: one line each. */
public final class Describe {
    private static final int MAX_RUNS = 16;

    private Describe() {}

    /** A record in one line. */
    public static String record(JournalRecord record) {
        return switch (record) {
            case JournalRecord.Unfinished unfinished -> "a record that was never finished";
            case JournalRecord.ServiceStart start ->
                "service started, version=" + start.version() + " last_bfn=" + hex(start.lastBfn())
                        + (start.cutsMappings() ? " cuts mappings" : " cannot cut mappings");
            case JournalRecord.ServiceStop stop -> "service stopped";
            case JournalRecord.Fault fault ->
                "fault endpoint=" + hex(fault.endpoint() & 0xffffffffL) + " iova=" + hex(fault.iovaBytes())
                        + (fault.write() ? " write" : " read");
            case JournalRecord.Slice slice -> slice(slice);
            case JournalRecord.Domains domains -> domains(domains);
            case JournalRecord.GuestChange change ->
                "guest=" + change.guestId() + " " + change(change.change()) + rest(change);
        };
    }

    private static String slice(JournalRecord.Slice slice) {
        String runs = slice.runs().stream()
                .limit(MAX_RUNS)
                .map(run -> run(slice.subOp(), run))
                .collect(Collectors.joining("; "));
        int more = slice.runs().size() - MAX_RUNS;
        return "guest=" + slice.guestId() + " context=" + slice.context() + " " + IommuOp.name(slice.subOp())
                + (slice.deferred() ? " deferred" : "") + " " + slice.part() + " flush=" + slice.flush()
                + (slice.roomForMaps() || !asksForMaps(slice.subOp()) ? "" : " no room for maps")
                + (slice.roomForRemovals() || !asksForRemovals(slice.subOp()) ? "" : " no room for removals")
                + " [" + runs + (more > 0 ? "; and " + more + " more" : "") + "]" + rest(slice);
    }

    private static String domains(JournalRecord.Domains record) {
        String requests = record.requests().stream()
                .limit(MAX_RUNS)
                .map(request -> request(request) + " " + RequestStatus.name(request.status()))
                .collect(Collectors.joining("; "));
        int more = record.requests().size() - MAX_RUNS;
        return "guest=" + record.guestId() + " domains flush=" + record.flush()
                + (record.roomForMaps() ? "" : " no room for maps")
                + " [" + requests + (more > 0 ? "; and " + more + " more" : "") + "]" + rest(record);
    }

    /** What a request to a virtio-iommu device asks for. */
    public static String request(DomainRequest request) {
        String domain = " domain " + Integer.toUnsignedString(request.domain());
        return switch (request.kind()) {
            case ATTACH ->
                "attach endpoint " + hex(request.endpoint() & 0xffffffffL) + " to" + (request.option() ? " bypass" : "")
                        + domain;
            case DETACH -> "detach endpoint " + hex(request.endpoint() & 0xffffffffL) + " from" + domain;
            case MAP ->
                "map" + domain + " iova " + iovas(request) + " -> " + hex(request.target()) + " "
                        + Access.name(request.access()) + (request.option() ? " mmio" : "");
            case UNMAP -> "unmap" + domain + " iova " + iovas(request);
        };
    }

    private static String iovas(DomainRequest request) {
        return hex(request.first()) + ".." + hex(request.last());
    }

    private static String endpoints(List<Integer> endpoints) {
        return endpoints.stream().map(each -> hex(each & 0xffffffffL)).toList().toString();
    }

    /** What a call does not do it asks no room for, and its record says that there was none. */
    private static boolean asksForMaps(int subOp) {
        return subOp != IommuOp.UNMAP_PAGE && subOp != IommuOp.UNMAP_RANGE;
    }

    private static boolean asksForRemovals(int subOp) {
        return subOp != IommuOp.MAP_PAGE && subOp != IommuOp.MAP_RANGE;
    }

    private static String rest(JournalRecord.OfGuest record) {
        String events = record.events().stream().map(Describe::event).collect(Collectors.joining(", "));
        return " " + record.state() + (events.isEmpty() ? "" : " outside: " + events)
                + (record.incomplete() ? " (and more that was not kept)" : "")
                + (record.by().isEmpty() ? "" : " by " + record.by());
    }

    private static String event(OutsideEvent event) {
        String calls = event.calls() == 1
                ? "" + event.firstCall()
                : event.firstCall() + ".." + (event.firstCall() + event.calls() - 1);
        return event.kind().name().toLowerCase(java.util.Locale.ROOT) + " " + calls + " answered " + event.answer();
    }

    /** A run in a few words. */
    public static String run(int subOp, Run run) {
        return operands(subOp, run) + " " + status(run.status());
    }

    static String status(int status) {
        return status >= 0 ? RequestStatus.name(status) : IommuStatus.name(status); // 0 is ok in both
    }

    /** What the operations of a run were about. */
    static String operands(int subOp, Run run) {
        return switch (subOp) {
            case IommuOp.ATTACH_DEVICE -> "endpoint " + hex(run.bfn()) + " to context " + run.mfn();
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT -> "context " + run.mfn();
            case IommuOp.UNMAP_RANGE ->
                "bfn " + hex(run.bfn()) + " pages=" + Long.toUnsignedString(run.pages()) + " nr_done=" + run.nrDone();
            case IommuOp.MAP_RANGE ->
                "bfn " + hex(run.bfn()) + " pages=" + Long.toUnsignedString(run.pages()) + " -> " + mfn(run)
                        + " nr_done=" + run.nrDone();
            default ->
                (subOp == IommuOp.MIXED ? IommuOp.name(run.kind()) + " " : "") + "bfn " + hex(run.bfn())
                        + (run.count() == 1 ? "" : " x" + run.count())
                        + (run.kind() == IommuOp.UNMAP_PAGE ? "" : " -> " + mfn(run));
        };
    }

    private static String mfn(Run run) {
        boolean known = (run.flags() & ~Access.READ_WRITE) == 0;
        return "mfn " + hex(run.mfn()) + " " + (known ? Access.name(run.flags()) : "flags=" + hex(run.flags()));
    }

    /** A change in a few words. */
    public static String change(Change change) {
        return switch (change) {
            case Change.GuestAdded added ->
                (added.admitted() ? "came" : "was refused by the host IOMMU") + ", endpoints="
                        + added.endpoints().stream()
                                .map(endpoint -> hex(endpoint.endpointId() & 0xffffffffL))
                                .toList();
            case Change.GuestRemoved removed ->
                removed.done()
                        ? "is gone"
                        : "is dead, its frames stay held" + (removed.heldByGrantees() ? " by grantees" : "");
            case Change.MemoryRegistered memory ->
                "registered mfns " + range(memory.firstMfn(), memory.pages()) + " of inode "
                        + memory.file().inode();
            case Change.MemoryUnregistered memory -> "took back mfns " + range(memory.firstMfn(), memory.pages());
            case Change.GrantGiven grant ->
                "was granted mfns " + range(grant.firstMfn(), grant.pages()) + " " + Access.name(grant.access())
                        + " by guest " + grant.ownerId() + ", its mfn " + hex(grant.ownerFirstMfn());
            case Change.GrantRevoked revoked ->
                "lost the grant at mfn " + hex(revoked.firstMfn())
                        + (revoked.force() ? " and what was mapped of it" : "");
            case Change.GuestReturned returned -> "came back with the same memory";
            case Change.MemoryLost lost ->
                "lost mfns " + range(lost.firstMfn(), lost.pages())
                        + (lost.done() ? "" : ", which the host IOMMU has kept");
            case Change.DeviceOpened opened ->
                (opened.opened() ? "opened a virtio-iommu device" : "could not open a virtio-iommu device")
                        + ", endpoints=" + endpoints(opened.endpoints()) + (opened.bypass() ? " bypass" : "");
            case Change.BypassSet bypass -> bypass.on() ? "lets endpoints bypass" : "lets no endpoint bypass";
            case Change.DeviceReset reset -> "reset its virtio-iommu device";
            case Change.DeviceClosed closed ->
                "closed its virtio-iommu device"
                        + (closed.done() ? "" : ", of which the host IOMMU has kept something");
        };
    }

    private static String range(long first, long pages) {
        return hex(first) + ".." + hex(first + pages - 1);
    }

    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
