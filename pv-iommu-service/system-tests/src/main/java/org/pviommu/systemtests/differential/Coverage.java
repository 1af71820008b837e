package org.pviommu.systemtests.differential;

import java.util.Map;
import java.util.TreeMap;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;

/** How often a run saw what it must see to be worth anything. */
public final class Coverage {
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
        for (Event event : Event.values()) {
            counts.put(event.text, 0L);
        }
        for (int result :
                new int[] {IommuStatus.OK, IommuStatus.EPERM, IommuStatus.EIO, IommuStatus.EFAULT, IommuStatus.ENOENT
                }) {
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

    void event(Event event) {
        counts.merge(event.text, 1L, Long::sum);
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
