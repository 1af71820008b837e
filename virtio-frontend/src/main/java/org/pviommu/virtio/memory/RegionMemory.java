package org.pviommu.virtio.memory;

import java.lang.foreign.MemorySegment;
import org.pviommu.engine.FileIdentity;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.SharedMemory;

/**
 * A part of a guest's memory for the engine, by a mapping of its own: the socket that told of it may be gone before the host IOMMU
 * has let go.
 */
record RegionMemory(SharedMemory memory, FileIdentity file) implements GuestMemory {

    /** @throws org.pviommu.natives.NativeException when the kernel refuses; nothing is left behind */
    static RegionMemory map(FileDescriptor fd, SharedPart part) {
        return new RegionMemory(
                SharedMemory.map(fd.duplicate(), part.fileOffsetBytes(), part.pages() << 12), part.file());
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
        return memory.offsetBytes();
    }

    @Override
    public void close() {
        memory.close();
    }
}
