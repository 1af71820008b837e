package org.pviommu.systemtests.differential;

import java.util.Arrays;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/** What a hypercall should answer: which family of operations it is, and the return value. */
final class CallModel {
    private final WorldShape shape;
    private final Coverage coverage;

    CallModel(WorldShape shape, Coverage coverage) {
        this.shape = shape;
        this.coverage = coverage;
    }

    /** What the engine should answer; results are nr_done of ranges and ctx_no of alloc_context. */
    @SuppressWarnings("ArrayRecordComponent") // made, read once and dropped; nobody compares answers
    record Answer(long result, int[] statuses, long[] results) {
        static Answer of(long result) {
            return new Answer(result, new int[0], new long[0]);
        }

        @Override
        public String toString() {
            return "result=" + result + " statuses=" + Arrays.toString(statuses);
        }
    }

    Answer execute(GuestModel guest, Call call, HostAnswers host, boolean mapsRoom, boolean removalsRoom) {
        if (!guest.isAlive()) {
            return Answer.of(IommuStatus.EPERM);
        }
        SpaceModel space = guest.spaces.get(call.context);
        if (space == null) {
            return Answer.of(IommuStatus.ENOENT);
        }
        if (call.subOp == IommuOp.FLUSH) {
            boolean recordable = removalsRoom || !space.gathered;
            return Answer.of(recordable && host.flushAndRelease(space) ? IommuStatus.OK : IommuStatus.EIO);
        }
        if (call.accessible == 0) {
            return Answer.of(call.count == 0 ? IommuStatus.OK : IommuStatus.EFAULT);
        }
        RunningCall run = new RunningCall(call, guest, space, host, coverage, mapsRoom, removalsRoom);
        boolean good = apply(run);
        long result = call.accessible < call.count ? IommuStatus.EFAULT : good ? IommuStatus.OK : IommuStatus.EIO;
        return new Answer(result, run.statuses, run.results);
    }

    private boolean apply(RunningCall run) {
        MapRules rules = new MapRules(shape, run);
        FlushModel flushes = new FlushModel(run);
        PageModel pages = new PageModel(run, rules, flushes);
        switch (run.call.subOp) {
            case IommuOp.LOOKUP_PAGE -> {
                for (int i = 0; i < run.statuses.length; i++) {
                    run.statuses[i] = rules.lookup(run.call.bfn[i]);
                }
                return true;
            }
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE -> {
                new ContextModel(run).applyAll();
                return true;
            }
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> new RangeModel(shape, run, rules, flushes, pages).applyAll();
            default -> pages.applyAll();
        }
        return flushes.finish();
    }
}
