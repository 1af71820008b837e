package org.pviommu.natives;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.pviommu.natives.libc.LibC;

/** Calls on event counters and epoll instances. Each returns what the kernel returned, or {@code -errno}. */
final class EventCalls {

    private static final MethodHandle EVENTFD = Downcalls.capturing(LibC.eventfd$address(), LibC.eventfd$descriptor());
    private static final MethodHandle WRITE = Downcalls.capturing(LibC.write$address(), LibC.write$descriptor());
    private static final MethodHandle PREADV2 = Downcalls.capturing(LibC.preadv2$address(), LibC.preadv2$descriptor());
    private static final MethodHandle EPOLL_CREATE1 =
            Downcalls.capturing(LibC.epoll_create1$address(), LibC.epoll_create1$descriptor());
    private static final MethodHandle EPOLL_CTL =
            Downcalls.capturing(LibC.epoll_ctl$address(), LibC.epoll_ctl$descriptor());
    private static final MethodHandle EPOLL_WAIT =
            Downcalls.capturing(LibC.epoll_wait$address(), LibC.epoll_wait$descriptor());

    /** preadv2(2): read at the current position, which is all that a stream has. */
    private static final long CURRENT_POSITION = -1;

    private EventCalls() {}

    static int eventfd(int count, int flags) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) EVENTFD.invokeExact(errno, count, flags), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static long write(int fd, MemorySegment from, long lengthBytes) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((long) WRITE.invokeExact(errno, fd, from, lengthBytes), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /**
     * Reads without ever waiting, whatever the open file's flags say. The memory that {@code iovec} points to must outlive the
     * call; nothing here can see to that.
     */
    static long readNoWait(int fd, MemorySegment iovec) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result(
                    (long) PREADV2.invokeExact(errno, fd, iovec, 1, CURRENT_POSITION, LibC.RWF_NOWAIT()), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static int epollCreate() {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) EPOLL_CREATE1.invokeExact(errno, LibC.EPOLL_CLOEXEC()), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static int epollControl(int epoll, int operation, int fd, MemorySegment event) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) EPOLL_CTL.invokeExact(errno, epoll, operation, fd, event), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static int epollWait(int epoll, MemorySegment events, int maxEvents, int timeoutMs) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) EPOLL_WAIT.invokeExact(errno, epoll, events, maxEvents, timeoutMs), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }
}
