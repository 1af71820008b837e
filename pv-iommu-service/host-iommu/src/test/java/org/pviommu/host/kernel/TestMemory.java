package org.pviommu.host.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.pviommu.engine.GuestMemory;

/** Memory that no device will reach. */
record TestMemory(MemorySegment segment, int fileDescriptor) implements GuestMemory {

    /** With a file, of which only the number matters here. */
    static TestMemory of(int pages) {
        return new TestMemory(Arena.ofAuto().allocate(pages * 4096L, 4096), 7);
    }

    TestMemory withoutFile() {
        return new TestMemory(segment, -1);
    }

    @Override
    public long fileOffsetBytes() {
        return 0;
    }

    @Override
    public void close() {
        // the collector's
    }
}
