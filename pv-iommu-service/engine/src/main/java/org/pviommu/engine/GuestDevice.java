package org.pviommu.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A guest's virtio-iommu device from its opening to its end, or that there is none. Changed under the guest's lock. */
final class GuestDevice {
    private final Guest guest;
    private volatile @Nullable GuestDomains domains;
    /** Whether it was open when the service stopped, and nobody has it yet. */
    private boolean returned;

    GuestDevice(Guest guest) {
        this.guest = guest;
    }

    @Nullable
    GuestDomains domains() {
        return domains;
    }

    void opened(GuestDomains newDomains) {
        domains = newDomains;
    }

    /** It was open before a restart, and waits for whoever opens it. */
    void returned(GuestDomains newDomains) {
        domains = newDomains;
        returned = true;
    }

    boolean isReturned() {
        return returned;
    }

    void taken() {
        returned = false;
    }

    // ---- what can be seen; any thread

    List<DomainInfo> list() {
        GuestDomains open = domains;
        return open == null ? List.of() : open.list();
    }

    List<Integer> endpointIds() {
        GuestDomains open = domains;
        return open == null ? List.of() : open.endpointIds();
    }

    boolean bypass() {
        GuestDomains open = domains;
        return open != null && open.bypass();
    }

    List<RangeMapping> mappings(int domain, long fromIova, int limit) {
        GuestDomains open = domains;
        RangeSpace space = open == null ? null : open.space(domain);
        return space == null ? List.of() : space.list(fromIova, limit);
    }

    // ---- under the lock

    /** Whether it decides where the DMA of this endpoint leads. */
    boolean governs(int endpointId) {
        GuestDomains open = domains;
        return open != null && open.governs(endpointId);
    }

    /** Ends it; false when the host IOMMU did not let go of everything, and it can be tried again. */
    boolean close(GuestDomains open) {
        guest.beginCall();
        boolean done = end(open);
        guest.changed(new Change.DeviceClosed(done));
        return done;
    }

    boolean tearDown() {
        GuestDomains open = domains;
        if (open == null) {
            return true;
        }
        open.requireWholeFlush();
        return end(open);
    }

    private boolean end(GuestDomains open) {
        open.beginClosing();
        open.flush();
        open.release();
        boolean done = open.finishClosing();
        if (done) {
            domains = null;
        }
        return done;
    }

    /** Flushes what domains owe, recorded on its own; nothing when they owe nothing. Not in a call. */
    void flush() {
        GuestDomains open = domains;
        if (open == null || !open.needsFlush() || !guest.log().reserve(1, true)) {
            return;
        }
        guest.beginCall();
        DomainRecord record = new DomainRecord(guest);
        record.start(true, true);
        record.flush(open.flush() ? SliceRecord.Flush.DONE : SliceRecord.Flush.FAILED);
        guest.commit(record);
        open.release();
    }

    /** The host IOMMU has begun anew: nothing is owed. */
    void forgetOwed() {
        GuestDomains open = domains;
        if (open != null) {
            open.requireWholeFlush();
            open.flush();
            open.release();
        }
    }

    /** Before a domain's removal: flushes early when the bound on held frames is reached. Nothing leaves the guest meanwhile. */
    void flushEarly() {
        GuestDomains open = domains;
        if (open != null && guest.holdableFrames() <= 0) {
            guest.counters().earlyFlushes.add(1);
            open.flushEarly();
        }
    }

    /** Something was removed from a domain. */
    void changed() {
        GuestDomains open = domains;
        if (open != null) {
            open.changed();
        }
    }

    /** There is more memory. */
    void memoryAdded() {
        GuestDomains open = domains;
        if (open != null) {
            open.memoryAdded();
        }
    }

    /** Whether something of the guest's memory may be reached without being mapped. */
    boolean hasIdentity() {
        GuestDomains open = domains;
        return open != null && open.hasIdentity();
    }

    void freeRetired() {
        GuestDomains open = domains;
        if (open != null) {
            open.freeRetired();
        }
    }
}
