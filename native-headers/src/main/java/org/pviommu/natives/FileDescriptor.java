package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToLongFunction;
import org.pviommu.natives.libc.LibC;
import org.pviommu.natives.libc.stat;

/**
 * Owns one file descriptor and closes it exactly once.
 *
 * <p>Threads: everything may be called from any thread. The kernel reuses the number of a closed descriptor at once, so a call
 * that is under way keeps it open: {@link #close()} forbids further use immediately, and the last call to return gives the
 * number back. {@link #value()} has no such protection: use it only where nobody can close the descriptor meanwhile.
 */
public final class FileDescriptor implements AutoCloseable {

    /** Added to the number of calls under way once the owner has closed or released the descriptor. */
    private static final int CLOSED = Integer.MIN_VALUE;

    private final int fd;
    private final AtomicInteger callsAndClosed = new AtomicInteger();

    private FileDescriptor(int fd) {
        this.fd = fd;
    }

    /**
     * Takes ownership of an open descriptor.
     *
     * @throws IllegalArgumentException when the number is negative
     */
    public static FileDescriptor adopt(int fd) {
        if (fd < 0) {
            throw new IllegalArgumentException("fd=" + fd + " min=0");
        }
        return new FileDescriptor(fd);
    }

    /**
     * The number, for calls that this package does not have.
     *
     * @throws IllegalStateException after close or release
     */
    public int value() {
        if (!isOpen()) {
            throw closed();
        }
        return fd;
    }

    /** False after {@link #close()} or {@link #release()}. */
    public boolean isOpen() {
        return callsAndClosed.get() >= 0;
    }

    /** Another descriptor of the same open file, closed on exec, owned by the caller. */
    public FileDescriptor duplicate() {
        return new FileDescriptor(fcntl("fcntl F_DUPFD_CLOEXEC", LibC.F_DUPFD_CLOEXEC(), 0));
    }

    /**
     * Gives up ownership: the descriptor stays open and the caller must close it.
     *
     * @throws IllegalStateException after close or release, or while a call on it is under way
     */
    public int release() {
        if (!callsAndClosed.compareAndSet(0, CLOSED)) {
            throw isOpen() ? new IllegalStateException("fd=" + fd + " is in use") : closed();
        }
        return fd;
    }

    /**
     * The seals of a memfd, see {@link Seals}.
     *
     * @throws NativeException EINVAL when the file cannot be sealed
     */
    public int seals() {
        return fcntl("fcntl F_GET_SEALS", LibC.F_GET_SEALS(), 0);
    }

    /**
     * Adds seals to a memfd.
     *
     * @throws NativeException EPERM when sealing is sealed or the descriptor is not writable; EBUSY when a writable mapping
     *     stands against a write seal; EINVAL when the file cannot be sealed
     */
    public void addSeals(int seals) {
        fcntl("fcntl F_ADD_SEALS seals=" + seals, LibC.F_ADD_SEALS(), seals);
    }

    /** The file's length. Whoever else holds the file may change it at any time, unless it is sealed. */
    public long sizeBytes() {
        return status(stat::st_size);
    }

    /** The file's preferred I/O size; on hugetlbfs this is the size of its pages. */
    long blockSizeBytes() {
        return status(stat::st_blksize);
    }

    /** What the descriptor refers to. */
    public FileKind kind() {
        int type = (int) status(stat::st_mode) & LibC.S_IFMT();
        if (type == LibC.S_IFREG()) {
            return FileKind.REGULAR;
        } else if (type == LibC.S_IFDIR()) {
            return FileKind.DIRECTORY;
        } else if (type == LibC.S_IFCHR()) {
            return FileKind.CHAR_DEVICE;
        } else if (type == LibC.S_IFIFO()) {
            return FileKind.FIFO;
        }
        return type == LibC.S_IFSOCK() ? FileKind.SOCKET : FileKind.OTHER;
    }

    /** What the descriptor was opened for. */
    public AccessMode accessMode() {
        int flags = statusFlags();
        int mode = flags & LibC.O_ACCMODE();
        if ((flags & LibC.O_PATH()) != 0) {
            return AccessMode.NONE;
        } else if (mode == LibC.O_RDONLY()) {
            return AccessMode.READ_ONLY;
        } else if (mode == LibC.O_WRONLY()) {
            return AccessMode.WRITE_ONLY;
        }
        return mode == LibC.O_RDWR() ? AccessMode.READ_WRITE : AccessMode.NONE;
    }

    /** The file's number on its {@link #device()}. */
    public long inode() {
        return status(stat::st_ino);
    }

    /** The number of the device that holds the file; together with {@link #inode()} it identifies the file. */
    public long device() {
        return status(stat::st_dev);
    }

    /**
     * Forbids further use and closes the descriptor, at once or when the last call on it returns. Closing again does nothing.
     *
     * @throws NativeException when the kernel reports an error; the descriptor is closed all the same
     */
    @Override
    public void close() {
        int before = callsAndClosed.getAndUpdate(state -> state | CLOSED);
        if (before == 0) {
            giveBack();
        }
    }

    @Override
    public String toString() {
        return "fd=" + fd + (isOpen() ? "" : " closed");
    }

    /**
     * Begins a call: until {@link #exit()} the number stays ours.
     *
     * @throws IllegalStateException after close or release
     */
    int enter() {
        int state;
        do {
            state = callsAndClosed.get();
            if (state < 0) {
                throw closed();
            }
        } while (!callsAndClosed.compareAndSet(state, state + 1));
        return fd;
    }

    /** Ends a call that {@link #enter()} began. */
    void exit() {
        if (callsAndClosed.decrementAndGet() == CLOSED) {
            giveBack();
        }
    }

    /** The flags of F_GETFL: access mode and O_NONBLOCK among others. */
    int statusFlags() {
        return fcntl("fcntl F_GETFL", LibC.F_GETFL(), 0);
    }

    /** Makes reads and writes fail with EAGAIN where they would wait; a property of the open file, not of this descriptor. */
    void setNonBlocking() {
        fcntl("fcntl F_SETFL O_NONBLOCK", LibC.F_SETFL(), statusFlags() | LibC.O_NONBLOCK());
    }

    /**
     * Waits until one of the events, or an error or hang-up, is there.
     *
     * @param events POLLIN, POLLOUT
     * @param timeoutMs 0 = do not wait, negative = wait without end
     * @return false when the time is over or a signal came first
     */
    boolean awaitEvents(int events, int timeoutMs) {
        enter();
        try {
            int ready = FileCalls.poll(fd, events, timeoutMs);
            return ready != -Errno.EINTR && check(ready, "poll") > 0;
        } finally {
            exit();
        }
    }

    private int fcntl(String call, int command, int argument) {
        enter();
        try {
            return check(FileCalls.fcntl(fd, command, argument), call);
        } finally {
            exit();
        }
    }

    private long status(ToLongFunction<MemorySegment> field) {
        enter();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = stat.allocate(arena);
            check(FileCalls.fstat(fd, buffer), "fstat");
            return field.applyAsLong(buffer);
        } finally {
            exit();
        }
    }

    private int check(int result, String call) {
        if (result < 0) {
            throw new NativeException(call + " fd=" + fd, -result);
        }
        return result;
    }

    private void giveBack() {
        int result = FileCalls.close(fd);
        // Linux has freed the number even when close(2) says EINTR; closing again could hit somebody else's descriptor.
        if (result < 0 && result != -Errno.EINTR) {
            throw new NativeException("close fd=" + fd, -result);
        }
    }

    private IllegalStateException closed() {
        return new IllegalStateException("fd=" + fd + " is closed");
    }
}
