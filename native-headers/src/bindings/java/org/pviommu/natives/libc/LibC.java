package org.pviommu.natives.libc;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * The part of the C library that this project calls, for Linux on x86-64 with glibc 2.33 or later.
 *
 * <p>The shape is the one that jextract gives a header: a constant {@code X} is the method {@code X()}; a function
 * {@code f} is {@code f(...)}, {@code f$handle()}, {@code f$descriptor()} and {@code f$address()}; a variadic function
 * is a class with {@code makeInvoker}. Nothing here looks at {@code errno}: callers that need it link their own handle
 * from the address and the descriptor. Constants keep the notation of the C headers, octal included, and every one is
 * compared with those headers by the C probe of this module's tests.
 *
 * <p>Any thread may call. Symbols are looked up and handles are linked on first use, one function at a time.
 */
public final class LibC {

    public static final ValueLayout.OfByte C_CHAR = ValueLayout.JAVA_BYTE;
    public static final ValueLayout.OfShort C_SHORT = ValueLayout.JAVA_SHORT;
    public static final ValueLayout.OfInt C_INT = ValueLayout.JAVA_INT;
    public static final ValueLayout.OfLong C_LONG = ValueLayout.JAVA_LONG;
    public static final AddressLayout C_POINTER = ValueLayout.ADDRESS;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup SYMBOLS = LINKER.defaultLookup();

    private LibC() {}

    private static MemorySegment symbol(String name) {
        return SYMBOLS.findOrThrow(name);
    }

    // SAFETY: restricted because a wrong descriptor corrupts the stack. The descriptors of this class state the
    // prototypes of the C library on x86-64 (int = 32 bits; long, size_t, off_t and pointers = 64 bits), and the
    // address
    // always comes from symbol() with the name that the descriptor belongs to.
    @SuppressWarnings("restricted")
    private static MethodHandle link(MemorySegment address, FunctionDescriptor descriptor, Linker.Option... options) {
        return LINKER.downcallHandle(address, descriptor, options);
    }

    private static AssertionError unexpected(Throwable thrown) {
        return new AssertionError("a plain downcall threw", thrown);
    }

    // memfd_create(2) flags.

    public static int MFD_CLOEXEC() {
        return 0x1;
    }

    public static int MFD_ALLOW_SEALING() {
        return 0x2;
    }

    // fcntl(2) commands.

    public static int F_GETFL() {
        return 3;
    }

    public static int F_SETFL() {
        return 4;
    }

    public static int F_DUPFD_CLOEXEC() {
        return 1030;
    }

    public static int F_ADD_SEALS() {
        return 1033;
    }

    public static int F_GET_SEALS() {
        return 1034;
    }

    // Seals of a memfd.

    public static int F_SEAL_SEAL() {
        return 0x1;
    }

    public static int F_SEAL_SHRINK() {
        return 0x2;
    }

    public static int F_SEAL_GROW() {
        return 0x4;
    }

    public static int F_SEAL_WRITE() {
        return 0x8;
    }

    public static int F_SEAL_FUTURE_WRITE() {
        return 0x10;
    }

    // File status flags; the octal values are those of the x86 headers.

    public static int O_ACCMODE() {
        return 03;
    }

    public static int O_RDONLY() {
        return 00;
    }

    public static int O_WRONLY() {
        return 01;
    }

    public static int O_RDWR() {
        return 02;
    }

    public static int O_NONBLOCK() {
        return 04000;
    }

    public static int O_PATH() {
        return 010000000;
    }

    public static int O_CLOEXEC() {
        return 02000000;
    }

    // File types in st_mode.

    public static int S_IFMT() {
        return 0170000;
    }

    public static int S_IFIFO() {
        return 0010000;
    }

    public static int S_IFCHR() {
        return 0020000;
    }

    public static int S_IFDIR() {
        return 0040000;
    }

    public static int S_IFREG() {
        return 0100000;
    }

    public static int S_IFSOCK() {
        return 0140000;
    }

    // mmap(2) and madvise(2).

    public static int PROT_READ() {
        return 0x1;
    }

    public static int PROT_WRITE() {
        return 0x2;
    }

    public static int MAP_SHARED() {
        return 0x1;
    }

    public static int MAP_PRIVATE() {
        return 0x2;
    }

    public static int MAP_ANONYMOUS() {
        return 0x20;
    }

    public static int MAP_NORESERVE() {
        return 0x4000;
    }

    public static int MADV_DONTNEED() {
        return 4;
    }

    public static int MADV_HUGEPAGE() {
        return 14;
    }

    /** What mmap(2) returns instead of an address when it fails. */
    public static MemorySegment MAP_FAILED() {
        return MemorySegment.ofAddress(-1L);
    }

    // eventfd(2) and preadv2(2) flags.

    public static int EFD_NONBLOCK() {
        return 04000;
    }

    public static int EFD_CLOEXEC() {
        return 02000000;
    }

    public static int RWF_NOWAIT() {
        return 0x8;
    }

    // Unix sockets.

    public static int AF_UNIX() {
        return 1;
    }

    public static int SOCK_SEQPACKET() {
        return 5;
    }

    public static int SOCK_NONBLOCK() {
        return 04000;
    }

    public static int SOCK_CLOEXEC() {
        return 02000000;
    }

    public static int SOL_SOCKET() {
        return 1;
    }

    public static int SO_PEERCRED() {
        return 17;
    }

    public static int SCM_RIGHTS() {
        return 1;
    }

    public static int SHUT_RDWR() {
        return 2;
    }

    // sendmsg(2) and recvmsg(2) flags.

    public static int MSG_CTRUNC() {
        return 0x8;
    }

    public static int MSG_TRUNC() {
        return 0x20;
    }

    public static int MSG_DONTWAIT() {
        return 0x40;
    }

    public static int MSG_NOSIGNAL() {
        return 0x4000;
    }

    public static int MSG_CMSG_CLOEXEC() {
        return 0x40000000;
    }

    // poll(2) events.

    public static int POLLIN() {
        return 0x1;
    }

    public static int POLLOUT() {
        return 0x4;
    }

    public static int POLLERR() {
        return 0x8;
    }

    public static int POLLHUP() {
        return 0x10;
    }

    public static int POLLNVAL() {
        return 0x20;
    }

    // epoll(7).

    public static int EPOLL_CLOEXEC() {
        return 02000000;
    }

    public static int EPOLL_CTL_ADD() {
        return 1;
    }

    public static int EPOLL_CTL_DEL() {
        return 2;
    }

    public static int EPOLLIN() {
        return 0x1;
    }

    public static int EPOLLERR() {
        return 0x8;
    }

    public static int EPOLLHUP() {
        return 0x10;
    }

    public static int EPOLLRDHUP() {
        return 0x2000;
    }

    // Functions.

    private static final class getpid$linked {
        static final MethodHandle HANDLE = link(getpid$address(), getpid$descriptor());
    }

    public static MemorySegment getpid$address() {
        return symbol("getpid");
    }

    public static FunctionDescriptor getpid$descriptor() {
        return FunctionDescriptor.of(C_INT);
    }

    public static MethodHandle getpid$handle() {
        return getpid$linked.HANDLE;
    }

    /** getpid(2). */
    public static int getpid() {
        try {
            return (int) getpid$linked.HANDLE.invokeExact();
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class getuid$linked {
        static final MethodHandle HANDLE = link(getuid$address(), getuid$descriptor());
    }

    public static MemorySegment getuid$address() {
        return symbol("getuid");
    }

    public static FunctionDescriptor getuid$descriptor() {
        return FunctionDescriptor.of(C_INT);
    }

    public static MethodHandle getuid$handle() {
        return getuid$linked.HANDLE;
    }

    /** getuid(2). */
    public static int getuid() {
        try {
            return (int) getuid$linked.HANDLE.invokeExact();
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class getgid$linked {
        static final MethodHandle HANDLE = link(getgid$address(), getgid$descriptor());
    }

    public static MemorySegment getgid$address() {
        return symbol("getgid");
    }

    public static FunctionDescriptor getgid$descriptor() {
        return FunctionDescriptor.of(C_INT);
    }

    public static MethodHandle getgid$handle() {
        return getgid$linked.HANDLE;
    }

    /** getgid(2). */
    public static int getgid() {
        try {
            return (int) getgid$linked.HANDLE.invokeExact();
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class strerror_r$linked {
        static final MethodHandle HANDLE = link(strerror_r$address(), strerror_r$descriptor());
    }

    public static MemorySegment strerror_r$address() {
        return symbol("strerror_r");
    }

    public static FunctionDescriptor strerror_r$descriptor() {
        return FunctionDescriptor.of(C_POINTER, C_INT, C_POINTER, C_LONG);
    }

    public static MethodHandle strerror_r$handle() {
        return strerror_r$linked.HANDLE;
    }

    /** strerror_r(3). */
    public static MemorySegment strerror_r(int errnum, MemorySegment buf, long buflen) {
        try {
            return (MemorySegment) strerror_r$linked.HANDLE.invokeExact(errnum, buf, buflen);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class memfd_create$linked {
        static final MethodHandle HANDLE = link(memfd_create$address(), memfd_create$descriptor());
    }

    public static MemorySegment memfd_create$address() {
        return symbol("memfd_create");
    }

    public static FunctionDescriptor memfd_create$descriptor() {
        return FunctionDescriptor.of(C_INT, C_POINTER, C_INT);
    }

    public static MethodHandle memfd_create$handle() {
        return memfd_create$linked.HANDLE;
    }

    /** memfd_create(2). */
    public static int memfd_create(MemorySegment name, int flags) {
        try {
            return (int) memfd_create$linked.HANDLE.invokeExact(name, flags);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class ftruncate$linked {
        static final MethodHandle HANDLE = link(ftruncate$address(), ftruncate$descriptor());
    }

    public static MemorySegment ftruncate$address() {
        return symbol("ftruncate");
    }

    public static FunctionDescriptor ftruncate$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_LONG);
    }

    public static MethodHandle ftruncate$handle() {
        return ftruncate$linked.HANDLE;
    }

    /** ftruncate(2). */
    public static int ftruncate(int fd, long length) {
        try {
            return (int) ftruncate$linked.HANDLE.invokeExact(fd, length);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class fstat$linked {
        static final MethodHandle HANDLE = link(fstat$address(), fstat$descriptor());
    }

    public static MemorySegment fstat$address() {
        return symbol("fstat");
    }

    public static FunctionDescriptor fstat$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_POINTER);
    }

    public static MethodHandle fstat$handle() {
        return fstat$linked.HANDLE;
    }

    /** fstat(2). */
    public static int fstat(int fd, MemorySegment buf) {
        try {
            return (int) fstat$linked.HANDLE.invokeExact(fd, buf);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class mmap$linked {
        static final MethodHandle HANDLE = link(mmap$address(), mmap$descriptor());
    }

    public static MemorySegment mmap$address() {
        return symbol("mmap");
    }

    public static FunctionDescriptor mmap$descriptor() {
        return FunctionDescriptor.of(C_POINTER, C_POINTER, C_LONG, C_INT, C_INT, C_INT, C_LONG);
    }

    public static MethodHandle mmap$handle() {
        return mmap$linked.HANDLE;
    }

    /** mmap(2). */
    public static MemorySegment mmap(MemorySegment addr, long len, int prot, int flags, int fd, long offset) {
        try {
            return (MemorySegment) mmap$linked.HANDLE.invokeExact(addr, len, prot, flags, fd, offset);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class munmap$linked {
        static final MethodHandle HANDLE = link(munmap$address(), munmap$descriptor());
    }

    public static MemorySegment munmap$address() {
        return symbol("munmap");
    }

    public static FunctionDescriptor munmap$descriptor() {
        return FunctionDescriptor.of(C_INT, C_POINTER, C_LONG);
    }

    public static MethodHandle munmap$handle() {
        return munmap$linked.HANDLE;
    }

    /** munmap(2). */
    public static int munmap(MemorySegment addr, long len) {
        try {
            return (int) munmap$linked.HANDLE.invokeExact(addr, len);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class madvise$linked {
        static final MethodHandle HANDLE = link(madvise$address(), madvise$descriptor());
    }

    public static MemorySegment madvise$address() {
        return symbol("madvise");
    }

    public static FunctionDescriptor madvise$descriptor() {
        return FunctionDescriptor.of(C_INT, C_POINTER, C_LONG, C_INT);
    }

    public static MethodHandle madvise$handle() {
        return madvise$linked.HANDLE;
    }

    /** madvise(2). */
    public static int madvise(MemorySegment addr, long len, int advice) {
        try {
            return (int) madvise$linked.HANDLE.invokeExact(addr, len, advice);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class close$linked {
        static final MethodHandle HANDLE = link(close$address(), close$descriptor());
    }

    public static MemorySegment close$address() {
        return symbol("close");
    }

    public static FunctionDescriptor close$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT);
    }

    public static MethodHandle close$handle() {
        return close$linked.HANDLE;
    }

    /** close(2). */
    public static int close(int fd) {
        try {
            return (int) close$linked.HANDLE.invokeExact(fd);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class read$linked {
        static final MethodHandle HANDLE = link(read$address(), read$descriptor());
    }

    public static MemorySegment read$address() {
        return symbol("read");
    }

    public static FunctionDescriptor read$descriptor() {
        return FunctionDescriptor.of(C_LONG, C_INT, C_POINTER, C_LONG);
    }

    public static MethodHandle read$handle() {
        return read$linked.HANDLE;
    }

    /** read(2). */
    public static long read(int fd, MemorySegment buf, long nbytes) {
        try {
            return (long) read$linked.HANDLE.invokeExact(fd, buf, nbytes);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class write$linked {
        static final MethodHandle HANDLE = link(write$address(), write$descriptor());
    }

    public static MemorySegment write$address() {
        return symbol("write");
    }

    public static FunctionDescriptor write$descriptor() {
        return FunctionDescriptor.of(C_LONG, C_INT, C_POINTER, C_LONG);
    }

    public static MethodHandle write$handle() {
        return write$linked.HANDLE;
    }

    /** write(2). */
    public static long write(int fd, MemorySegment buf, long n) {
        try {
            return (long) write$linked.HANDLE.invokeExact(fd, buf, n);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class pread$linked {
        static final MethodHandle HANDLE = link(pread$address(), pread$descriptor());
    }

    public static MemorySegment pread$address() {
        return symbol("pread");
    }

    public static FunctionDescriptor pread$descriptor() {
        return FunctionDescriptor.of(C_LONG, C_INT, C_POINTER, C_LONG, C_LONG);
    }

    public static MethodHandle pread$handle() {
        return pread$linked.HANDLE;
    }

    /** pread(2). */
    public static long pread(int fd, MemorySegment buf, long nbytes, long offset) {
        try {
            return (long) pread$linked.HANDLE.invokeExact(fd, buf, nbytes, offset);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class pwrite$linked {
        static final MethodHandle HANDLE = link(pwrite$address(), pwrite$descriptor());
    }

    public static MemorySegment pwrite$address() {
        return symbol("pwrite");
    }

    public static FunctionDescriptor pwrite$descriptor() {
        return FunctionDescriptor.of(C_LONG, C_INT, C_POINTER, C_LONG, C_LONG);
    }

    public static MethodHandle pwrite$handle() {
        return pwrite$linked.HANDLE;
    }

    /** pwrite(2). */
    public static long pwrite(int fd, MemorySegment buf, long nbytes, long offset) {
        try {
            return (long) pwrite$linked.HANDLE.invokeExact(fd, buf, nbytes, offset);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class preadv2$linked {
        static final MethodHandle HANDLE = link(preadv2$address(), preadv2$descriptor());
    }

    public static MemorySegment preadv2$address() {
        return symbol("preadv2");
    }

    public static FunctionDescriptor preadv2$descriptor() {
        return FunctionDescriptor.of(C_LONG, C_INT, C_POINTER, C_INT, C_LONG, C_INT);
    }

    public static MethodHandle preadv2$handle() {
        return preadv2$linked.HANDLE;
    }

    /** preadv2(2). */
    public static long preadv2(int fd, MemorySegment iovec, int count, long offset, int flags) {
        try {
            return (long) preadv2$linked.HANDLE.invokeExact(fd, iovec, count, offset, flags);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class eventfd$linked {
        static final MethodHandle HANDLE = link(eventfd$address(), eventfd$descriptor());
    }

    public static MemorySegment eventfd$address() {
        return symbol("eventfd");
    }

    public static FunctionDescriptor eventfd$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_INT);
    }

    public static MethodHandle eventfd$handle() {
        return eventfd$linked.HANDLE;
    }

    /** eventfd(2). */
    public static int eventfd(int count, int flags) {
        try {
            return (int) eventfd$linked.HANDLE.invokeExact(count, flags);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class socket$linked {
        static final MethodHandle HANDLE = link(socket$address(), socket$descriptor());
    }

    public static MemorySegment socket$address() {
        return symbol("socket");
    }

    public static FunctionDescriptor socket$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_INT, C_INT);
    }

    public static MethodHandle socket$handle() {
        return socket$linked.HANDLE;
    }

    /** socket(2). */
    public static int socket(int domain, int type, int protocol) {
        try {
            return (int) socket$linked.HANDLE.invokeExact(domain, type, protocol);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class bind$linked {
        static final MethodHandle HANDLE = link(bind$address(), bind$descriptor());
    }

    public static MemorySegment bind$address() {
        return symbol("bind");
    }

    public static FunctionDescriptor bind$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_POINTER, C_INT);
    }

    public static MethodHandle bind$handle() {
        return bind$linked.HANDLE;
    }

    /** bind(2). */
    public static int bind(int fd, MemorySegment addr, int len) {
        try {
            return (int) bind$linked.HANDLE.invokeExact(fd, addr, len);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class listen$linked {
        static final MethodHandle HANDLE = link(listen$address(), listen$descriptor());
    }

    public static MemorySegment listen$address() {
        return symbol("listen");
    }

    public static FunctionDescriptor listen$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_INT);
    }

    public static MethodHandle listen$handle() {
        return listen$linked.HANDLE;
    }

    /** listen(2). */
    public static int listen(int fd, int n) {
        try {
            return (int) listen$linked.HANDLE.invokeExact(fd, n);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class connect$linked {
        static final MethodHandle HANDLE = link(connect$address(), connect$descriptor());
    }

    public static MemorySegment connect$address() {
        return symbol("connect");
    }

    public static FunctionDescriptor connect$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_POINTER, C_INT);
    }

    public static MethodHandle connect$handle() {
        return connect$linked.HANDLE;
    }

    /** connect(2). */
    public static int connect(int fd, MemorySegment addr, int len) {
        try {
            return (int) connect$linked.HANDLE.invokeExact(fd, addr, len);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class accept4$linked {
        static final MethodHandle HANDLE = link(accept4$address(), accept4$descriptor());
    }

    public static MemorySegment accept4$address() {
        return symbol("accept4");
    }

    public static FunctionDescriptor accept4$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_POINTER, C_POINTER, C_INT);
    }

    public static MethodHandle accept4$handle() {
        return accept4$linked.HANDLE;
    }

    /** accept4(2). */
    public static int accept4(int fd, MemorySegment addr, MemorySegment addr_len, int flags) {
        try {
            return (int) accept4$linked.HANDLE.invokeExact(fd, addr, addr_len, flags);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class getsockopt$linked {
        static final MethodHandle HANDLE = link(getsockopt$address(), getsockopt$descriptor());
    }

    public static MemorySegment getsockopt$address() {
        return symbol("getsockopt");
    }

    public static FunctionDescriptor getsockopt$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_INT, C_INT, C_POINTER, C_POINTER);
    }

    public static MethodHandle getsockopt$handle() {
        return getsockopt$linked.HANDLE;
    }

    /** getsockopt(2). */
    public static int getsockopt(int fd, int level, int optname, MemorySegment optval, MemorySegment optlen) {
        try {
            return (int) getsockopt$linked.HANDLE.invokeExact(fd, level, optname, optval, optlen);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class setsockopt$linked {
        static final MethodHandle HANDLE = link(setsockopt$address(), setsockopt$descriptor());
    }

    public static MemorySegment setsockopt$address() {
        return symbol("setsockopt");
    }

    public static FunctionDescriptor setsockopt$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_INT, C_INT, C_POINTER, C_INT);
    }

    public static MethodHandle setsockopt$handle() {
        return setsockopt$linked.HANDLE;
    }

    /** setsockopt(2). */
    public static int setsockopt(int fd, int level, int optname, MemorySegment optval, int optlen) {
        try {
            return (int) setsockopt$linked.HANDLE.invokeExact(fd, level, optname, optval, optlen);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class sendmsg$linked {
        static final MethodHandle HANDLE = link(sendmsg$address(), sendmsg$descriptor());
    }

    public static MemorySegment sendmsg$address() {
        return symbol("sendmsg");
    }

    public static FunctionDescriptor sendmsg$descriptor() {
        return FunctionDescriptor.of(C_LONG, C_INT, C_POINTER, C_INT);
    }

    public static MethodHandle sendmsg$handle() {
        return sendmsg$linked.HANDLE;
    }

    /** sendmsg(2). */
    public static long sendmsg(int fd, MemorySegment message, int flags) {
        try {
            return (long) sendmsg$linked.HANDLE.invokeExact(fd, message, flags);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class recvmsg$linked {
        static final MethodHandle HANDLE = link(recvmsg$address(), recvmsg$descriptor());
    }

    public static MemorySegment recvmsg$address() {
        return symbol("recvmsg");
    }

    public static FunctionDescriptor recvmsg$descriptor() {
        return FunctionDescriptor.of(C_LONG, C_INT, C_POINTER, C_INT);
    }

    public static MethodHandle recvmsg$handle() {
        return recvmsg$linked.HANDLE;
    }

    /** recvmsg(2). */
    public static long recvmsg(int fd, MemorySegment message, int flags) {
        try {
            return (long) recvmsg$linked.HANDLE.invokeExact(fd, message, flags);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class shutdown$linked {
        static final MethodHandle HANDLE = link(shutdown$address(), shutdown$descriptor());
    }

    public static MemorySegment shutdown$address() {
        return symbol("shutdown");
    }

    public static FunctionDescriptor shutdown$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_INT);
    }

    public static MethodHandle shutdown$handle() {
        return shutdown$linked.HANDLE;
    }

    /** shutdown(2). */
    public static int shutdown(int fd, int how) {
        try {
            return (int) shutdown$linked.HANDLE.invokeExact(fd, how);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class poll$linked {
        static final MethodHandle HANDLE = link(poll$address(), poll$descriptor());
    }

    public static MemorySegment poll$address() {
        return symbol("poll");
    }

    public static FunctionDescriptor poll$descriptor() {
        return FunctionDescriptor.of(C_INT, C_POINTER, C_LONG, C_INT);
    }

    public static MethodHandle poll$handle() {
        return poll$linked.HANDLE;
    }

    /** poll(2). */
    public static int poll(MemorySegment fds, long nfds, int timeout) {
        try {
            return (int) poll$linked.HANDLE.invokeExact(fds, nfds, timeout);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class epoll_create1$linked {
        static final MethodHandle HANDLE = link(epoll_create1$address(), epoll_create1$descriptor());
    }

    public static MemorySegment epoll_create1$address() {
        return symbol("epoll_create1");
    }

    public static FunctionDescriptor epoll_create1$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT);
    }

    public static MethodHandle epoll_create1$handle() {
        return epoll_create1$linked.HANDLE;
    }

    /** epoll_create1(2). */
    public static int epoll_create1(int flags) {
        try {
            return (int) epoll_create1$linked.HANDLE.invokeExact(flags);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class epoll_ctl$linked {
        static final MethodHandle HANDLE = link(epoll_ctl$address(), epoll_ctl$descriptor());
    }

    public static MemorySegment epoll_ctl$address() {
        return symbol("epoll_ctl");
    }

    public static FunctionDescriptor epoll_ctl$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_INT, C_INT, C_POINTER);
    }

    public static MethodHandle epoll_ctl$handle() {
        return epoll_ctl$linked.HANDLE;
    }

    /** epoll_ctl(2). */
    public static int epoll_ctl(int epfd, int op, int fd, MemorySegment event) {
        try {
            return (int) epoll_ctl$linked.HANDLE.invokeExact(epfd, op, fd, event);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    private static final class epoll_wait$linked {
        static final MethodHandle HANDLE = link(epoll_wait$address(), epoll_wait$descriptor());
    }

    public static MemorySegment epoll_wait$address() {
        return symbol("epoll_wait");
    }

    public static FunctionDescriptor epoll_wait$descriptor() {
        return FunctionDescriptor.of(C_INT, C_INT, C_POINTER, C_INT, C_INT);
    }

    public static MethodHandle epoll_wait$handle() {
        return epoll_wait$linked.HANDLE;
    }

    /** epoll_wait(2). */
    public static int epoll_wait(int epfd, MemorySegment events, int maxevents, int timeout) {
        try {
            return (int) epoll_wait$linked.HANDLE.invokeExact(epfd, events, maxevents, timeout);
        } catch (Throwable thrown) {
            throw unexpected(thrown);
        }
    }

    /**
     * fcntl(2), variadic: one invoker stands for one list of further argument types. {@link #apply} boxes its arguments
     * and is meant for rare calls.
     */
    public static final class fcntl {
        private static final int NAMED_ARGUMENTS = 2;
        private static final FunctionDescriptor NAMED = FunctionDescriptor.of(C_INT, C_INT, C_INT);

        private final FunctionDescriptor descriptor;
        private final MethodHandle handle;
        private final MethodHandle spreader;

        private fcntl(FunctionDescriptor descriptor, int furtherArguments) {
            this.descriptor = descriptor;
            handle = link(address(), descriptor, Linker.Option.firstVariadicArg(NAMED_ARGUMENTS));
            spreader = handle.asSpreader(Object[].class, furtherArguments);
        }

        public static fcntl makeInvoker(MemoryLayout... layouts) {
            return new fcntl(NAMED.appendArgumentLayouts(layouts), layouts.length);
        }

        public static MemorySegment address() {
            return symbol("fcntl");
        }

        public MethodHandle handle() {
            return handle;
        }

        public FunctionDescriptor descriptor() {
            return descriptor;
        }

        public int apply(int fd, int cmd, Object... further) {
            try {
                return (int) spreader.invokeExact(fd, cmd, further);
            } catch (IllegalArgumentException | ClassCastException wrongArguments) {
                throw new IllegalArgumentException("fcntl further=" + Arrays.toString(further), wrongArguments);
            } catch (Throwable thrown) {
                throw unexpected(thrown);
            }
        }
    }

    /** open(2), variadic as fcntl is. */
    // The name is the C function's.
    @SuppressWarnings("NamedLikeContextualKeyword")
    public static final class open {
        private static final int NAMED_ARGUMENTS = 2;
        private static final FunctionDescriptor NAMED = FunctionDescriptor.of(C_INT, C_POINTER, C_INT);

        private final FunctionDescriptor descriptor;
        private final MethodHandle handle;
        private final MethodHandle spreader;

        private open(FunctionDescriptor descriptor, int furtherArguments) {
            this.descriptor = descriptor;
            handle = link(address(), descriptor, Linker.Option.firstVariadicArg(NAMED_ARGUMENTS));
            spreader = handle.asSpreader(Object[].class, furtherArguments);
        }

        public static open makeInvoker(MemoryLayout... layouts) {
            return new open(NAMED.appendArgumentLayouts(layouts), layouts.length);
        }

        public static MemorySegment address() {
            return symbol("open");
        }

        public MethodHandle handle() {
            return handle;
        }

        public FunctionDescriptor descriptor() {
            return descriptor;
        }

        public int apply(MemorySegment file, int oflag, Object... further) {
            try {
                return (int) spreader.invokeExact(file, oflag, further);
            } catch (IllegalArgumentException | ClassCastException wrongArguments) {
                throw new IllegalArgumentException("open further=" + Arrays.toString(further), wrongArguments);
            } catch (Throwable thrown) {
                throw unexpected(thrown);
            }
        }
    }

    /** ioctl(2), variadic as fcntl is. */
    public static final class ioctl {
        private static final int NAMED_ARGUMENTS = 2;
        private static final FunctionDescriptor NAMED = FunctionDescriptor.of(C_INT, C_INT, C_LONG);

        private final FunctionDescriptor descriptor;
        private final MethodHandle handle;
        private final MethodHandle spreader;

        private ioctl(FunctionDescriptor descriptor, int furtherArguments) {
            this.descriptor = descriptor;
            handle = link(address(), descriptor, Linker.Option.firstVariadicArg(NAMED_ARGUMENTS));
            spreader = handle.asSpreader(Object[].class, furtherArguments);
        }

        public static ioctl makeInvoker(MemoryLayout... layouts) {
            return new ioctl(NAMED.appendArgumentLayouts(layouts), layouts.length);
        }

        public static MemorySegment address() {
            return symbol("ioctl");
        }

        public MethodHandle handle() {
            return handle;
        }

        public FunctionDescriptor descriptor() {
            return descriptor;
        }

        public int apply(int fd, long request, Object... further) {
            try {
                return (int) spreader.invokeExact(fd, request, further);
            } catch (IllegalArgumentException | ClassCastException wrongArguments) {
                throw new IllegalArgumentException("ioctl further=" + Arrays.toString(further), wrongArguments);
            } catch (Throwable thrown) {
                throw unexpected(thrown);
            }
        }
    }
}
