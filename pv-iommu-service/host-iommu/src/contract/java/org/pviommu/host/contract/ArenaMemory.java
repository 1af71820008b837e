package org.pviommu.host.contract;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.pviommu.engine.GuestMemory;

/** Guest memory without a file, for backends that need none. */
public final class ArenaMemory implements GuestMemory {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    /** Zero-filled. */
    public ArenaMemory(int pages) {
        segment = arena.allocate(pages * 4096L, 4096);
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
