package org.pviommu.natives;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.pviommu.natives.libc.LibC;
import org.pviommu.natives.libc.iovec;

/**
 * An event counter of the kernel, used as a doorbell: signalled or not.
 *
 * <p>Threads: any number may signal, drain and wait at once. {@link #signal()}, {@link #drain()} and {@link #await} allocate
 * nothing.
 *
 * <p>A doorbell shared with a guest: {@code O_NONBLOCK} is a property of the shared open file, so a hostile holder can take it
 * away and fill the counter. {@link #drain()} still never waits. {@link #signal()} would wait until somebody drains the counter,
 * and any thread of ours can do that; so a thread that serves several guests must not signal a doorbell whose guest has been
 * found hostile, and whoever supervises such threads frees a stuck one with {@code drain()}.
 */
public final class EventFd implements AutoCloseable {

    private static final String LINK = "anon_inode:[eventfd]";
    private static final long COUNTER_BYTES = Long.BYTES;

    /** What every signal adds; never written after this class is initialised, so all threads share it. */
    private static final MemorySegment ONE = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1L);

    private final FileDescriptor fd;
    /** Where drain() leaves the counter. Nobody looks at the value, so threads may overwrite each other's. */
    private final MemorySegment drained;
    /** Points to {@link #drained}; both are of one arena and live as long as this object. */
    private final MemorySegment drainedVector;

    private EventFd(FileDescriptor fd) {
        this.fd = fd;
        Arena arena = Arena.ofAuto();
        drained = arena.allocate(ValueLayout.JAVA_LONG);
        drainedVector = iovec.allocate(arena);
        iovec.iov_base(drainedVector, drained);
        iovec.iov_len(drainedVector, COUNTER_BYTES);
    }

    /**
     * A new counter at zero: non-blocking, closed on exec, one read takes everything.
     *
     * @throws NativeException EMFILE or ENFILE when descriptors have run out
     */
    public static EventFd create() {
        int created = EventCalls.eventfd(0, LibC.EFD_NONBLOCK() | LibC.EFD_CLOEXEC());
        if (created < 0) {
            throw new NativeException("eventfd", -created);
        }
        return new EventFd(FileDescriptor.adopt(created));
    }

    /**
     * Takes over a descriptor that came from elsewhere and makes it non-blocking. It belongs to the result from here on, and is
     * closed also when this fails.
     *
     * @throws IllegalArgumentException when it is not an event counter: writing to, say, a pipe could wait without end
     */
    public static EventFd adopt(FileDescriptor fd) {
        try {
            String link = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd.value()))
                    .toString();
            if (!link.equals(LINK)) {
                throw new IllegalArgumentException(fd + " is " + link + " expected=" + LINK);
            }
            fd.setNonBlocking();
            return new EventFd(fd);
        } catch (IOException unreadable) {
            fd.close();
            throw new UncheckedIOException(unreadable);
        } catch (RuntimeException | Error refused) {
            fd.close();
            throw refused;
        }
    }

    /**
     * Rings. A counter that is full is signalled already, which is success.
     *
     * @throws IllegalStateException after close
     */
    public void signal() {
        int number = fd.enter();
        try {
            long written = EventCalls.write(number, ONE, COUNTER_BYTES);
            if (written < 0 && written != -Errno.EAGAIN) {
                throw new NativeException("write eventfd " + fd, (int) -written);
            }
        } finally {
            fd.exit();
        }
    }

    /**
     * Takes all signals so far; never waits.
     *
     * @return false when there was none
     * @throws IllegalStateException after close
     */
    public boolean drain() {
        int number = fd.enter();
        try {
            long read = EventCalls.readNoWait(number, drainedVector);
            if (read < 0 && read != -Errno.EAGAIN) {
                throw new NativeException("preadv2 eventfd " + fd, (int) -read);
            }
            return read == COUNTER_BYTES;
        } finally {
            fd.exit();
        }
    }

    /**
     * Waits until it is signalled; takes nothing. May return early without a signal, as any wait may.
     *
     * @param timeoutMs 0 = do not wait, negative = wait without end
     * @return whether it was signalled
     * @throws IllegalStateException after close
     */
    public boolean await(int timeoutMs) {
        return fd.awaitEvents(LibC.POLLIN(), timeoutMs);
    }

    /** The descriptor, which stays this object's. */
    public FileDescriptor fd() {
        return fd;
    }

    /** Closes the descriptor, once. */
    @Override
    public void close() {
        fd.close();
    }
}
