package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;

import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/** map_range and unmap_range, page by page. */
final class RangeModel {
    private final WorldShape shape;
    private final RunningCall run;
    private final Call call;
    private final MapRules rules;
    private final FlushModel flushes;
    private final PageModel pages;
    private boolean removedAny;

    RangeModel(WorldShape shape, RunningCall run, MapRules rules, FlushModel flushes, PageModel pages) {
        this.shape = shape;
        this.run = run;
        this.call = run.call;
        this.rules = rules;
        this.flushes = flushes;
        this.pages = pages;
    }

    void applyAll() {
        boolean isMap = call.subOp == IommuOp.MAP_RANGE;
        for (int i = 0; i < run.statuses.length; i++) {
            if (!(isMap ? run.mapsRoom : run.removalsRoom)) {
                run.statuses[i] = IommuStatus.EIO;
            } else {
                run.statuses[i] = isMap ? map(i) : unmap(i);
            }
        }
    }

    private static boolean wraps(long first, long count) {
        return Long.compareUnsigned(first + count - 1, first) < 0;
    }

    private int map(int i) {
        long count = call.pages[i];
        if (count == 0 || wraps(call.bfn[i], count) || wraps(call.mfn[i], count)) {
            return IommuStatus.EINVAL;
        }
        HostRun hostRun = HostRun.none();
        for (long done = 0; done != count; done++) {
            long bfn = call.bfn[i] + done;
            int status = rules.map(bfn, call.mfn[i] + done, call.flags[i]);
            if (status != IommuStatus.OK) {
                check(hostRun.isUsedUp(), "range %d was checked with a run open", i);
                return status;
            }
            hostRun = hostRun.orNext(() -> run.next(HostEvent.Kind.MAP));
            status = pages.map(hostRun, bfn, call.mfn[i] + done, call.flags[i]);
            if (status != IommuStatus.OK) {
                return status;
            }
            run.results[i] = hostRun.isUsedUp() ? done + 1 : run.results[i];
        }
        check(hostRun.isUsedUp(), "the host was asked for pages beyond the range: %s", hostRun);
        return IommuStatus.OK;
    }

    private int unmap(int i) {
        long first = call.bfn[i];
        long count = call.pages[i];
        if (count == 0 || wraps(first, count)) {
            return IommuStatus.EINVAL;
        }
        if (rules.outsideAperture(first)) {
            return IommuStatus.ERANGE;
        }
        boolean beyond = Long.compareUnsigned(first + count - 1, shape.lastBfn()) > 0;
        long last = beyond ? shape.lastBfn() : first + count - 1;
        int status = unmapAllIn(i, first, last);
        if (status != IommuStatus.OK) {
            return status;
        }
        run.results[i] = last - first + 1;
        return beyond ? IommuStatus.ERANGE : removedAny ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    private int unmapAllIn(int i, long first, long last) {
        removedAny = false;
        HostRun hostRun = HostRun.none();
        long next = first;
        for (Long bfn = run.space.mappedFrom(next, last); bfn != null; bfn = run.space.mappedFrom(next, last)) {
            run.results[i] = bfn - first;
            if (hostRun.isUsedUp() && !flushes.canHold(i)) {
                return IommuStatus.EIO;
            }
            hostRun = hostRun.orNext(() -> run.next(HostEvent.Kind.UNMAP));
            int status = pages.unmap(hostRun, bfn);
            if (status != IommuStatus.OK) {
                return status;
            }
            removedAny = true;
            run.removedSinceFlush[i] = true;
            next = bfn + 1;
            run.results[i] = next - first;
        }
        return IommuStatus.OK;
    }
}
