package org.pviommu.benchmarks;

import java.lang.foreign.MemorySegment;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/** Guest memory in a memfd of our own, which nobody shortens. */
record MemfdGuestMemory(SharedMemory memory) implements GuestMemory {
    /** {@code pages} pages of zeroes. */
    static MemfdGuestMemory create(long pages) {
        return new MemfdGuestMemory(SharedMemory.create("pvi-bench-guest", pages << 12, Seals.SHRINK));
    }

    @Override
    public MemorySegment segment() {
        return memory.segment();
    }

    @Override
    public int fileDescriptor() {
        return memory.fd().value();
    }

    @Override
    public long fileOffsetBytes() {
        return 0;
    }

    @Override
    public void close() {
        memory.close();
    }
}
