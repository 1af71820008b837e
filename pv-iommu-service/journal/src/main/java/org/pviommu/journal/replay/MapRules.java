package org.pviommu.journal.replay;

import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuStatus;

/** Whether a page may be mapped, as the page on the hypercall ABI says it, in its order. */
final class MapRules {
    /** A frame is led to by at most so many entries; the next number marks the hypervisor's frames. */
    private static final long MAX_HOLDS = 65_534;

    private MapRules() {}

    /**
     * The status of a map of one page that the host IOMMU does not refuse.
     *
     * @param mapsAgain whether the call may map what it has removed itself
     */
    static int check(
            SpaceModel space, GuestModel guest, long lastBfn, boolean mapsAgain, long bfn, long mfn, int flags) {
        if (flags != IommuMapOp.READABLE && flags != (IommuMapOp.READABLE | IommuMapOp.WRITEABLE)) {
            return IommuStatus.EINVAL;
        }
        if (isOutside(bfn, lastBfn)) {
            return IommuStatus.ERANGE;
        }
        if (guest.isReserved(space, bfn)) {
            return IommuStatus.EADDRNOTAVAIL;
        }
        int frame = checkFrame(guest, mfn, flags);
        if (frame != IommuStatus.OK) {
            return frame;
        }
        if (space.isOccupied(bfn) && !(mapsAgain && space.isFresh(bfn))) {
            return IommuStatus.EADDRINUSE;
        }
        if (guest.mappedPages() >= guest.policy.maxMappedFrames() || guest.holds(mfn) >= MAX_HOLDS) {
            return IommuStatus.ENOSPC;
        }
        boolean hasTables = guest.tablePages() + space.missingTables(bfn) <= guest.policy.maxTablePages();
        return hasTables ? IommuStatus.OK : IommuStatus.ENOSPC;
    }

    private static int checkFrame(GuestModel guest, long mfn, int flags) {
        RegionModel region = guest.region(mfn);
        if (region == null) {
            return IommuStatus.ENXIO;
        }
        boolean permitted = !guest.isHypervisors(mfn) && !region.revoked && (flags & ~region.access) == 0;
        return permitted ? IommuStatus.OK : IommuStatus.EPERM;
    }

    static boolean isOutside(long bfn, long lastBfn) {
        return bfn < 0 || bfn > lastBfn;
    }

    /** Whether {@code pages} frames from {@code first} on go beyond 2^64. */
    static boolean wraps(long first, long pages) {
        return Long.compareUnsigned(first + pages - 1, first) < 0;
    }
}
