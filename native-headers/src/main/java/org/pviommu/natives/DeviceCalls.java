package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import org.pviommu.natives.libc.LibC;

/** Calls on device nodes. Each returns what the kernel returned, or {@code -errno}. */
final class DeviceCalls {

    private static final int NAMED_ARGUMENTS = 2;

    private static final MethodHandle OPEN = Downcalls.capturingVariadic(
            LibC.open.address(), LibC.open.makeInvoker().descriptor(), NAMED_ARGUMENTS);
    private static final MethodHandle IOCTL = Downcalls.capturingVariadic(
            LibC.ioctl.address(), LibC.ioctl.makeInvoker(LibC.C_LONG).descriptor(), NAMED_ARGUMENTS);
    private static final MethodHandle PREAD = Downcalls.capturing(LibC.pread$address(), LibC.pread$descriptor());
    private static final MethodHandle PWRITE = Downcalls.capturing(LibC.pwrite$address(), LibC.pwrite$descriptor());

    private DeviceCalls() {}

    /** A descriptor for reading, writing and ioctl that is closed on exec, or {@code -errno}. */
    static int open(String path) {
        MemorySegment errno = Downcalls.captured();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocateFrom(path);
            int flags = LibC.O_RDWR() | LibC.O_CLOEXEC();
            return Downcalls.result((int) OPEN.invokeExact(errno, text, flags), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /**
     * With the address of a structure; allocates nothing: the linker's own way to pass a segment may or may not, as the compiler
     * likes. The segment is kept until the call is over; whoever has it does not close it meanwhile.
     */
    static int ioctl(int fd, int request, MemorySegment argument) {
        try {
            return ioctl(fd, request, argument.address());
        } finally {
            Reference.reachabilityFence(argument);
        }
    }

    /** With a plain number. */
    static int ioctl(int fd, int request, long argument) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result(
                    (int) IOCTL.invokeExact(errno, fd, Integer.toUnsignedLong(request), argument), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static long pread(int fd, MemorySegment into, long offsetBytes) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((long) PREAD.invokeExact(errno, fd, into, into.byteSize(), offsetBytes), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static long pwrite(int fd, MemorySegment from, long offsetBytes) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((long) PWRITE.invokeExact(errno, fd, from, from.byteSize(), offsetBytes), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }
}
