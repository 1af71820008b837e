package org.pviommu.engine;

import java.util.List;

/**
 * Memory that a guest does not have any more, because its virtual machine took it away without asking: a vhost-user front-end tells it,
 * and cannot be refused. Under the guest's lock.
 */
final class MemoryLoss {
    private final Guest guest;

    MemoryLoss(Guest guest) {
        this.guest = guest;
    }

    /** Ends everything that leads to {@code region}, recorded; false when it has to be tried again. */
    boolean lose(GuestRegion region) {
        guest.beginCall();
        if (!region.isLost()) {
            guest.setRegionSerial(guest.regionSerial() + 1);
            region.lose(guest.regionSerial());
        }
        boolean unmapped = unmap(region);
        boolean done = unmapped && flush() && !region.hasLiveGrants();
        if (done) {
            settle(region);
            done = region.totalHolds() == 0;
        }
        guest.changed(new Change.MemoryLost(region.firstMfn(), region.pages(), done));
        if (done) {
            guest.closeRegion(region);
        }
        return done;
    }

    private boolean unmap(GuestRegion region) {
        boolean all = true;
        for (AddressSpace space : guest.addressSpaces()) {
            all &= space.removeRunsTo(region);
        }
        GuestDomains domains = guest.device().domains();
        boolean ofDomains = domains == null || domains.unmapFrom(region);
        return all && ofDomains;
    }

    /** Of everything, what page-granular address spaces owe included: it may lead there, too. */
    private boolean flush() {
        boolean all = true;
        for (AddressSpace space : guest.addressSpaces()) {
            if (!space.gather().isEmpty()) {
                boolean flushed = space.flush();
                all &= flushed;
                if (flushed) {
                    space.releaseOwed();
                }
            }
        }
        GuestDomains domains = guest.device().domains();
        if (domains != null) {
            domains.changed();
            all &= domains.flush();
            domains.release();
        }
        guest.readers().awaitReaders();
        return all;
    }

    private void settle(GuestRegion region) {
        GuestDomains domains = guest.device().domains();
        if (domains != null) {
            domains.forget(region);
        }
    }

    /** At a new start the host IOMMU has begun anew: what was lost, but kept by it, can go. */
    void finish() {
        for (GuestRegion region : List.copyOf(guest.regions())) {
            if (region.isLost() && !region.isGranted() && unmap(region) && flush() && !region.hasLiveGrants()) {
                settle(region);
                if (region.totalHolds() == 0) {
                    guest.closeRegion(region);
                }
            }
        }
    }
}
