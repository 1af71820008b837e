package org.pviommu.virtio.memory;

import org.jspecify.annotations.Nullable;
import org.pviommu.engine.FileIdentity;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.virtio.vhost.MappedRegion;

/**
 * Frames of a guest and what is behind them: the same for each socket that tells of them.
 *
 * @param firstMfn guest address of the first frame, without its lowest 12 bits
 * @param pages how many frames
 * @param fileOffsetBytes where in the file they begin
 */
record SharedPart(long firstMfn, long pages, FileIdentity file, long fileOffsetBytes) {
    private static final long PAGE_BYTES = 4096;

    /** The whole frames of a region; null when it has none, or when its frames are not pages of the file. */
    static @Nullable SharedPart of(MappedRegion mapped) {
        long address = mapped.region().guestAddress();
        long before = -address & (PAGE_BYTES - 1);
        long pages = (mapped.region().sizeBytes() - before) / PAGE_BYTES;
        long offset = mapped.fileOffsetBytes() + before;
        if (pages < 1 || offset % PAGE_BYTES != 0) {
            return null;
        }
        FileDescriptor fd = mapped.memory().fd();
        return new SharedPart((address + before) >>> 12, pages, new FileIdentity(fd.device(), fd.inode()), offset);
    }

    boolean overlaps(SharedPart other) {
        return firstMfn < other.firstMfn + other.pages && other.firstMfn < firstMfn + pages;
    }
}
