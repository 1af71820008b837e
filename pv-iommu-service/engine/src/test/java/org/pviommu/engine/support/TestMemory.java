package org.pviommu.engine.support;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.GuestMemory;

/**
 * Guest memory without a file. It stays readable after {@link #close}, so that a test can still look at it; how often it
 * was closed is counted instead.
 */
public final class TestMemory implements GuestMemory {
    private static final int PAGE_BYTES = 4096;

    private final MemorySegment segment;
    private int closes;
    private @Nullable Runnable closeObserver;

    /** Memory of {@code pages} pages of 4096 bytes, all zero. */
    public TestMemory(long pages) {
        segment = Arena.ofAuto().allocate(pages * PAGE_BYTES, PAGE_BYTES);
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
        closes++;
        if (closeObserver != null) {
            closeObserver.run();
        }
    }

    /** Runs {@code observer} in each close. */
    public void observeClose(Runnable observer) {
        closeObserver = observer;
    }

    /** How often the engine gave it back; more than once is a defect. */
    public int closes() {
        return closes;
    }
}
