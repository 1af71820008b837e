package org.pviommu.journal.replay;

import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.RequestStatus;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.DomainRequest;
import org.pviommu.journal.record.JournalRecord;

/** A batch of requests on the model: each status is decided anew and compared. */
final class ModelRequests {
    private final GuestModel guest;
    private final DeviceModel device;
    private final CallScript script;
    private final JournalRecord.Domains record;
    private final long lastBfn;

    ModelRequests(GuestModel guest, DeviceModel device, CallScript script, JournalRecord.Domains record, long lastBfn) {
        this.guest = guest;
        this.device = device;
        this.script = script;
        this.record = record;
        this.lastBfn = lastBfn;
    }

    void run() {
        script.noteEvents(record);
        if (script.refusalsOfLast().any()) {
            script.doubt(); // which of several things the host refused
        }
        int index = 0;
        for (DomainRequest request : record.requests()) {
            int status = status(request);
            if (status != request.status()) {
                throw script.differs(
                        "request " + index + ": expected " + Describe.request(request) + " "
                                + RequestStatus.name(request.status()) + ", got " + RequestStatus.name(status),
                        RequestStatus.name(status));
            }
            index++;
        }
        if (device.needsFlush() && record.flush() == SliceRecord.Flush.NONE) {
            throw script.differs("expected no flush, got a flush", "a flush");
        }
        script.compareState();
        if (record.flush() == SliceRecord.Flush.DONE) {
            device.flushed();
        }
        script.pass();
    }

    private int status(DomainRequest request) {
        boolean room = switch (request.kind()) {
            case ATTACH, MAP -> record.roomForMaps();
            case DETACH, UNMAP -> record.roomForRemovals();
        };
        if (!room) {
            return request.kind() == DomainRecord.Kind.ATTACH ? notTried(request) : RequestStatus.IOERR;
        }
        return switch (request.kind()) {
            case ATTACH -> attach(request);
            case DETACH -> detach(request);
            case MAP -> map(request);
            case UNMAP -> unmap(request);
        };
    }

    private int notTried(DomainRequest request) {
        DeviceModel.Domain domain = device.domainOf(request.endpoint());
        boolean leaves = domain != null && domain.id != request.domain();
        return leaves ? RequestStatus.UNSUPP : RequestStatus.IOERR;
    }

    /** What the host refused changes nothing here; where it has changed something nevertheless, the state will differ. */
    private boolean isRefused(DomainRequest request, int... statuses) {
        if (script.refusalsOfLast().any()) {
            for (int status : statuses) {
                if (request.status() == status) {
                    return true;
                }
            }
        }
        return false;
    }

    private int attach(DomainRequest request) {
        EndpointDescriptor endpoint = guest.endpoint(request.endpoint());
        if (endpoint == null || !device.governs(request.endpoint())) {
            return RequestStatus.NOENT;
        }
        DeviceModel.Domain domain = device.domain(request.domain());
        if (domain != null && domain.bypass != request.option()) {
            return RequestStatus.INVAL;
        }
        if (domain != null && !device.accepts(domain, endpoint)) {
            return RequestStatus.UNSUPP;
        }
        int noMemory = device.domainOf(request.endpoint()) == null ? RequestStatus.NOMEM : RequestStatus.UNSUPP;
        if (domain == null && !device.hasRoomForDomain()) {
            return noMemory;
        }
        boolean noTables = domain == null && request.status() == noMemory && mayLackTables();
        if (noTables || isRefused(request, RequestStatus.UNSUPP, RequestStatus.NOMEM, RequestStatus.DEVERR)) {
            return request.status();
        }
        device.move(request.endpoint(), domain == null ? device.add(request.domain(), request.option()) : domain);
        return RequestStatus.OK;
    }

    private int detach(DomainRequest request) {
        if (!device.governs(request.endpoint())) {
            return RequestStatus.NOENT;
        }
        DeviceModel.Domain domain = device.domainOf(request.endpoint());
        if (domain == null || domain.id != request.domain()) {
            return RequestStatus.INVAL;
        }
        if (isRefused(request, RequestStatus.DEVERR)) {
            return request.status();
        }
        device.move(request.endpoint(), null);
        return RequestStatus.OK;
    }

    private int map(DomainRequest request) {
        DeviceModel.Domain domain = device.domain(request.domain());
        if (domain == null) {
            return RequestStatus.NOENT;
        }
        if (domain.bypass || Long.compareUnsigned(request.last(), request.first()) < 0) {
            return RequestStatus.INVAL;
        }
        long lastTarget = request.target() + (request.last() - request.first());
        if (Long.compareUnsigned(lastTarget, request.target()) < 0) {
            return RequestStatus.RANGE;
        }
        boolean taken = domain.entries.stream().anyMatch(entry -> entry.overlaps(request.first(), request.last()));
        if (taken || device.isReserved(domain, request.first(), request.last())) {
            return RequestStatus.INVAL;
        }
        DeviceModel.Entry entry = new DeviceModel.Entry(
                request.first(),
                request.last(),
                request.target(),
                request.access(),
                request.option(),
                guest.regionSerial);
        if (device.lastBfn(entry) > lastBfn) {
            return RequestStatus.RANGE;
        }
        if (device.frames(entry, null) > guest.policy.maxMappedFrames() - guest.mappedPages()) {
            return RequestStatus.NOMEM;
        }
        boolean noTables = request.status() == RequestStatus.NOMEM && mayLackTables();
        if (noTables || isRefused(request, RequestStatus.NOMEM, RequestStatus.DEVERR)) {
            return request.status();
        }
        device.map(domain, entry);
        return RequestStatus.OK;
    }

    /** How full the nodes of the engine's trees are is nothing that a list could tell; that they are far from full, it can. */
    private boolean mayLackTables() {
        return !script.refusalsOfLast().mapStatuses().isEmpty()
                || 4 * (device.mappings() + guest.tablePages() + 16) > guest.policy.maxTablePages();
    }

    private int unmap(DomainRequest request) {
        DeviceModel.Domain domain = device.domain(request.domain());
        if (domain == null) {
            return RequestStatus.NOENT;
        }
        long first = request.first();
        long last = request.last();
        if (domain.bypass || Long.compareUnsigned(last, first) < 0) {
            return RequestStatus.INVAL;
        }
        if (domain.entries.stream().anyMatch(entry -> entry.overlaps(first, last) && !entry.within(first, last))) {
            return RequestStatus.RANGE;
        }
        if (isRefused(request, RequestStatus.IOERR)) {
            throw new CallScript.NotComparableException("which mappings the host did not remove");
        }
        device.removeAll(domain, first, last);
        return RequestStatus.OK;
    }
}
