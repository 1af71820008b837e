package org.pviommu.virtio.queue;

import java.lang.foreign.MemorySegment;

/**
 * A piece of guest memory that is mapped into this process.
 *
 * @param guestAddress first guest-physical address
 * @param userAddress what the front-end calls the same byte; ring addresses are given that way
 * @param memory all of it, at least one byte
 */
public record MemoryRegion(long guestAddress, long userAddress, MemorySegment memory) {

    /**
     * Refuses what cannot be a range.
     *
     * @throws IllegalArgumentException when it is empty or ends beyond the last address
     */
    public MemoryRegion {
        requireRange("guestAddress", guestAddress, memory.byteSize());
        requireRange("userAddress", userAddress, memory.byteSize());
    }

    /** Length in bytes. */
    public long sizeBytes() {
        return memory.byteSize();
    }

    /** Last guest-physical address; no overflow, the constructor has seen to that. */
    public long lastGuestAddress() {
        return guestAddress + sizeBytes() - 1;
    }

    private static void requireRange(String name, long first, long sizeBytes) {
        if (sizeBytes < 1 || Long.compareUnsigned(first + (sizeBytes - 1), first) < 0) {
            throw new IllegalArgumentException(
                    name + "=0x" + Long.toHexString(first) + " sizeBytes=" + sizeBytes + " is no range of 64 bits");
        }
    }
}
