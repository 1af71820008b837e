package org.pviommu.systemtests.differential;

import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Access;

/** Which status a map of one page deserves, in the order of the ABI, and whether a bus frame is there. */
final class MapRules {
    private final WorldShape shape;
    private final RunningCall run;

    MapRules(WorldShape shape, RunningCall run) {
        this.shape = shape;
        this.run = run;
    }

    boolean outsideAperture(long bfn) {
        return bfn < 0 || bfn > shape.lastBfn();
    }

    int lookup(long bfn) {
        return outsideAperture(bfn)
                ? IommuStatus.ERANGE
                : run.space.isMapped(bfn) ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    int map(long bfn, long mfn, int flags) {
        boolean readOnly = flags == IommuMapOp.READABLE;
        boolean readWrite = flags == (IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
        if (!readOnly && !readWrite) {
            return IommuStatus.EINVAL;
        }
        if (outsideAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        if (run.guest.isReservedBfn(run.space.context, bfn)) {
            return IommuStatus.EADDRNOTAVAIL;
        }
        int status = frame(mfn, readWrite);
        return status != IommuStatus.OK ? status : room(bfn);
    }

    private int frame(long mfn, boolean writes) {
        RegionModel region = run.guest.regionOf(mfn);
        if (region == null) {
            return IommuStatus.ENXIO;
        }
        if (run.guest.shape.isReservedMfn(mfn)) {
            return IommuStatus.EPERM;
        }
        if (region.revoked) {
            run.coverage.event(Event.REVOKED_FRAME_REFUSED);
            return IommuStatus.EPERM;
        }
        if (writes && region.access == Access.READ) {
            run.coverage.event(Event.READ_ONLY_FRAME_REFUSED);
            return IommuStatus.EPERM;
        }
        return IommuStatus.OK;
    }

    private int room(long bfn) {
        SpaceModel space = run.space;
        if (space.isMapped(bfn) || (space.isOwed(bfn) && !space.fresh.contains(bfn))) {
            return IommuStatus.EADDRINUSE;
        }
        boolean framesLeft = run.guest.mappedPages() < run.guest.shape.maxMappedFrames();
        boolean tablesLeft = run.guest.tablePages() + space.missingTables(bfn) <= run.guest.shape.maxTablePages();
        return framesLeft && tablesLeft ? IommuStatus.OK : IommuStatus.ENOSPC;
    }
}
