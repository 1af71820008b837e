package org.pviommu.natives;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.pviommu.natives.libc.LibC;

/** Calls on sockets. Each returns what the kernel returned, or {@code -errno}. */
final class SocketCalls {

    private static final MethodHandle SOCKET = Downcalls.capturing(LibC.socket$address(), LibC.socket$descriptor());
    private static final MethodHandle BIND = Downcalls.capturing(LibC.bind$address(), LibC.bind$descriptor());
    private static final MethodHandle LISTEN = Downcalls.capturing(LibC.listen$address(), LibC.listen$descriptor());
    private static final MethodHandle CONNECT = Downcalls.capturing(LibC.connect$address(), LibC.connect$descriptor());
    private static final MethodHandle ACCEPT4 = Downcalls.capturing(LibC.accept4$address(), LibC.accept4$descriptor());
    private static final MethodHandle GETSOCKOPT =
            Downcalls.capturing(LibC.getsockopt$address(), LibC.getsockopt$descriptor());
    private static final MethodHandle SENDMSG = Downcalls.capturing(LibC.sendmsg$address(), LibC.sendmsg$descriptor());
    private static final MethodHandle RECVMSG = Downcalls.capturing(LibC.recvmsg$address(), LibC.recvmsg$descriptor());

    private static final int NON_BLOCKING = LibC.SOCK_NONBLOCK() | LibC.SOCK_CLOEXEC();

    private SocketCalls() {}

    /** SOCK_STREAM of x86 and of most architectures; the test of a real connection would not work with another number. */
    static final int STREAM = 1;

    static final int PACKETS = LibC.SOCK_SEQPACKET();

    /** A non-blocking Unix socket of packets or of a stream of bytes, closed on exec. */
    static int socket(int kind) {
        MemorySegment errno = Downcalls.captured();
        try {
            int type = kind | NON_BLOCKING;
            return Downcalls.result((int) SOCKET.invokeExact(errno, LibC.AF_UNIX(), type, 0), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static int bind(int fd, MemorySegment address) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) BIND.invokeExact(errno, fd, address, (int) address.byteSize()), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static int listen(int fd, int backlog) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) LISTEN.invokeExact(errno, fd, backlog), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static int connect(int fd, MemorySegment address) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result((int) CONNECT.invokeExact(errno, fd, address, (int) address.byteSize()), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /** The accepted socket is non-blocking and closed on exec; the peer's address is not asked for. */
    static int accept(int fd) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result(
                    (int) ACCEPT4.invokeExact(errno, fd, MemorySegment.NULL, MemorySegment.NULL, NON_BLOCKING), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    static int getSocketOption(int fd, int option, MemorySegment value, MemorySegment lengthBytes) {
        MemorySegment errno = Downcalls.captured();
        try {
            return Downcalls.result(
                    (int) GETSOCKOPT.invokeExact(errno, fd, LibC.SOL_SOCKET(), option, value, lengthBytes), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /** What {@code message} points to must outlive the call; nothing here can see to that. */
    static long send(int fd, MemorySegment message) {
        MemorySegment errno = Downcalls.captured();
        try {
            int flags = LibC.MSG_NOSIGNAL() | LibC.MSG_DONTWAIT();
            return Downcalls.result((long) SENDMSG.invokeExact(errno, fd, message, flags), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }

    /** What {@code message} points to must outlive the call; nothing here can see to that. */
    static long receive(int fd, MemorySegment message) {
        MemorySegment errno = Downcalls.captured();
        try {
            int flags = LibC.MSG_CMSG_CLOEXEC() | LibC.MSG_DONTWAIT();
            return Downcalls.result((long) RECVMSG.invokeExact(errno, fd, message, flags), errno);
        } catch (Throwable thrown) {
            throw Downcalls.thrown(thrown);
        }
    }
}
