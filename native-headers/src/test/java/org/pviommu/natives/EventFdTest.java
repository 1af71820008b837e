package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.natives.libc.LibC;

class EventFdTest {

    private static final Duration GUARD = Duration.ofSeconds(60);
    /** The counter holds at most 2^64 - 2. */
    private static final long FULL = -2;

    @Test
    void shouldDrainAllSignalsAtOnce() {
        try (EventFd event = EventFd.create()) {
            assertFalse(event.drain());
            event.signal();
            event.signal();

            assertTrue(event.drain());
            assertFalse(event.drain());
        }
    }

    @Test
    void shouldAcceptSignalWhenCounterIsFull() {
        try (EventFd event = EventFd.create()) {
            fill(event);

            event.signal();

            assertTrue(event.drain());
            assertFalse(event.drain());
        }
    }

    @Test
    void shouldWaitForSignal() {
        try (EventFd event = EventFd.create()) {
            assertFalse(event.await(0));
            assertFalse(event.await(1));
            Thread signaller = Thread.ofPlatform().start(event::signal);

            assertTimeoutPreemptively(GUARD, () -> {
                while (!event.await(1000)) {
                    Thread.onSpinWait();
                }
                signaller.join();
            });
            assertTrue(event.drain(), "waiting takes nothing");
        }
    }

    @Test
    void shouldAdoptCounterAndMakeItNonBlocking() {
        try (FileDescriptor blocking = FileDescriptor.adopt(EventCalls.eventfd(0, LibC.EFD_CLOEXEC()));
                EventFd event = EventFd.adopt(blocking.duplicate())) {
            assertNotEquals(0, blocking.statusFlags() & LibC.O_NONBLOCK());
            assertFalse(event.drain());
            event.signal();
            assertTrue(event.drain());
        }
    }

    @Test
    void C17_whatIsNoEventCounterIsRefusedAndClosed(@TempDir Path folder) {
        FileDescriptor socket = UnixSocket.listen(folder.resolve("socket"), 1).fd();
        FileDescriptor memfd;
        try (SharedMemory memory = SharedMemory.create("anon_inode:[eventfd]", 4096, 0)) {
            memfd = memory.fd().duplicate();
        }
        FileDescriptor epoll = FileDescriptor.adopt(EventCalls.epollCreate());

        for (FileDescriptor wrong : new FileDescriptor[] {socket, memfd, epoll}) {
            var thrown = assertThrows(IllegalArgumentException.class, () -> EventFd.adopt(wrong));
            assertTrue(thrown.toString().contains("expected=anon_inode:[eventfd]"), thrown.getMessage());
            assertFalse(wrong.isOpen());
        }
    }

    @Test
    void C17_drainNeverWaitsEvenIfPeerMadeTheFileBlocking() {
        try (EventFd event = EventFd.create()) {
            makeBlocking(event);

            assertTimeoutPreemptively(GUARD, () -> assertFalse(event.drain()));
            event.signal();
            assertTimeoutPreemptively(GUARD, () -> assertTrue(event.drain()));
        }
    }

    @Test
    void C17_drainFreesSignallerThatHostilePeerMadeWait() throws Exception {
        try (EventFd event = EventFd.create()) {
            makeBlocking(event);
            fill(event);
            CountDownLatch started = new CountDownLatch(1);
            Thread signaller = Thread.ofPlatform().daemon().start(() -> {
                started.countDown();
                event.signal();
            });
            started.await();
            // It cannot finish before the counter is drained; how long it has been waiting then does not matter.
            assertFalse(signaller.join(Duration.ofMillis(50)));

            assertTrue(event.drain());
            assertTrue(signaller.join(GUARD));
            assertTrue(event.drain(), "the signal that had to wait has arrived");
        }
    }

    @Test
    void shouldRefuseUseAfterClose() {
        EventFd event = EventFd.create();
        int number = event.fd().value();
        event.close();
        event.close();

        assertFalse(OpenFds.isOpen(number));
        assertThrows(IllegalStateException.class, event::signal);
        assertThrows(IllegalStateException.class, event::drain);
        assertThrows(IllegalStateException.class, () -> event.await(0));
        assertThrows(IllegalStateException.class, () -> EventFd.adopt(event.fd()));
    }

    @Test
    void shouldNotAllocate() throws InterruptedException {
        try (EventFd event = EventFd.create()) {
            AllocatedBytes.assertNone(() -> {
                event.signal();
                if (!event.drain()) {
                    throw new AssertionError("signal was lost");
                }
                event.drain();
            });
            AllocatedBytes.assertNone(() -> event.await(0));
        }
    }

    private static void fill(EventFd event) {
        try (Arena arena = Arena.ofConfined()) {
            long written =
                    EventCalls.write(event.fd().value(), arena.allocateFrom(ValueLayout.JAVA_LONG, FULL), Long.BYTES);
            assertEquals(Long.BYTES, written);
        }
    }

    /** What anybody who holds the same open file can do. */
    private static void makeBlocking(EventFd event) {
        try (FileDescriptor peers = event.fd().duplicate()) {
            int flags = peers.statusFlags() & ~LibC.O_NONBLOCK();
            assertEquals(0, FileCalls.fcntl(peers.value(), LibC.F_SETFL(), flags));
        }
    }
}
