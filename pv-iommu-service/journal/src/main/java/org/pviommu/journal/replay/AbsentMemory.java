package org.pviommu.journal.replay;

import java.lang.foreign.MemorySegment;
import org.pviommu.engine.FileIdentity;
import org.pviommu.engine.GuestMemory;

/**
 * Memory that a guest had: it has a size and a name, but nothing is there.
 *
 * @param lengthBytes its size
 * @param file which file it was
 * @param fileOffsetBytes where in the file it began
 */
record AbsentMemory(long lengthBytes, FileIdentity file, long fileOffsetBytes) implements GuestMemory {
    /** Page-aligned, and never mapped: the lowest page of every process. */
    private static final MemorySegment NOWHERE = MemorySegment.NULL;

    /**
     * SAFETY: the segment has a size and no memory. It is never read or written, because a replay takes operations from the
     * journal and has no devices; a mistake would be a fault at an address that is never mapped.
     */
    @Override
    @SuppressWarnings("restricted")
    public MemorySegment segment() {
        return NOWHERE.reinterpret(lengthBytes);
    }

    @Override
    public int fileDescriptor() {
        return -1;
    }

    @Override
    public void close() {
        // there is nothing to give back
    }
}
