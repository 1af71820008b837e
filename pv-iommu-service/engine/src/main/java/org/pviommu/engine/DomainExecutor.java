package org.pviommu.engine;

import java.util.List;
import org.pviommu.engine.DomainRecord.Kind;

/**
 * A virtio-iommu device's side of the engine: domains, attachments and mappings of one guest, in batches. The guest is locked from
 * the first request of a batch to {@link #endBatch}, which flushes once what the batch has removed, records it, and only then lets frames
 * go. Requests allocate nothing, except for those that make or end a domain.
 *
 * <p>Answers are numbers of {@link RequestStatus}; one that is not OK has changed nothing, apart from an UNMAP that the host IOMMU refused
 * in part. One thread, that of the device.
 */
public final class DomainExecutor implements AutoCloseable {
    private final Guest guest;
    private final GuestDomains domains;
    private final DomainRecord record;
    private boolean inBatch;
    private boolean roomForMaps;
    private boolean roomForRemovals;
    /** Whether a part of the batch that was ended early could not be flushed. */
    private boolean failed;

    private boolean closed;

    /**
     * Opens a guest's virtio-iommu device: the endpoints leave the address spaces of hypercalls, and reach what bypass says. A device
     * that was open when the service stopped, and whose guest has come back, goes on as it was, with these endpoints.
     *
     * @param endpoints of the guest, in whole groups
     * @param bypass whether unattached endpoints reach the guest's memory; of no meaning for a device that goes on
     * @throws EngineException NOT_FOUND for a guest that is gone, INVALID for endpoints that are not the guest's or part a group, BUSY when
     *     a device is open, NO_ROOM to record it, HOST when the host IOMMU does not let an endpoint go
     */
    public DomainExecutor(Engine engine, Guest guest, List<Integer> endpoints, boolean bypass) {
        this.guest = guest;
        this.record = new DomainRecord(guest);
        this.domains = new DomainDevice(engine, guest).open(endpoints, bypass);
    }

    /**
     * Attaches an endpoint, away from where it was; a domain that is not there is made, one that has lost its last endpoint goes.
     *
     * @return NOENT for an endpoint that is not the device's, INVAL for a domain of the other kind, UNSUPP when the endpoint reserves what
     *     is mapped, would get into firmware's memory, or the host IOMMU refuses, NOMEM at the bound on address spaces or tables; an endpoint
     *     that is in another domain and cannot leave it is always UNSUPP
     */
    public int attach(int domain, int endpoint, boolean bypass) {
        begin();
        int status = roomForMaps ? domains.attach(domain, endpoint, bypass) : domains.notTried(domain, endpoint);
        return note(record.attachment(Kind.ATTACH, domain, endpoint, bypass, status));
    }

    /** Detaches; NOENT for an endpoint that is not the device's, INVAL when it is not in that domain. */
    public int detach(int domain, int endpoint) {
        begin();
        int status = roomForRemovals ? domains.detach(domain, endpoint) : RequestStatus.IOERR;
        return note(record.attachment(Kind.DETACH, domain, endpoint, false, status));
    }

    /**
     * Maps bytes [first, last] to guest addresses from {@code target} on. Whatever of it is no memory of the guest, or device registers, is
     * kept and faults; the host IOMMU gets whole frames of memory only.
     *
     * @param access {@link Access} bits; 0 keeps the range and lets nobody in
     * @return NOENT for no such domain, INVAL for a bypass domain, an overlap or what an endpoint reserves, RANGE when the target wraps or
     *     the host IOMMU cannot translate so high, NOMEM at a quota, DEVERR when the host IOMMU refuses
     */
    public int map(int domain, long first, long last, long target, int access, boolean mmio) {
        begin();
        int status = roomForMaps ? domains.map(domain, first, last, target, access, mmio) : RequestStatus.IOERR;
        return note(record.mapping(Kind.MAP, domain, first, last, target, access, mmio, status));
    }

    /** Unmaps; NOENT, INVAL for a bypass domain, RANGE when a mapping would be cut, IOERR when the host IOMMU kept some of it. */
    public int unmap(int domain, long first, long last) {
        begin();
        int status = roomForRemovals ? domains.unmap(domain, first, last) : RequestStatus.IOERR;
        return note(record.mapping(Kind.UNMAP, domain, first, last, 0, 0, false, status));
    }

    private int note(int status) {
        guest.counters().operations.add(1);
        if (status != RequestStatus.OK) {
            guest.counters().failures.add(1);
        }
        return status;
    }

    private void begin() {
        if (inBatch && record.count() == DomainRecord.MAX_REQUESTS) {
            failed |= !finish();
        }
        if (!inBatch) {
            guest.lock().lock();
            inBatch = true;
            start();
        }
    }

    private void start() {
        boolean served = !closed && guest.isAlive();
        roomForMaps = served && guest.log().reserve(DomainRecord.MAX_REQUESTS, false);
        roomForRemovals = roomForMaps || (served && guest.log().reserve(DomainRecord.MAX_REQUESTS, true));
        record.start(roomForMaps, roomForRemovals);
        guest.beginCall();
    }

    /**
     * Ends a batch: one flush, one record, then the frames that were removed are let go.
     *
     * @return false when the flush failed: what the batch has removed is held until a later one goes well, and none of its removals is
     *     a success. True when there was no request
     */
    public boolean endBatch() {
        boolean good = !inBatch || finish();
        good &= !failed;
        failed = false;
        return good;
    }

    private boolean finish() {
        try {
            if (!roomForRemovals) {
                guest.endCallUnrecorded(); // nothing was changed
                return true;
            }
            boolean needed = domains.needsFlush();
            boolean flushed = domains.flush();
            if (needed) {
                record.flush(flushed ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED);
            }
            guest.commit(record);
            domains.release();
            return flushed;
        } finally {
            inBatch = false;
            guest.lock().unlock();
        }
    }

    /** Whether unattached endpoints reach the guest's memory from now on. A batch of its own; what the host IOMMU refuses is blocked. */
    public void setBypass(boolean on) {
        endBatch();
        change(() -> {
            if (domains.bypass() != on) {
                domains.setBypass(on);
                finishChange(new Change.BypassSet(on));
            }
        });
    }

    /** All attachments and domains end, bypass stays. A batch of its own. */
    public void reset() {
        endBatch();
        change(() -> {
            domains.reset();
            finishChange(new Change.DeviceReset());
        });
    }

    private void change(Runnable action) {
        guest.locked(() -> {
            if (!closed && guest.isAlive()) {
                guest.beginCall();
                action.run();
                guest.endCallUnrecorded();
            }
        });
    }

    /** Recorded before anything is let go. */
    private void finishChange(Change change) {
        domains.flush();
        guest.changed(change);
        domains.release();
    }

    /**
     * The device goes away: its endpoints are blocked and its domains are gone. What the host IOMMU does not let go of stays held, until
     * another device is opened or the guest goes. The guest may open another one.
     */
    @Override
    public void close() {
        endBatch();
        change(() -> guest.device().close(domains));
        closed = true;
    }
}
