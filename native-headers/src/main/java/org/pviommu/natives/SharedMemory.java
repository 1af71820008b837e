package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * Part of a file mapped shared, readable and writable, together with the descriptor behind it.
 *
 * <p>The other side writes the memory at any time, so read each value once. If the other side can shorten the file (no
 * {@link Seals#SHRINK}), touching what is gone raises {@link java.lang.InternalError} in the accessing thread; the process lives
 * on (catalogue C10).
 *
 * <p>Threads: any. The segment belongs to a shared arena: an access after {@link #close()} is an IllegalStateException.
 */
public final class SharedMemory implements AutoCloseable {

    /** Smallest page of x86-64, which is what mmap(2) counts offsets in. */
    private static final long PAGE_BYTES = 4096;
    /** Largest page of x86-64: a file's block size above this is no page size. */
    private static final long MAX_PAGE_BYTES = 1L << 30;

    /** The user half of a 47-bit address space; a sparse file may claim more. */
    private static final long MAX_MAPPED_BYTES = 1L << 47;

    private final FileDescriptor fd;
    private final long offsetBytes;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    private SharedMemory(FileDescriptor fd, long offsetBytes, long sizeBytes) {
        this.fd = fd;
        this.offsetBytes = offsetBytes;
        segment = mapOrCloseArena(fd, offsetBytes, sizeBytes, arena);
    }

    /**
     * Makes a memfd of zeroes, seals it, and maps all of it.
     *
     * @param name what /proc shows for it; up to 249 bytes
     * @param sizeBytes 1 to 2^47
     * @param seals see {@link Seals}; a write seal cannot be combined with the writable mapping
     * @throws IllegalArgumentException for a size or seals that cannot be
     * @throws NativeException when the kernel refuses; nothing is left behind
     */
    public static SharedMemory create(String name, long sizeBytes, int seals) {
        requireSize(sizeBytes);
        if ((seals & (Seals.WRITE | Seals.FUTURE_WRITE)) != 0) {
            throw new IllegalArgumentException("seals=" + seals + " would forbid the writable mapping");
        }
        int created = MemoryCalls.memfdCreate(name);
        if (created < 0) {
            throw new NativeException("memfd_create name=" + name, -created);
        }
        FileDescriptor fd = FileDescriptor.adopt(created);
        return orClose(fd, () -> {
            resize(fd, sizeBytes);
            fd.addSeals(seals);
            return new SharedMemory(fd, 0, sizeBytes);
        });
    }

    /**
     * Maps part of a file. The descriptor belongs to the mapping from here on: it is closed with it, and also when this fails.
     *
     * @param offsetBytes a multiple of the page size
     * @param sizeBytes 1 to 2^47; the part must end within the file as it is now
     * @throws IllegalArgumentException when the part is not within the file, or misaligned
     * @throws NativeException when the kernel refuses: EACCES when the descriptor is not open for reading and writing, EINVAL on
     *     hugetlbfs when the offset is no multiple of its page size
     */
    public static SharedMemory map(FileDescriptor fd, long offsetBytes, long sizeBytes) {
        return orClose(fd, () -> {
            checkRange(fd, offsetBytes, sizeBytes);
            return new SharedMemory(fd, offsetBytes, sizeBytes);
        });
    }

    /** The mapped bytes: {@link #sizeBytes()} long, for any thread, until close. */
    public MemorySegment segment() {
        return segment;
    }

    /** Length of the mapped part. */
    public long sizeBytes() {
        return segment.byteSize();
    }

    /** The descriptor, which stays this object's. */
    public FileDescriptor fd() {
        return fd;
    }

    /** Where in the file the mapped part begins. */
    public long offsetBytes() {
        return offsetBytes;
    }

    /**
     * Unmaps the memory and closes the descriptor. Closing again does nothing.
     *
     * @throws IllegalStateException when a native call is using the segment at this moment; nothing has changed then
     */
    @Override
    public synchronized void close() {
        if (!arena.scope().isAlive()) {
            return;
        }
        try {
            arena.close();
        } finally {
            if (!arena.scope().isAlive()) {
                fd.close();
            }
        }
    }

    private static MemorySegment mapOrCloseArena(FileDescriptor fd, long offsetBytes, long sizeBytes, Arena arena) {
        try {
            long mappedBytes = roundUp(sizeBytes, pageBytes(fd.blockSizeBytes()));
            int number = fd.enter();
            try {
                return MemoryCalls.mapShared(number, offsetBytes, sizeBytes, mappedBytes, arena);
            } finally {
                fd.exit();
            }
        } catch (RuntimeException | Error failure) {
            arena.close();
            throw failure;
        }
    }

    /**
     * The unit to round a mapping's length up to. mmap(2) on hugetlbfs rounds up to its page size by itself, but munmap(2) then
     * refuses the shorter length and the mapping would leak; there, and there only, the size of a page is the file's block size.
     * A length rounded up needlessly (other filesystems with large blocks) costs address space beyond the segment's end, nothing
     * else.
     */
    private static long pageBytes(long blockSizeBytes) {
        boolean isPageSize =
                Long.bitCount(blockSizeBytes) == 1 && blockSizeBytes > PAGE_BYTES && blockSizeBytes <= MAX_PAGE_BYTES;
        return isPageSize ? blockSizeBytes : PAGE_BYTES;
    }

    /** No overflow: sizeBytes is at most 2^47 and unitBytes at most 2^30. */
    private static long roundUp(long sizeBytes, long unitBytes) {
        return (sizeBytes + unitBytes - 1) & -unitBytes;
    }

    private static void checkRange(FileDescriptor fd, long offsetBytes, long sizeBytes) {
        requireSize(sizeBytes);
        if (offsetBytes < 0 || offsetBytes % PAGE_BYTES != 0) {
            throw new IllegalArgumentException("offsetBytes=" + offsetBytes + " multipleOf=" + PAGE_BYTES);
        }
        long fileBytes = fd.sizeBytes();
        // offsetBytes >= 0 and fileBytes >= 0, so the difference cannot overflow; a sum could.
        if (sizeBytes > fileBytes - offsetBytes) {
            throw new IllegalArgumentException(
                    "offsetBytes=" + offsetBytes + " sizeBytes=" + sizeBytes + " fileBytes=" + fileBytes);
        }
    }

    private static void requireSize(long sizeBytes) {
        if (sizeBytes <= 0 || sizeBytes > MAX_MAPPED_BYTES) {
            throw new IllegalArgumentException("sizeBytes=" + sizeBytes + " min=1 max=" + MAX_MAPPED_BYTES);
        }
    }

    private static void resize(FileDescriptor fd, long sizeBytes) {
        int result = MemoryCalls.ftruncate(fd.value(), sizeBytes);
        if (result < 0) {
            throw new NativeException("ftruncate sizeBytes=" + sizeBytes, -result);
        }
    }

    private static SharedMemory orClose(FileDescriptor fd, Supplier<SharedMemory> maker) {
        try {
            return maker.get();
        } catch (RuntimeException | Error failure) {
            fd.close();
            throw failure;
        }
    }
}
