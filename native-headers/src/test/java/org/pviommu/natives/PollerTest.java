package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PollerTest {

    private static final int GUARD_MS = 60_000;

    @TempDir
    Path folder;

    @Test
    void shouldReportTokenAsLongAsReadable() {
        try (Poller poller = new Poller(4);
                EventFd event = EventFd.create()) {
            poller.add(event.fd(), 0xCAFEBABE);
            assertEquals(0, poller.await(0));
            event.signal();

            for (int time = 0; time < 2; time++) {
                assertEquals(1, poller.await(GUARD_MS));
                assertEquals(0xCAFEBABE, poller.token(0));
                assertTrue(poller.readable(0));
                assertFalse(poller.hangUp(0));
            }
            event.drain();
            assertEquals(0, poller.await(0));
        }
    }

    @Test
    void shouldReportManyAtOnceAndTheRestNextTime() {
        try (Poller poller = new Poller(3);
                EventFd one = EventFd.create();
                EventFd two = EventFd.create();
                EventFd three = EventFd.create();
                EventFd four = EventFd.create()) {
            List<EventFd> events = List.of(one, two, three, four);
            for (int token = 0; token < events.size(); token++) {
                poller.add(events.get(token).fd(), token);
                events.get(token).signal();
            }

            Set<Integer> seen = new TreeSet<>();
            int reported = 0;
            while (reported < events.size()) {
                int ready = poller.await(GUARD_MS);
                assertTrue(ready >= 1 && ready <= 3, "ready=" + ready);
                for (int i = 0; i < ready; i++) {
                    assertTrue(poller.readable(i));
                    seen.add(poller.token(i));
                    events.get(poller.token(i)).drain();
                }
                reported += ready;
            }
            assertEquals(Set.of(0, 1, 2, 3), seen);
        }
    }

    @Test
    void shouldReportHangUp() {
        Path path = folder.resolve("socket");
        UnixSocket listener = UnixSocket.listen(path, 1);
        UnixSocket client = UnixSocket.connect(path);
        try (listener;
                UnixSocket server = Objects.requireNonNull(listener.accept());
                Poller poller = new Poller(1)) {
            poller.add(server.fd(), 7);
            assertEquals(0, poller.await(0));
            client.send(MemorySegment.ofArray(new byte[] {1}), List.of());
            client.close();

            assertEquals(1, poller.await(GUARD_MS));
            assertEquals(7, poller.token(0));
            assertTrue(poller.hangUp(0));
            assertTrue(poller.readable(0), "what came before the hang-up is still there");
        }
    }

    @Test
    void shouldNotReportWhatWasRemoved() {
        try (Poller poller = new Poller(1);
                EventFd event = EventFd.create()) {
            poller.add(event.fd(), 1);
            event.signal();
            poller.remove(event.fd());

            assertEquals(0, poller.await(0));
            assertEquals(Errno.ENOENT, errnoOf(() -> poller.remove(event.fd())));
        }
    }

    @Test
    void shouldReportWhatKernelRefuses() {
        try (Poller poller = new Poller(1);
                EventFd event = EventFd.create();
                SharedMemory regular = SharedMemory.create("regular", 4096, 0)) {
            poller.add(event.fd(), 1);

            assertEquals(Errno.EEXIST, errnoOf(() -> poller.add(event.fd(), 2)));
            assertEquals(Errno.EPERM, errnoOf(() -> poller.add(regular.fd(), 3)));
        }
    }

    @Test
    void shouldRefuseEntriesThatAreNotReady() {
        try (Poller poller = new Poller(4);
                EventFd event = EventFd.create()) {
            assertThrows(IndexOutOfBoundsException.class, () -> poller.token(0));
            poller.add(event.fd(), 1);
            event.signal();
            assertEquals(1, poller.await(GUARD_MS));

            assertThrows(IndexOutOfBoundsException.class, () -> poller.token(1));
            assertThrows(IndexOutOfBoundsException.class, () -> poller.readable(1));
            assertThrows(IndexOutOfBoundsException.class, () -> poller.hangUp(-1));
        }
    }

    @Test
    void shouldRefuseUseAfterClose() {
        try (EventFd open = EventFd.create();
                Poller stillOpen = new Poller(1)) {
            Poller poller = new Poller(1);
            EventFd event = EventFd.create();
            poller.close();
            poller.close();
            event.close();

            assertThrows(IllegalStateException.class, () -> poller.await(0));
            assertThrows(IllegalStateException.class, () -> poller.add(open.fd(), 1));
            assertThrows(IllegalStateException.class, () -> stillOpen.add(event.fd(), 1));
            assertThrows(IllegalStateException.class, () -> stillOpen.remove(event.fd()));
        }
    }

    @Test
    void shouldFinishAwaitThatCloseInterrupts() throws Exception {
        int before = OpenFds.count();
        Poller poller = new Poller(1);
        EventFd event = EventFd.create();
        poller.add(event.fd(), 1);
        CountDownLatch started = new CountDownLatch(1);
        int[] ready = {-1};
        Thread waiter = Thread.ofPlatform().start(() -> {
            started.countDown();
            ready[0] = poller.await(GUARD_MS);
        });
        started.await();
        while (waiter.getStackTrace().length == 0
                || !waiter.getStackTrace()[0].getMethodName().equals("epollWait")) {
            Thread.sleep(1);
        }

        poller.close();
        event.signal();

        assertTrue(waiter.join(Duration.ofMillis(GUARD_MS)));
        assertEquals(1, ready[0]);
        event.close();
        assertEquals(before, OpenFds.count(), "the call that was under way closed it");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 4097, Integer.MAX_VALUE})
    void shouldBoundItsBuffer(int maxEvents) {
        var thrown = assertThrows(IllegalArgumentException.class, () -> new Poller(maxEvents));

        assertEquals("maxEvents=" + maxEvents + " min=1 max=4096", thrown.getMessage());
    }

    @Test
    void shouldNotAllocate() throws InterruptedException {
        try (Poller poller = new Poller(16);
                EventFd event = EventFd.create()) {
            poller.add(event.fd(), 5);
            event.signal();

            AllocatedBytes.assertNone(() -> {
                int ready = poller.await(0);
                if (ready != 1 || poller.token(0) != 5 || !poller.readable(0) || poller.hangUp(0)) {
                    throw new AssertionError("ready=" + ready);
                }
            });
        }
    }

    private static int errnoOf(Runnable refused) {
        return assertThrows(NativeException.class, refused::run).errno();
    }
}
