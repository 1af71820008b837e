package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;
import static org.pviommu.systemtests.differential.Divergence.found;

import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/** Operations on single pages, one at a time; also what a range does with each of its pages. */
final class PageModel {
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;

    private final RunningCall run;
    private final Call call;
    private final MapRules rules;
    private final FlushModel flushes;

    PageModel(RunningCall run, MapRules rules, FlushModel flushes) {
        this.run = run;
        this.call = run.call;
        this.rules = rules;
        this.flushes = flushes;
    }

    void applyAll() {
        HostRun hostRun = HostRun.none();
        for (int i = 0; i < run.statuses.length; i++) {
            boolean isMap = call.kindOf(i) == IommuOp.MAP_PAGE;
            int status = checkOne(i);
            boolean opensUnmap = !isMap && status == IommuStatus.OK && hostRun.isUsedUp();
            if (opensUnmap && !flushes.canHold(i)) {
                status = IommuStatus.EIO;
            }
            if (status != IommuStatus.OK) {
                check(hostRun.isUsedUp(), "operation %d was checked with a run open", i);
                run.statuses[i] = status;
                continue;
            }
            hostRun = hostRun.orNext(() -> run.next(isMap ? HostEvent.Kind.MAP : HostEvent.Kind.UNMAP));
            run.statuses[i] =
                    isMap ? map(hostRun, call.bfn[i], call.mfn[i], call.flags[i]) : unmap(hostRun, call.bfn[i]);
        }
        check(hostRun.isUsedUp(), "the host was asked for pages that no operation names: %s", hostRun);
    }

    private int checkOne(int i) {
        return switch (call.kindOf(i)) {
            case IommuOp.MAP_PAGE ->
                run.mapsRoom ? rules.map(call.bfn[i], call.mfn[i], call.flags[i]) : IommuStatus.EIO;
            case IommuOp.UNMAP_PAGE -> run.removalsRoom ? rules.lookup(call.bfn[i]) : IommuStatus.EIO;
            default -> IommuStatus.EINVAL;
        };
    }

    /** What the host made of a page that was found good. */
    int map(HostRun hostRun, long bfn, long mfn, int flags) {
        hostRun.take(bfn);
        int status = hostStatus(hostRun.event.outcome());
        if (status == IommuStatus.OK) {
            RegionModel region = found(run.guest.regionOf(mfn), "a page was mapped to no region");
            run.space.map(bfn, new SpaceModel.Page(mfn, region.frame(mfn), flags));
            if (region.isGranted()) {
                run.coverage.event(Event.GRANTED_FRAME_MAPPED);
            }
        }
        return status;
    }

    private static int hostStatus(long outcome) {
        if (outcome == 0) {
            return IommuStatus.OK;
        }
        return switch ((int) -outcome) {
            case ENOMEM -> IommuStatus.ENOMEM;
            case ENOSPC -> IommuStatus.ENOSPC;
            default -> IommuStatus.EIO;
        };
    }

    int unmap(HostRun hostRun, long bfn) {
        long outcome = hostRun.event.outcome();
        hostRun.take(bfn);
        if (outcome <= 0) {
            if (outcome == -HostAnswers.EBUSY) {
                hostRun.endHere(); // speaks about this page alone
                return IommuStatus.EBUSY;
            }
            return IommuStatus.EIO;
        }
        run.space.remove(bfn, call.subOp == IommuOp.MIXED && !call.deferred);
        if (hostRun.isLastOfOutcome()) {
            hostRun.endHere();
        } else if (hostRun.isUsedUp()) {
            run.host.removeUnasked(run.space, bfn + 1, hostRun.event.firstBfn() + outcome - 1);
        }
        return IommuStatus.OK;
    }
}
