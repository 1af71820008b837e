package org.pviommu.systemtests.differential;

import java.util.Map;
import java.util.TreeMap;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/** How often a run saw what it must see to be worth anything. */
public final class Coverage {
    /** An early flush because the bound on held frames was reached. */
    static final String EARLY_FLUSH = "early flush";
    /** A device used a removed translation before its flush and reached a frame that was still held. */
    static final String OWED_HIT = "hit on an owed entry inside a batch";
    /** A flush that failed after all attempts. */
    static final String FLUSH_FAILURE = "failed flush";
    /** A host that removed more than it was asked to. */
    static final String LONG_UNMAP = "long unmap";

    /** A mapping made in place of something removed was taken back, because the flush of both failed. */
    static final String UNDONE_REMAP = "remap undone";

    /** The guest changed its array while the call ran. */
    static final String WRITTEN_OVER = "array written over during a call";

    private final Map<String, Long> counts = new TreeMap<>();

    /** All that can happen to the operations this version serves, each at 0. */
    public Coverage() {
        int[] ofMaps = {
            IommuStatus.OK, IommuStatus.EINVAL, IommuStatus.EPERM, IommuStatus.ENXIO, IommuStatus.ERANGE,
            IommuStatus.EADDRNOTAVAIL, IommuStatus.EADDRINUSE, IommuStatus.ENOMEM, IommuStatus.ENOSPC, IommuStatus.EIO
        };
        expect(IommuOp.MAP_PAGE, ofMaps);
        expect(IommuOp.MAP_RANGE, ofMaps);
        expect(IommuOp.MIXED, ofMaps);
        expect(IommuOp.MIXED, IommuStatus.ENOENT, IommuStatus.EBUSY);
        int[] ofUnmaps = {IommuStatus.OK, IommuStatus.ERANGE, IommuStatus.ENOENT, IommuStatus.EIO, IommuStatus.EBUSY};
        expect(IommuOp.UNMAP_PAGE, ofUnmaps);
        expect(IommuOp.UNMAP_RANGE, ofUnmaps);
        expect(IommuOp.UNMAP_RANGE, IommuStatus.EINVAL);
        expect(IommuOp.LOOKUP_PAGE, IommuStatus.OK, IommuStatus.ERANGE, IommuStatus.ENOENT);
        expect(IommuOp.ALLOC_CONTEXT, IommuStatus.OK, IommuStatus.ENOSPC, IommuStatus.EIO);
        expect(IommuOp.FREE_CONTEXT, IommuStatus.OK, IommuStatus.EINVAL, IommuStatus.ENOENT, IommuStatus.EBUSY);
        expect(IommuOp.FREE_CONTEXT, IommuStatus.EIO);
        expect(IommuOp.ATTACH_DEVICE, IommuStatus.OK, IommuStatus.EINVAL, IommuStatus.ENOENT, IommuStatus.EBUSY);
        expect(IommuOp.ATTACH_DEVICE, IommuStatus.EIO);
        for (String event :
                new String[] {EARLY_FLUSH, OWED_HIT, FLUSH_FAILURE, LONG_UNMAP, UNDONE_REMAP, WRITTEN_OVER}) {
            counts.put(event, 0L);
        }
        for (int result : new int[] {IommuStatus.OK, IommuStatus.EIO, IommuStatus.EFAULT, IommuStatus.ENOENT}) {
            counts.put(resultName(result), 0L);
        }
    }

    private void expect(int subOp, int... statuses) {
        for (int status : statuses) {
            counts.put(statusName(subOp, status), 0L);
        }
    }

    private static String statusName(int subOp, int status) {
        return IommuOp.name(subOp) + " " + IommuStatus.name(status);
    }

    private static String resultName(long result) {
        return "call " + IommuStatus.name(result);
    }

    void status(int subOp, int status) {
        counts.merge(statusName(subOp, status), 1L, Long::sum);
    }

    void result(long result) {
        counts.merge(resultName(result), 1L, Long::sum);
    }

    void event(String event) {
        counts.merge(event, 1L, Long::sum);
    }

    /** What was seen, by name. */
    public Map<String, Long> counts() {
        return counts;
    }

    /** What was seen fewer than {@code atLeast} times, with its count; empty when the run covered everything. */
    public Map<String, Long> gaps(long atLeast) {
        Map<String, Long> gaps = new TreeMap<>(counts);
        gaps.values().removeIf(count -> count >= atLeast);
        return gaps;
    }
}
