package org.pviommu.server.ring;

import org.jspecify.annotations.Nullable;
import org.pviommu.abi.RingAbi;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.AccessMode;
import org.pviommu.natives.Errno;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.FileKind;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/**
 * A well-formed REGISTER_MEMORY, and the checks that its memory has to pass. The region is the frames
 * [firstMfn, firstMfn + pages - 1].
 *
 * @param firstMfn first frame of the region
 * @param pages length, as the guest gave it
 * @param fdOffsetBytes where in the file the region begins, as the guest gave it
 */
record MemoryRequest(long firstMfn, long pages, long fdOffsetBytes) {
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE_MASK = (1L << PAGE_SHIFT) - 1;
    /** Guest addresses are 64 bits wide, so frame numbers are 52. */
    private static final long MAX_MFN = (1L << (Long.SIZE - PAGE_SHIFT)) - 1;
    /** The length in bytes has to stay a positive long. */
    private static final long MAX_PAGES = Long.MAX_VALUE >>> PAGE_SHIFT;

    /**
     * Reads the fields of a REGISTER_MEMORY whose size and descriptors are right.
     *
     * @throws ProtocolException if a reserved field is used
     */
    static MemoryRequest parse(Packet packet) {
        packet.requireZero("REGISTER_MEMORY flags", RingAbi.REGISTER_MEMORY_FLAGS_OFFSET);
        packet.requireZero("REGISTER_MEMORY reserved", RingAbi.REGISTER_MEMORY_RESERVED_OFFSET);
        return new MemoryRequest(
                packet.u64(RingAbi.REGISTER_MEMORY_FIRST_MFN_OFFSET),
                packet.u64(RingAbi.REGISTER_MEMORY_NR_PAGES_OFFSET),
                packet.u64(RingAbi.REGISTER_MEMORY_FD_OFFSET_OFFSET));
    }

    /**
     * Maps the memory after every check that needs no knowledge of the guest's other regions.
     *
     * @param fd what came with the message; consumed, also when this throws
     * @param maxFrames the guest's quota
     * @throws RefusedException if the memory is not acceptable
     */
    GuestMemory map(FileDescriptor fd, long maxFrames) {
        try {
            requireRange();
            requireKind(fd);
            requireSealed(fd);
            requireCovered(fd.sizeBytes());
            // Before mmap, because address space is shared by all guests: one cannot take what its quota forbids, not
            // even
            // for a moment. The engine counts this region together with the others.
            if (pages > maxFrames) {
                throw new RefusedException(Errno.ENOSPC, "nr_pages=" + pages + " max=" + maxFrames);
            }
            return new MappedGuestMemory(SharedMemory.map(fd, fdOffsetBytes, pages << PAGE_SHIFT));
        } catch (NativeException e) {
            fd.close();
            throw new RefusedException(e.errno(), "memory cannot be mapped: " + e.getMessage());
        } catch (IllegalArgumentException e) {
            // The wrapper's own checks, such as the larger pages of hugetlbfs.
            fd.close();
            throw new RefusedException(Errno.EINVAL, "memory cannot be mapped: " + e.getMessage());
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    /** All fields are unsigned: a negative long is a number beyond every limit here, and refused as such. */
    private void requireRange() {
        if (pages <= 0 || pages > MAX_PAGES) {
            throw invalid("nr_pages=" + Long.toUnsignedString(pages) + " min=1 max=" + MAX_PAGES);
        }
        if (firstMfn < 0 || firstMfn > MAX_MFN) {
            throw invalid("first_mfn=" + Long.toUnsignedString(firstMfn) + " max=" + MAX_MFN);
        }
        // No overflow: both summands are below 2^52.
        if (firstMfn + (pages - 1) > MAX_MFN) {
            throw invalid("first_mfn=" + firstMfn + " nr_pages=" + pages + " last frame beyond max=" + MAX_MFN);
        }
        if (fdOffsetBytes < 0 || (fdOffsetBytes & PAGE_MASK) != 0) {
            throw invalid("fd_offset=" + Long.toUnsignedString(fdOffsetBytes) + " not a multiple of 4096 below 2^63");
        }
    }

    /** Catalogue C11. The access mode is asked for first: it does not involve the file, only the descriptor. */
    private static void requireKind(FileDescriptor fd) {
        AccessMode access = fd.accessMode();
        FileKind kind = fd.kind();
        if (kind != FileKind.REGULAR) {
            throw invalid("memory is not a memfd: file kind=" + kind);
        }
        if (access != AccessMode.READ_WRITE) {
            throw new RefusedException(Errno.EACCES, "memfd access=" + access + " expected=READ_WRITE");
        }
    }

    /**
     * Catalogue C10. The seals are looked at before the size is: from the moment F_SEAL_SHRINK is seen the file can only
     * grow, so the size read afterwards is one that every later access can rely on. In the other order the guest could
     * truncate and seal in between.
     */
    private static void requireSealed(FileDescriptor fd) {
        Integer seals = sealsOf(fd);
        if (seals == null) {
            throw invalid("memory is not a memfd: a regular file that cannot be sealed");
        }
        if ((seals & Seals.SHRINK) == 0) {
            throw invalid("memfd seals=0x" + Integer.toHexString(seals) + " lacks F_SEAL_SHRINK (0x"
                    + Integer.toHexString(Seals.SHRINK) + ")");
        }
        if ((seals & (Seals.WRITE | Seals.FUTURE_WRITE)) != 0) {
            throw new RefusedException(
                    Errno.EPERM,
                    "memfd seals=0x" + Integer.toHexString(seals)
                            + " forbid writing: the service writes statuses there");
        }
    }

    private static @Nullable Integer sealsOf(FileDescriptor fd) {
        try {
            return fd.seals();
        } catch (NativeException e) {
            if (e.errno() == Errno.EINVAL) {
                return null;
            }
            throw e;
        }
    }

    private void requireCovered(long sizeBytes) {
        // Division instead of multiplication: nothing overflows. The offset is not negative, so the difference is
        // exact.
        if (fdOffsetBytes > sizeBytes || pages > (sizeBytes - fdOffsetBytes) >>> PAGE_SHIFT) {
            throw invalid(
                    "file size=" + sizeBytes + " does not cover fd_offset=" + fdOffsetBytes + " nr_pages=" + pages);
        }
    }

    private static RefusedException invalid(String text) {
        return new RefusedException(Errno.EINVAL, text);
    }
}
