package org.pviommu.engine.support;

import java.lang.foreign.MemorySegment;
import org.pviommu.abi.IommuRangeOp;

/**
 * An element of a map_range or unmap_range call.
 *
 * @param bfn first bus frame
 * @param mfn first frame
 * @param pages how many
 * @param flags flags
 */
public record RangeOp(long bfn, long mfn, long pages, int flags) implements Element {
    /** A range for reads and writes. */
    public static RangeOp rw(long bfn, long mfn, long pages) {
        return new RangeOp(bfn, mfn, pages, 3);
    }

    /** A range to remove. */
    public static RangeOp at(long bfn, long pages) {
        return new RangeOp(bfn, 0, pages, 0);
    }

    @Override
    public int sizeBytes() {
        return IommuRangeOp.SIZE;
    }

    @Override
    public int statusOffset() {
        return IommuRangeOp.STATUS_OFFSET;
    }

    @Override
    public void write(MemorySegment array, long offsetBytes) {
        IommuRangeOp.putBfn(array, offsetBytes, bfn);
        IommuRangeOp.putMfn(array, offsetBytes, mfn);
        IommuRangeOp.putNrPages(array, offsetBytes, pages);
        IommuRangeOp.putNrDone(array, offsetBytes, OLD_WORD);
        IommuRangeOp.putFlags(array, offsetBytes, flags);
    }
}
