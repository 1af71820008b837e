package org.pviommu.natives;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.util.Objects;
import org.pviommu.natives.libc.LibC;
import org.pviommu.natives.libc.epoll_event;

/** A native call that holds a segment, as any downcall holds its arguments, until {@link #finish()}. */
final class UsedSegment {

    /** Linux cuts names at 15 characters. */
    private static final String THREAD_NAME = "used-segment";

    private static final File TASKS = new File("/proc/self/task");
    private static final int GUARD_MS = 60_000;

    private final EventFd end = EventFd.create();
    private final FileDescriptor epoll = FileDescriptor.adopt(EventCalls.epollCreate());
    private final Thread thread;

    private UsedSegment(MemorySegment segment) {
        int epollNumber = epoll.value();
        thread = Thread.ofPlatform().name(THREAD_NAME).unstarted(() -> {
            // Once without waiting, so that nothing is left to be loaded or linked when the thread is seen asleep.
            int ready = EventCalls.epollWait(epollNumber, segment, 1, 0);
            while (ready == 0) {
                ready = EventCalls.epollWait(epollNumber, segment, 1, GUARD_MS);
            }
        });
    }

    static UsedSegment of(MemorySegment segment) throws InterruptedException {
        UsedSegment used = new UsedSegment(segment);
        used.watchEnd();
        used.thread.start();
        while (!used.isAsleepInCall()) {
            Thread.sleep(1);
        }
        return used;
    }

    void finish() throws InterruptedException {
        end.signal();
        thread.join(GUARD_MS);
        end.close();
        epoll.close();
    }

    private void watchEnd() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment event = epoll_event.allocate(arena);
            epoll_event.events(event, LibC.EPOLLIN());
            EventCalls.epollControl(
                    epoll.value(), LibC.EPOLL_CTL_ADD(), end.fd().value(), event);
        }
    }

    private boolean isAsleepInCall() {
        StackTraceElement[] stack = thread.getStackTrace();
        return stack.length > 0 && stack[0].getMethodName().equals("epollWait") && isAsleep();
    }

    private static boolean isAsleep() {
        for (File task : Objects.requireNonNull(TASKS.listFiles())) {
            try {
                String status = Files.readString(task.toPath().resolve("status"));
                if (status.startsWith("Name:\t" + THREAD_NAME + "\n")) {
                    return status.contains("State:\tS");
                }
            } catch (IOException unreadable) {
                if (task.exists()) {
                    throw new UncheckedIOException(unreadable);
                }
            }
        }
        return false;
    }
}
