package org.pviommu.systemtests.differential;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import org.pviommu.engine.GuestMemory;

/**
 * Guest memory in which each frame begins with a number that no other frame of the world has or ever had, so that a DMA read
 * tells where it went.
 */
final class FrameMemory implements GuestMemory {
    static final int PAGE_BYTES = 4096;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final long firstFrame;
    private final Consumer<FrameMemory> beforeClose;
    private boolean closed;

    FrameMemory(long firstFrame, long pages, Consumer<FrameMemory> beforeClose) {
        this.firstFrame = firstFrame;
        this.beforeClose = beforeClose;
        this.segment = arena.allocate(pages * PAGE_BYTES, PAGE_BYTES);
        for (long i = 0; i < pages; i++) {
            segment.set(ValueLayout.JAVA_LONG, i * PAGE_BYTES, firstFrame + i);
        }
    }

    /** Number of its first frame. */
    long firstFrame() {
        return firstFrame;
    }

    long frameAt(long offsetBytes) {
        return firstFrame + offsetBytes / PAGE_BYTES;
    }

    boolean isClosed() {
        return closed;
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
        beforeClose.accept(this);
        closed = true;
        arena.close(); // a second time is an IllegalStateException
    }
}
