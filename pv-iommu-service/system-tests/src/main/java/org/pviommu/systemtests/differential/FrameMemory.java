package org.pviommu.systemtests.differential;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestMemory;

/** Guest memory in which each frame begins with its own number, so that a DMA read tells where it went. */
final class FrameMemory implements GuestMemory {
    static final int PAGE_BYTES = 4096;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final FrameRange mfns;

    FrameMemory(FrameRange mfns) {
        this.mfns = mfns;
        this.segment = arena.allocate(mfns.count() * PAGE_BYTES, PAGE_BYTES);
        for (long i = 0; i < mfns.count(); i++) {
            segment.set(ValueLayout.JAVA_LONG, i * PAGE_BYTES, mfns.first() + i);
        }
    }

    FrameRange mfns() {
        return mfns;
    }

    long mfnAt(long offsetBytes) {
        return mfns.first() + offsetBytes / PAGE_BYTES;
    }

    @Override
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public int fileDescriptor() {
        return -1;
    }

    @Override
    public long fileOffsetBytes() {
        return 0;
    }

    @Override
    public void close() {
        arena.close();
    }
}
