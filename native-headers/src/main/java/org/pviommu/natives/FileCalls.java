package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.pviommu.natives.libc.LibC;
import org.pviommu.natives.libc.pollfd;

/** Calls on any descriptor. Each returns what the kernel returned, or {@code -errno}. */
final class FileCalls {

    private static final int FCNTL_NAMED_ARGUMENTS = 2;

    private static final MethodHandle CLOSE = Downcalls.capturing(LibC.close$address(), LibC.close$descriptor());
    private static final MethodHandle FSTAT = Downcalls.capturing(LibC.fstat$address(), LibC.fstat$descriptor());
    private static final MethodHandle FCNTL = Downcalls.capturingVariadic(
            LibC.fcntl.address(), LibC.fcntl.makeInvoker(LibC.C_INT).descriptor(), FCNTL_NAMED_ARGUMENTS);
    private static final MethodHandle POLL = Downcalls.capturing(LibC.poll$address(), LibC.poll$descriptor());

    private static final ThreadLocal<MemorySegment> POLLED =
            ThreadLocal.withInitial(() -> pollfd.allocate(Arena.ofAuto()));

    private FileCalls() {}

    static int close(int fd) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) CLOSE.invokeExact(errno, fd), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static int fstat(int fd, MemorySegment stat) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) FSTAT.invokeExact(errno, fd, stat), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /** For the commands whose third argument is an int, or is ignored. */
    static int fcntl(int fd, int command, int argument) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) FCNTL.invokeExact(errno, fd, command, argument), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /** Waits for events on one descriptor; allocates nothing, the entry belongs to the calling thread. */
    static int poll(int fd, int events, int timeoutMs) {
        MemorySegment errno = Downcalls.captured();
        MemorySegment entry = POLLED.get();
        pollfd.fd(entry, fd);
        pollfd.events(entry, (short) events);
        try {
            return Downcalls.result((int) POLL.invokeExact(errno, entry, 1L, timeoutMs), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }
}
