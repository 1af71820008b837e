package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.pviommu.natives.libc.LibC;
import org.pviommu.natives.libc.epoll_data;
import org.pviommu.natives.libc.epoll_event;

/**
 * Waits for many descriptors at once (epoll, level-triggered): an entry is reported as long as it is readable or hung up.
 *
 * <p>Threads: one thread awaits and looks at the entries; any thread adds, removes and closes. A descriptor must be removed before
 * it is closed: the kernel forgets an entry only when the last duplicate of the open file is closed, and until then it would
 * report a token whose owner is gone.
 *
 * <p>{@link #await} and the entry getters allocate nothing.
 */
public final class Poller implements AutoCloseable {

    /** The largest number that epoll_wait(2) could be asked for is far above; this bounds the buffer to 48 KiB. */
    private static final int MAX_EVENTS_LIMIT = 4096;

    // struct epoll_event is packed on x86-64: 12 bytes, so nothing in an array of it is aligned. Hence own, unaligned
    // accesses at the offsets of the bindings.
    private static final long EVENT_BYTES = epoll_event.layout().byteSize();
    private static final long EVENTS_OFFSET = epoll_event.events$offset();
    private static final long TOKEN_OFFSET = epoll_event.data$offset() + epoll_data.u32$offset();

    private static final int HANG_UP = LibC.EPOLLHUP() | LibC.EPOLLERR() | LibC.EPOLLRDHUP();
    private static final int READABLE = LibC.EPOLLIN();

    private final FileDescriptor epoll;
    private final int maxEvents;
    private final MemorySegment ready;
    private int readyCount;

    /**
     * @param maxEvents how many entries one {@link #await} reports at most, 1 to 4096; the others come next time
     * @throws NativeException EMFILE or ENFILE when descriptors have run out
     */
    public Poller(int maxEvents) {
        if (maxEvents < 1 || maxEvents > MAX_EVENTS_LIMIT) {
            throw new IllegalArgumentException("maxEvents=" + maxEvents + " min=1 max=" + MAX_EVENTS_LIMIT);
        }
        this.maxEvents = maxEvents;
        ready = Arena.ofAuto().allocate(MemoryLayout.sequenceLayout(maxEvents, epoll_event.layout()));
        epoll = FileDescriptor.adopt(check(EventCalls.epollCreate(), "epoll_create1"));
    }

    /**
     * Starts to watch for input and hang-up.
     *
     * @param token what {@link #token} answers for this descriptor; any value
     * @throws NativeException EEXIST when it is watched already; EPERM for what cannot be waited for, such as a regular file
     */
    public void add(FileDescriptor fd, int token) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment event = epoll_event.allocate(arena);
            event.set(ValueLayout.JAVA_INT_UNALIGNED, EVENTS_OFFSET, READABLE | LibC.EPOLLRDHUP());
            event.set(ValueLayout.JAVA_INT_UNALIGNED, TOKEN_OFFSET, token);
            control(LibC.EPOLL_CTL_ADD(), fd, event, "epoll_ctl EPOLL_CTL_ADD");
        }
    }

    /**
     * Stops watching. Entries of it that {@link #await} has reported already stay where they are until the next one.
     *
     * @throws NativeException ENOENT when it is not watched
     * @throws IllegalStateException when it is closed
     */
    public void remove(FileDescriptor fd) {
        control(LibC.EPOLL_CTL_DEL(), fd, MemorySegment.NULL, "epoll_ctl EPOLL_CTL_DEL");
    }

    /**
     * Waits until something is ready, or the time is over, or a signal comes.
     *
     * @param timeoutMs 0 = do not wait, negative = wait without end
     * @return the number of ready entries
     * @throws IllegalStateException after close
     */
    public int await(int timeoutMs) {
        readyCount = 0;
        int number = epoll.enter();
        try {
            int count = EventCalls.epollWait(number, ready, maxEvents, timeoutMs);
            readyCount = count == -Errno.EINTR ? 0 : check(count, "epoll_wait");
            return readyCount;
        } finally {
            epoll.exit();
        }
    }

    /**
     * The token of a ready entry.
     *
     * @param i 0 to the result of the last {@link #await}, exclusive
     */
    public int token(int i) {
        return ready.get(ValueLayout.JAVA_INT_UNALIGNED, entry(i) + TOKEN_OFFSET);
    }

    /** Whether the other side has hung up, or the descriptor is in error. There may be input left to read. */
    public boolean hangUp(int i) {
        return (events(i) & HANG_UP) != 0;
    }

    /** Whether there is something to read; the end of a stream counts. */
    public boolean readable(int i) {
        return (events(i) & READABLE) != 0;
    }

    /** Closes the epoll instance, at once or when the {@link #await} under way returns; what it watched stays open. */
    @Override
    public void close() {
        epoll.close();
    }

    private int events(int i) {
        return ready.get(ValueLayout.JAVA_INT_UNALIGNED, entry(i) + EVENTS_OFFSET);
    }

    private long entry(int i) {
        return Objects.checkIndex(i, readyCount) * EVENT_BYTES;
    }

    private void control(int operation, FileDescriptor fd, MemorySegment event, String call) {
        int number = epoll.enter();
        try {
            int watched = fd.enter();
            try {
                int result = EventCalls.epollControl(number, operation, watched, event);
                if (result < 0) {
                    throw new NativeException(call + " " + fd, -result);
                }
            } finally {
                fd.exit();
            }
        } finally {
            epoll.exit();
        }
    }

    private static int check(int result, String call) {
        if (result < 0) {
            throw new NativeException(call, -result);
        }
        return result;
    }
}
