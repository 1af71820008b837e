package org.pviommu.concurrency;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Access;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.SliceRecord;
import org.pviommu.engine.Translation;

/**
 * A log that does at once what a replay would do: it carries out each recorded operation on a naive table and compares the status
 * with the recorded one. What the engine applied is then what was recorded if its table is this one.
 *
 * <p>Called by the guest's thread under the guest's lock. Frame ranges are inclusive.
 */
final class ReplayLog implements BatchLog {
    private static final long NOT_MAPPED = 0;

    private final FrameRange memory;
    private final FrameRange hypervisors;
    private final FrameRange reservedBfns;
    private final MemorySegment array;
    /** By bus frame: mfn and access, or {@link #NOT_MAPPED}. */
    private final long[] table;

    private final int[] statuses;
    private int inCall;
    private long operations;
    private long changedMeanwhile;

    /**
     * An empty table.
     *
     * @param lastBfn last bus frame of the aperture
     * @param memory the guest's frames
     * @param hypervisors those of them that are the hypervisor's
     * @param reservedBfns bus frames that cannot be mapped
     * @param array where the guest has its operations
     */
    ReplayLog(
            int lastBfn,
            FrameRange memory,
            FrameRange hypervisors,
            FrameRange reservedBfns,
            MemorySegment array,
            int maxOperations) {
        this.table = new long[lastBfn + 1];
        this.memory = memory;
        this.hypervisors = hypervisors;
        this.reservedBfns = reservedBfns;
        this.array = array;
        this.statuses = new int[maxOperations];
    }

    /** Before a call. */
    void beginCall() {
        inCall = 0;
    }

    /** Operations that were recorded and compared. */
    long operations() {
        return operations;
    }

    /** Those whose bus frame in the guest's memory was another one by the time they were recorded. */
    long changedMeanwhile() {
        return changedMeanwhile;
    }

    @Override
    public boolean reserve(int count, boolean removal) {
        return true;
    }

    @Override
    public void commitDomains(DomainRecord batch) {
        // a mutator makes hypercalls only
    }

    @Override
    public void changed(Guest guest, Change change, boolean endOfCall) {
        // memory and the guest's life are none of a mutator's
    }

    @Override
    public void commit(SliceRecord slice) {
        for (int i = 0; i < slice.operations(); i++, inCall++, operations++) {
            int status = replay(slice, i);
            int element = inCall;
            assertEquals(status, slice.status(i), () -> describe(slice, element));
            statuses[inCall] = status;
            if (bfnInMemory(slice.subOp(), inCall) != slice.bfn(i)) {
                changedMeanwhile++;
            }
        }
    }

    private static String describe(SliceRecord slice, int element) {
        return IommuOp.name(slice.subOp()) + " element=" + element + " of a slice of " + slice.operations();
    }

    private long bfnInMemory(int subOp, int index) {
        long at = (long) index * IommuOp.elementBytes(subOp);
        long offset = subOp == IommuOp.MIXED ? IommuMixedOp.BFN_OFFSET : IommuMapOp.BFN_OFFSET;
        return array.get(ValueLayout.JAVA_LONG, at + offset);
    }

    private int replay(SliceRecord slice, int i) {
        return switch (slice.subOp()) {
            case IommuOp.MAP_RANGE ->
                mapRange(
                        slice.bfn(i),
                        slice.word(i, IommuRangeOp.MFN_OFFSET),
                        slice.word(i, IommuRangeOp.NR_PAGES_OFFSET),
                        (int) slice.word(i, IommuRangeOp.FLAGS_OFFSET));
            case IommuOp.UNMAP_RANGE -> unmapRange(slice.bfn(i), slice.word(i, IommuRangeOp.NR_PAGES_OFFSET));
            default ->
                switch (slice.kind(i)) {
                    case IommuOp.MAP_PAGE -> map(slice.bfn(i), slice.mfn(i), slice.flags(i));
                    case IommuOp.UNMAP_PAGE -> unmap(slice.bfn(i));
                    default -> IommuStatus.EINVAL;
                };
        };
    }

    private boolean isInAperture(long bfn) {
        return bfn >= 0 && bfn < table.length;
    }

    private int map(long bfn, long mfn, int flags) {
        if (flags != Access.READ && flags != Access.READ_WRITE) {
            return IommuStatus.EINVAL;
        }
        if (!isInAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        if (reservedBfns.contains(bfn)) {
            return IommuStatus.EADDRNOTAVAIL;
        }
        if (!memory.contains(mfn)) {
            return IommuStatus.ENXIO;
        }
        if (hypervisors.contains(mfn)) {
            return IommuStatus.EPERM;
        }
        if (table[(int) bfn] != NOT_MAPPED) {
            return IommuStatus.EADDRINUSE;
        }
        table[(int) bfn] = mfn << 2 | flags;
        return IommuStatus.OK;
    }

    private int unmap(long bfn) {
        if (!isInAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        if (table[(int) bfn] == NOT_MAPPED) {
            return IommuStatus.ENOENT;
        }
        table[(int) bfn] = NOT_MAPPED;
        return IommuStatus.OK;
    }

    private static boolean isNoRange(long first, long pages) {
        return pages == 0 || Long.compareUnsigned(first + pages - 1, first) < 0;
    }

    private int mapRange(long bfn, long mfn, long pages, int flags) {
        if (isNoRange(bfn, pages) || isNoRange(mfn, pages)) {
            return IommuStatus.EINVAL;
        }
        for (long i = 0; i != pages; i++) { // ends at the aperture at the latest
            int status = map(bfn + i, mfn + i, flags);
            if (status != IommuStatus.OK) {
                return status;
            }
        }
        return IommuStatus.OK;
    }

    private int unmapRange(long bfn, long pages) {
        if (isNoRange(bfn, pages)) {
            return IommuStatus.EINVAL;
        }
        if (!isInAperture(bfn)) {
            return IommuStatus.ERANGE;
        }
        boolean any = false;
        for (long i = 0; i != pages; i++) {
            if (!isInAperture(bfn + i)) {
                return IommuStatus.ERANGE;
            }
            any |= unmap(bfn + i) == IommuStatus.OK;
        }
        return any ? IommuStatus.OK : IommuStatus.ENOENT;
    }

    /** The engine's table is the replayed one, and each status in the guest's memory is the recorded one. */
    void compare(AddressSpace space, int subOp, int count) {
        assertEquals(count, inCall, "operations recorded of " + IommuOp.name(subOp));
        assertEquals(Arrays.stream(table).filter(entry -> entry != NOT_MAPPED).count(), space.mappedPages());
        for (int bfn = 0; bfn < table.length; bfn++) {
            Translation now = space.translate(bfn);
            long entry = now == null ? NOT_MAPPED : now.mfn() << 2 | now.access();
            long expected = table[bfn];
            int at = bfn;
            assertEquals(expected, entry, () -> "bfn=" + at + " after " + IommuOp.name(subOp));
        }
        int size = IommuOp.elementBytes(subOp);
        for (int i = 0; i < count; i++) {
            int index = i;
            int status = array.get(ValueLayout.JAVA_INT, (long) i * size + statusOffset(subOp));
            assertEquals(statuses[i], status, () -> "status of element=" + index + " of " + IommuOp.name(subOp));
        }
    }

    private static int statusOffset(int subOp) {
        return switch (subOp) {
            case IommuOp.MIXED -> IommuMixedOp.STATUS_OFFSET;
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> IommuRangeOp.STATUS_OFFSET;
            default -> IommuMapOp.STATUS_OFFSET;
        };
    }
}
