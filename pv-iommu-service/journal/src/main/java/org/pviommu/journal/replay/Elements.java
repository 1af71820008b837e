package org.pviommu.journal.replay;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.pviommu.abi.IommuAttachOp;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.journal.record.Run;

/** Makes the array that a guest had given out of the runs that were recorded of it. */
final class Elements {
    private final MemorySegment array;
    private int count;
    private int size;
    private int subOp;

    /** Into {@code array}, which has room for a whole slice. */
    Elements(MemorySegment array) {
        this.array = array;
    }

    MemorySegment array() {
        return array;
    }

    int count() {
        return count;
    }

    void start(int newSubOp) {
        subOp = newSubOp;
        size = IommuOp.elementBytes(newSubOp);
        count = 0;
    }

    void add(List<Run> runs) {
        for (int i = 0; i < runs.size(); i++) {
            Run run = runs.get(i);
            long at = (long) count * size;
            switch (subOp) {
                case IommuOp.MIXED -> putMixed(at, run);
                case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> putRange(at, run);
                case IommuOp.ATTACH_DEVICE -> putAttach(at, run);
                case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT ->
                    putInt(at + IommuContextOp.CTX_NO_OFFSET, (int) run.mfn());
                default -> putPages(at, run);
            }
            count += run.count();
        }
    }

    private void putPages(long first, Run run) {
        long at = first;
        for (int i = 0; i < run.count(); i++, at += IommuMapOp.SIZE) {
            putLong(at + IommuMapOp.BFN_OFFSET, run.bfn() + i);
            putLong(at + IommuMapOp.MFN_OFFSET, run.mfn() + i);
            putInt(at + IommuMapOp.FLAGS_OFFSET, run.flags());
        }
    }

    private void putMixed(long first, Run run) {
        long at = first;
        for (int i = 0; i < run.count(); i++, at += IommuMixedOp.SIZE) {
            putShort(at + IommuMixedOp.SUBOP_OFFSET, run.kind());
            putShort(at + IommuMixedOp.FLAGS_OFFSET, run.flags());
            putLong(at + IommuMixedOp.BFN_OFFSET, run.bfn() + i);
            putLong(at + IommuMixedOp.MFN_OFFSET, run.mfn() + i);
        }
    }

    private void putRange(long at, Run run) {
        putLong(at + IommuRangeOp.BFN_OFFSET, run.bfn());
        putLong(at + IommuRangeOp.MFN_OFFSET, run.mfn());
        putLong(at + IommuRangeOp.NR_PAGES_OFFSET, run.pages());
        putInt(at + IommuRangeOp.FLAGS_OFFSET, run.flags());
    }

    private void putAttach(long at, Run run) {
        putInt(at + IommuAttachOp.ENDPOINT_OFFSET, (int) run.bfn());
        putInt(at + IommuAttachOp.CTX_NO_OFFSET, (int) run.mfn());
        putInt(at + IommuAttachOp.FLAGS_OFFSET, run.flags());
    }

    private void putShort(long offset, int value) {
        array.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) value);
    }

    private void putInt(long offset, int value) {
        array.set(ValueLayout.JAVA_INT_UNALIGNED, offset, value);
    }

    private void putLong(long offset, long value) {
        array.set(ValueLayout.JAVA_LONG_UNALIGNED, offset, value);
    }
}
