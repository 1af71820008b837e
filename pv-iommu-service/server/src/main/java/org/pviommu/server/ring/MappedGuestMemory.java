package org.pviommu.server.ring;

import java.lang.foreign.MemorySegment;
import org.pviommu.engine.FileIdentity;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.SharedMemory;

/**
 * A region that a guest registered, over the mapping of its memfd.
 *
 * @param memory the mapping, which this owns
 */
record MappedGuestMemory(SharedMemory memory) implements GuestMemory {

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
        return memory.offsetBytes();
    }

    @Override
    public FileIdentity file() {
        return new FileIdentity(memory.fd().device(), memory.fd().inode());
    }

    @Override
    public void close() {
        memory.close();
    }
}
