package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.pviommu.natives.libc.LibC;

/** Calls that make, map and unmap memory. */
final class MemoryCalls {

    private static final MethodHandle MEMFD_CREATE =
            Downcalls.capturing(LibC.memfd_create$address(), LibC.memfd_create$descriptor());
    private static final MethodHandle FTRUNCATE =
            Downcalls.capturing(LibC.ftruncate$address(), LibC.ftruncate$descriptor());
    private static final MethodHandle MMAP = Downcalls.capturing(LibC.mmap$address(), LibC.mmap$descriptor());
    private static final MethodHandle MUNMAP = Downcalls.capturing(LibC.munmap$address(), LibC.munmap$descriptor());
    private static final MethodHandle MADVISE = Downcalls.capturing(LibC.madvise$address(), LibC.madvise$descriptor());

    private static final int READ_WRITE = LibC.PROT_READ() | LibC.PROT_WRITE();
    private static final int NO_FD = -1;

    private MemoryCalls() {}

    /** A new memfd that can be sealed and is closed on exec, or {@code -errno}. */
    static int memfdCreate(String name) {
        MemorySegment errno = Downcalls.captured();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocateFrom(name);
            int flags = LibC.MFD_ALLOW_SEALING() | LibC.MFD_CLOEXEC();
            return Downcalls.result((int) MEMFD_CREATE.invokeExact(errno, text, flags), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /** 0, or {@code -errno}. */
    static int ftruncate(int fd, long sizeBytes) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) FTRUNCATE.invokeExact(errno, fd, sizeBytes), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /**
     * Maps part of a file, shared, readable and writable.
     *
     * @param mappedBytes what the mapping covers, at least {@code sizeBytes}; the rest is out of the segment's reach
     * @return the first {@code sizeBytes} of the mapping; closing the arena unmaps all of it
     * @throws NativeException when the kernel refuses
     */
    static MemorySegment mapShared(int fd, long offsetBytes, long sizeBytes, long mappedBytes, Arena arena) {
        MemorySegment address = mmap(mappedBytes, LibC.MAP_SHARED(), fd, offsetBytes);
        return own(address, sizeBytes, mappedBytes, arena);
    }

    /**
     * Maps zeroed memory of our own, without a claim on swap space.
     *
     * @return the memory; closing the arena unmaps it
     * @throws NativeException when the kernel refuses
     */
    static MemorySegment mapAnonymous(long sizeBytes, Arena arena) {
        int flags = LibC.MAP_PRIVATE() | LibC.MAP_ANONYMOUS() | LibC.MAP_NORESERVE();
        return own(mmap(sizeBytes, flags, NO_FD, 0), sizeBytes, sizeBytes, arena);
    }

    /** 0, or {@code -errno}. */
    static int madvise(MemorySegment memory, int advice) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) MADVISE.invokeExact(errno, memory, memory.byteSize(), advice), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    private static MemorySegment mmap(long sizeBytes, int flags, int fd, long offsetBytes) {
        MemorySegment errno = Downcalls.captured();
        MemorySegment address;
        try {
            address = (MemorySegment)
                    MMAP.invokeExact(errno, MemorySegment.NULL, sizeBytes, READ_WRITE, flags, fd, offsetBytes);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
        if (address.address() == LibC.MAP_FAILED().address()) {
            String call = "mmap lengthBytes=" + sizeBytes + (fd == NO_FD ? "" : " fd=" + fd + " offset=" + offsetBytes);
            throw new NativeException(call, (int) -Downcalls.result(-1L, errno));
        }
        return address;
    }

    // SAFETY: restricted because bounds and lifetime of the segment are claimed, not known. mmap(2) has just returned
    // this
    // address for mappedBytes >= sizeBytes, nobody else knows it, and only the arena's end unmaps it. The cleanup gets
    // the
    // segment in the global scope, of the claimed size; it unmaps the whole mapping by number, once.
    @SuppressWarnings("restricted")
    private static MemorySegment own(MemorySegment address, long sizeBytes, long mappedBytes, Arena arena) {
        return address.reinterpret(sizeBytes, arena, mapping -> munmap(mapping, mappedBytes));
    }

    private static void munmap(MemorySegment mapping, long mappedBytes) {
        MemorySegment errno = Downcalls.captured();
        int result;
        try {
            result = Downcalls.result((int) MUNMAP.invokeExact(errno, mapping, mappedBytes), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
        if (result < 0) {
            throw new NativeException("munmap lengthBytes=" + mappedBytes, -result);
        }
    }
}
