package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.Errno;

/** Beginnings and ends: of guests, of the service, and of calls that go wrong. */
@Timeout(300)
class LifecycleTest {
    @TempDir
    Path directory;

    /** A call that waits until the test lets it go. */
    private static final class HeldCall implements TestSessions.Call {
        final CountDownLatch entered = new CountDownLatch(1);
        final CountDownLatch release = new CountDownLatch(1);
        final AtomicBoolean finished = new AtomicBoolean();

        @Override
        public long call(int guestId, int cmd, long arg, int count) {
            entered.countDown();
            await(release);
            finished.set(true);
            return 42;
        }

        static void await(CountDownLatch latch) {
            try {
                assertTrue(latch.await(RingTestClient.TIMEOUT_MS, TimeUnit.MILLISECONDS));
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    @Test
    void C21_thousandConnectionsAreCappedAndDisturbNobody() {
        int max = 50;
        try (RingFixture fixture = new RingFixture(
                        directory, settings -> settings.withMaxConnections(max).withTimeouts(60_000, 5_000));
                RingTestClient existing = fixture.join(7, 1)) {
            fixture.join(8, 1).close();
            fixture.awaitConnections(1);
            long before = RingFixture.openDescriptors();
            List<RingTestClient> crowd = new ArrayList<>();
            for (int i = 0; i < 1_000; i++) {
                crowd.add(fixture.connect());
                assertEquals(i + 1, existing.slot(0).call(0, i, 1));
                assertTrue(fixture.server.stats().activeConnections() <= max);
            }
            RingFixture.await("all decided", () -> fixture.server.stats().refusedLimit() == 1_000 - (max - 1));
            assertEquals(max, fixture.server.stats().activeConnections());
            crowd.forEach(RingTestClient::close);
            fixture.awaitConnections(1);
            RingFixture.awaitDescriptors(before);
            try (RingTestClient late = fixture.join(9, 1)) {
                assertEquals(3, late.slot(0).call(0, 1, 2));
            }
        }
    }

    @Test
    void C14_descriptorsStayFlatOverThousandLives() {
        try (RingFixture fixture = new RingFixture(directory, settings -> settings.withSpinIterations(0))) {
            fixture.join(7, 2).close();
            fixture.awaitConnections(0);
            long before = RingFixture.openDescriptors();
            for (int i = 0; i < 1_000; i++) {
                try (RingTestClient client = RingTestClient.joinWhenFree(fixture.path, 7, 2)) {
                    client.registerFresh(0, 1);
                    assertEquals(i, client.slot(1).call(0, i, 0));
                    leaveSomehow(client, i);
                }
            }
            fixture.awaitConnections(0);
            RingFixture.awaitDescriptors(before);
            assertEquals(1_001, fixture.sessions.closed.get());
            assertEquals(0, fixture.server.stats().internalErrors());
        }
    }

    private static void leaveSomehow(RingTestClient client, int i) {
        switch (i % 4) {
            case 0 -> client.slot(0).putGarbage(RingAbi.word(9, RingAbi.SLOT_READY));
            case 1 -> client.send(Messages.message(99, 8));
            case 2 -> client.slot(0).submit(0, 1, 1);
            default -> client.closeSocket();
        }
    }

    @Test
    void C19_killedInMidCallFinishesTheCallAndRemovesTheGuest() {
        HeldCall call = new HeldCall();
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient client = fixture.join(7, 1)) {
            fixture.sessions.call = call;
            client.slot(0).submit(0, 0, 0);
            HeldCall.await(call.entered);
            client.closeSocket();
            assertTrue(fixture.sessions.open.containsKey(7), "not while a call is under way");
            call.release.countDown();
            fixture.awaitConnections(0);
            assertTrue(call.finished.get());
            assertTrue(client.slot(0).isDone());
            assertEquals(1, fixture.sessions.closed.get());
        }
    }

    @Test
    void shouldCloseOnlyTheConnectionWhoseCallFailedByOurMistake() {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient bystander = fixture.join(8, 1);
                RingTestClient client = fixture.join(7, 1)) {
            fixture.sessions.call = (guest, cmd, arg, count) -> {
                if (guest == 7) {
                    throw new IllegalStateException("made by the test");
                }
                return 5;
            };
            client.slot(0).submit(0, 0, 0);
            client.requireEnd();
            assertFalse(client.slot(0).isDone(), "no result was made up");
            fixture.awaitConnections(1);
            assertEquals(1, fixture.server.stats().internalErrors());
            assertEquals(1, fixture.sessions.closed.get());
            assertEquals(5, bystander.slot(0).call(0, 0, 0));
        }
    }

    @Test
    void C10_memoryThatWentAwayEndsOnlyThatConnection() {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient client = fixture.join(7, 1)) {
            fixture.sessions.call = (guest, cmd, arg, count) -> {
                throw new ProtocolException("guest memory went away");
            };
            client.slot(0).submit(0, 0, 0);
            client.requireEnd();
            fixture.awaitConnections(0);
            assertEquals(1, fixture.server.stats().protocolErrors());
            assertEquals(0, fixture.server.stats().internalErrors());
        }
    }

    @Test
    void shouldAnswerHelloWithTheErrorWhenTheGuestCannotBeMade() {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient client = fixture.connect()) {
            client.send(Messages.hello(0, 1));
            client.receive().requireRefusal(Errno.EPERM, "guest_id=0 unknown");
        }
    }

    @Test
    void stopShouldTellEveryCallerAndRemoveEveryGuest() {
        long before = RingFixture.openDescriptors();
        RingFixture fixture = new RingFixture(directory);
        try (RingTestClient idle = fixture.join(7, 2);
                RingTestClient silent = fixture.connect()) {
            fixture.server.close();
            for (int slot = 0; slot < 2; slot++) {
                assertTrue(idle.slot(slot).isServiceGone());
                assertTrue(idle.slot(slot).done().drain(), "a sleeping caller is woken");
            }
            idle.requireEnd();
            silent.requireEnd();
            assertEquals(0, fixture.server.stats().activeConnections());
            assertEquals(1, fixture.sessions.closed.get());
        }
        fixture.server.close();
        RingFixture.awaitDescriptors(before);
        assertThrows(IllegalStateException.class, fixture.server::start);
    }

    @Test
    void stopShouldLetTheCallUnderWayFinish() {
        HeldCall call = new HeldCall();
        RingFixture fixture = new RingFixture(directory);
        try (RingTestClient client = fixture.join(7, 1)) {
            fixture.sessions.call = call;
            client.slot(0).submit(0, 0, 0);
            HeldCall.await(call.entered);
            Thread stopper = Thread.ofPlatform().start(fixture.server::close);
            RingFixture.await("stop began", () -> stopper.getState() == Thread.State.TIMED_WAITING);
            call.release.countDown();
            assertEquals(42, client.slot(0).awaitResult());
            client.requireEnd();
            RingFixture.await("stopped", () -> !stopper.isAlive());
        }
    }

    @Test
    void stopShouldNotWaitLongerThanItsTimeout() {
        HeldCall call = new HeldCall();
        RingFixture fixture = new RingFixture(directory, settings -> settings.withTimeouts(2_000, 100));
        try (RingTestClient client = fixture.join(7, 1)) {
            fixture.sessions.call = call;
            client.slot(0).submit(0, 0, 0);
            HeldCall.await(call.entered);
            fixture.server.close();
            assertFalse(call.finished.get());
            assertEquals(1, fixture.server.stats().activeConnections());
            call.release.countDown();
            fixture.awaitConnections(0);
        }
    }

    /** Eventfds are shared open files: a guest can make ours blocking, and full. */
    @Test
    void C17_blockingAndFullDoorbellCostsOnlyItsOwnGuest() {
        try (RingFixture fixture = new RingFixture(directory);
                RingTestClient bystander = fixture.join(8, 1);
                RingTestClient client = fixture.join(7, 2)) {
            fill(client.slot(0));
            OpenFiles.makeBlocking(client.slot(0).done().fd());
            client.slot(0).announceWaiting();
            client.slot(0).submit(0, 1, 1);
            client.requireEnd();
            fixture.awaitConnections(1);
            assertEquals(1, fixture.server.stats().protocolErrors());
            assertEquals(3, bystander.slot(0).call(0, 1, 2));
        }
    }

    @Test
    void C17_blockingDoorbellsCannotHoldUpTheStop() {
        RingFixture fixture = new RingFixture(directory);
        try (RingTestClient client = fixture.join(7, 64)) {
            for (int slot = 0; slot < 64; slot++) {
                fill(client.slot(slot));
                OpenFiles.makeBlocking(client.slot(slot).done().fd());
            }
            fixture.server.close();
            assertEquals(0, fixture.server.stats().activeConnections());
            assertEquals(1, fixture.sessions.closed.get());
        }
    }

    @Test
    void C17_blockingKickIsDrainedWithoutWaiting() {
        try (RingFixture fixture = new RingFixture(directory, settings -> settings.withSpinIterations(0));
                RingTestClient client = fixture.join(7, 1)) {
            OpenFiles.makeBlocking(client.slot(0).kick().fd());
            for (int i = 0; i < 1_000; i++) {
                client.slot(0).kick().signal();
                client.slot(0).kick().drain();
            }
            assertEquals(3, client.slot(0).call(0, 1, 2));
        }
    }

    /** The largest value that a counter takes; one more has to wait. */
    private static void fill(SlotCaller slot) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocateFrom(ValueLayout.JAVA_LONG, -2L);
            assertEquals(Long.BYTES, OpenFiles.write(slot.done().fd(), value));
        }
    }
}
