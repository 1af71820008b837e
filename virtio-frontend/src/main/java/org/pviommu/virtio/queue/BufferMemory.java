package org.pviommu.virtio.queue;

import java.lang.foreign.MemorySegment;

/**
 * What the addresses in descriptors lead to: guest memory itself ({@link GuestSpace}), or what an IOMMU lets a device see of it.
 * Addresses are unsigned, ranges given by a length.
 */
public interface BufferMemory {

    /**
     * Whether all of the range can be accessed, as far as that is known in advance: behind an IOMMU only the access itself tells.
     *
     * @param lengthBytes 0 to 2^32 - 1; nothing can always be accessed
     * @param write whether the device is going to write it
     */
    boolean accessible(long address, long lengthBytes, boolean write);

    /**
     * Copies from a range that was found accessible.
     *
     * @return false when it cannot be accessed any more, and an unknown part was copied; guest memory never says so
     */
    boolean copyIn(long address, MemorySegment to, long toOffset, long lengthBytes);

    /** Copies to a range that was found accessible for writing; as {@link #copyIn}. */
    boolean copyOut(MemorySegment from, long fromOffset, long address, long lengthBytes);
}
