package org.pviommu.virtio.vhost;

import java.lang.foreign.MemorySegment;
import org.pviommu.natives.AccessMode;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.FileKind;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.SharedMemory;
import org.pviommu.virtio.queue.MemoryRegion;

/**
 * A region of the memory table, mapped.
 *
 * @param region where the guest and the front-end see it, and the memory itself
 * @param memory the mapping behind it; may begin before the region, at a page's beginning
 * @param fileOffsetBytes where in the file the region begins
 */
public record MappedRegion(MemoryRegion region, SharedMemory memory, long fileOffsetBytes) implements AutoCloseable {
    private static final long PAGE_BYTES = 4096;

    /**
     * Maps what a front-end handed in. The descriptor is closed with the result, and also when this fails.
     *
     * @throws RefusedException when the range cannot be, or the file is none that memory comes from (catalogue C09, C11)
     */
    static MappedRegion map(FileDescriptor fd, long guestAddress, long sizeBytes, long userAddress, long offsetBytes) {
        try {
            requireFile(fd, sizeBytes, offsetBytes);
            // A mapping begins at a page; a region need not. No overflow: both are positive, and their sum was checked.
            long before = offsetBytes % PAGE_BYTES;
            SharedMemory memory = SharedMemory.map(fd, offsetBytes - before, sizeBytes + before);
            try {
                MemorySegment part = memory.segment().asSlice(before, sizeBytes);
                return new MappedRegion(new MemoryRegion(guestAddress, userAddress, part), memory, offsetBytes);
            } catch (IllegalArgumentException e) {
                memory.close();
                throw e;
            }
        } catch (IllegalArgumentException | NativeException e) {
            fd.close();
            throw new RefusedException(
                    "region guestAddress=0x" + Long.toHexString(guestAddress) + ": " + e.getMessage(), e);
        }
    }

    private static void requireFile(FileDescriptor fd, long sizeBytes, long offsetBytes) {
        if (fd.kind() != FileKind.REGULAR || fd.accessMode() != AccessMode.READ_WRITE) {
            throw new IllegalArgumentException(fd + " kind=" + fd.kind() + " access=" + fd.accessMode()
                    + " expected a regular file for reading and writing");
        }
        long fileBytes = fd.sizeBytes();
        if (sizeBytes < 1 || offsetBytes < 0 || sizeBytes > fileBytes - offsetBytes) {
            throw new IllegalArgumentException(
                    "offsetBytes=" + offsetBytes + " sizeBytes=" + sizeBytes + " fileBytes=" + fileBytes);
        }
    }

    boolean isAt(long guestAddress, long sizeBytes, long userAddress) {
        return region.guestAddress() == guestAddress
                && region.sizeBytes() == sizeBytes
                && region.userAddress() == userAddress;
    }

    @Override
    public void close() {
        memory.close();
    }
}
