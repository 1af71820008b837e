package org.pviommu.systemtests.differential;

import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.FrameRange;

/** Frames that a guest may map: its own, or another guest's that were granted to it. */
final class RegionModel {
    final FrameRange mfns;
    /** Number of the first frame, as {@link FrameMemory} counts. */
    final long firstFrame;

    /** Whose region it was granted from; null for memory of its own. */
    final @Nullable RegionModel source;

    final int access;
    boolean revoked;

    private RegionModel(FrameRange mfns, long firstFrame, @Nullable RegionModel source, int access) {
        this.mfns = mfns;
        this.firstFrame = firstFrame;
        this.source = source;
        this.access = access;
    }

    static RegionModel registered(FrameRange mfns, long firstFrame) {
        return new RegionModel(mfns, firstFrame, null, Access.READ_WRITE);
    }

    static RegionModel granted(FrameRange mfns, RegionModel source, long sourceFirstMfn, int access) {
        return new RegionModel(mfns, source.frame(sourceFirstMfn), source, access);
    }

    boolean isGranted() {
        return source != null;
    }

    long frame(long mfn) {
        return firstFrame + (mfn - mfns.first());
    }

    boolean hasFrame(long frame) {
        return firstFrame <= frame && frame < firstFrame + mfns.count();
    }

    boolean overlaps(FrameRange other) {
        return mfns.first() <= other.last() && other.first() <= mfns.last();
    }

    @Override
    public String toString() {
        return mfns + (isGranted() ? " granted" : "") + (revoked ? " revoked" : "");
    }
}
