package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.SharedMemory;

/** Calls through the slots. */
@Timeout(300)
class SlotsTest {
    private static final long ALLOCATION_PATIENCE_NS = 60_000_000_000L;

    @TempDir
    Path directory;

    private RingFixture fixture(int spinIterations) {
        return new RingFixture(directory, settings -> settings.withSpinIterations(spinIterations));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1_000_000})
    void shouldPassArgumentsAndResultsUnchanged(int spinIterations) {
        try (RingFixture fixture = fixture(spinIterations);
                RingTestClient client = fixture.join(7, 1)) {
            fixture.sessions.call = (guest, cmd, arg, count) -> cmd == 1 ? arg : cmd == 2 ? count : -38;
            assertEquals(Long.MIN_VALUE, client.slot(0).call(1, Long.MIN_VALUE, 3));
            assertEquals(-1, client.slot(0).call(1, -1, 3));
            assertEquals(-2, client.slot(0).call(2, 4, -2));
            assertEquals(-38, client.slot(0).call(-1, 4, 5));
        }
    }

    @Test
    void shouldSleepWhenIdleAndBeWokenByAKick() {
        try (RingFixture fixture = fixture(10);
                RingTestClient client = fixture.join(7, 2)) {
            for (int round = 1; round <= 20; round++) {
                RingFixture.await("service sleeps", client.slot(0)::isServiceWaiting);
                assertEquals(round + 1, client.slot(round % 2).call(0, round, 1));
            }
            assertTrue(fixture.server.stats().sleeps() >= 20);
            assertTrue(fixture.server.stats().kicks() >= 20);
        }
    }

    @Test
    void shouldCountCalls() {
        try (RingFixture fixture = fixture(0)) {
            try (RingTestClient client = fixture.join(7, 1)) {
                for (int i = 0; i < 1_000; i++) {
                    client.slot(0).call(0, i, 0);
                }
            }
            fixture.awaitConnections(0);
            assertEquals(1_000, fixture.server.stats().calls());
        }
    }

    @ParameterizedTest(name = "slot {0}: generation {1} state {2}")
    @CsvSource({"0,0,3", "0,0,1", "0,2,1", "0,1073741823,1", "1,1,3", "1,1,0", "1,1,2", "1,1073741823,0", "1,0,3"})
    void garbageWordEndsTheConnectionAndNothingElse(int slot, int generation, int state) {
        try (RingFixture fixture = fixture(100);
                RingTestClient bystander = fixture.join(8, 1);
                RingTestClient client = fixture.join(7, 2)) {
            client.slot(slot).putGarbage(RingAbi.word(generation, state));
            client.requireEnd();
            assertTrue(client.slot(slot).isServiceGone());
            fixture.awaitConnections(1);
            assertEquals(1, fixture.server.stats().protocolErrors());
            assertEquals(0, fixture.server.stats().calls());
            assertEquals(3, bystander.slot(0).call(0, 1, 2));
        }
    }

    @Test
    void shouldNameSlotWordAndExpectedGenerationOfGarbage() {
        TestSessions sessions = new TestSessions();
        try (GuestRing ring = GuestRing.create(2);
                GuestSession session = sessions.open(7);
                SharedMemory shared = mapAgain(ring);
                EventFd unused = EventFd.create()) {
            SlotServer server = new SlotServer(ring, session);
            SlotCaller caller = new SlotCaller(shared, 1, unused, unused);
            caller.putWord(RingAbi.word(5, RingAbi.SLOT_READY));
            assertTrue(server.hasWork());
            ProtocolException e = assertThrows(ProtocolException.class, server::serveNext);
            assertEquals("slot=1 word=0x15 (generation=5 state=1) expected generation=1 state=1", e.getMessage());
        }
    }

    private static SharedMemory mapAgain(GuestRing ring) {
        return SharedMemory.map(ring.descriptors().getFirst().duplicate(), 0, ring.sizeBytes());
    }

    @Test
    void shouldKeepItsOwnCopyOfTheCall() {
        try (RingFixture fixture = fixture(0);
                RingTestClient client = fixture.join(7, 1)) {
            // The guest rewrites its slot while the call runs: word back to FREE, then a READY of the same generation.
            fixture.sessions.call = (guest, cmd, arg, count) -> {
                client.slot(0).putWord(RingAbi.word(1, RingAbi.SLOT_READY));
                return arg;
            };
            assertEquals(5, client.slot(0).call(0, 5, 0));
            assertEquals(6, readyAgain(client));
        }
    }

    private static long readyAgain(RingTestClient client) {
        SlotCaller slot = client.slot(0);
        slot.submit(0, 6, 0);
        // What the call itself wrote is of generation 1, while 2 is under way; the service then stores DONE over it.
        return slot.awaitResult();
    }

    @Test
    void shouldServeSlotsRoundRobin() throws Exception {
        try (RingFixture fixture = fixture(1_000);
                RingTestClient client = fixture.join(7, 3)) {
            ConcurrentLinkedQueue<Long> order = new ConcurrentLinkedQueue<>();
            CountDownLatch allReady = new CountDownLatch(1);
            fixture.sessions.call = (guest, cmd, arg, count) -> {
                order.add(arg);
                awaitQuietly(allReady);
                return 0;
            };
            // Slot 0 is being served while all others become READY, and slot 0 is READY again before they are done.
            client.slot(0).submit(0, 0, 0);
            RingFixture.await("first call", () -> order.size() == 1);
            client.slot(1).submit(0, 1, 0);
            client.slot(2).submit(0, 2, 0);
            AtomicInteger turns = new AtomicInteger();
            fixture.sessions.call = (guest, cmd, arg, count) -> {
                order.add(arg);
                if (arg == 1) {
                    client.slot(0).awaitResult();
                    client.slot(0).submit(0, 10, 0);
                }
                return turns.incrementAndGet();
            };
            allReady.countDown();
            assertEquals(1, client.slot(1).awaitResult());
            assertEquals(2, client.slot(2).awaitResult());
            assertEquals(3, client.slot(0).awaitResult(), "slot 0 had its turn and waits for the others");
            assertEquals(List.of(0L, 1L, 2L, 10L), new ArrayList<>(order));
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            assertTrue(latch.await(RingTestClient.TIMEOUT_MS, TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * Random tiny pauses on either side move both through every window of announcing, looking again and sleeping. Nothing in
     * the callers retries: a single lost wake-up is a call that never returns.
     */
    @ParameterizedTest(name = "service spins {0}, callers spin {1}")
    @CsvSource({"0,0", "50,0", "0,50", "200,200"})
    void shouldLoseNoWakeUp(int serviceSpins, int callerSpins) throws Exception {
        long seed = Long.getLong("seed", System.nanoTime());
        int slots = 2;
        int callsPerSlot = 25_000;
        try (RingFixture fixture = fixture(serviceSpins);
                RingTestClient client = fixture.join(7, slots);
                var pool = Executors.newFixedThreadPool(slots)) {
            Random pauses = new Random(seed);
            fixture.sessions.call = (guest, cmd, arg, count) -> {
                pause(pauses.nextInt(400));
                return arg ^ cmd;
            };
            List<Future<?>> callers = new ArrayList<>();
            for (int slot = 0; slot < slots; slot++) {
                SlotCaller caller = client.slot(slot);
                SplittableRandom random = new SplittableRandom(seed + slot);
                callers.add(pool.submit(() -> callManyTimes(caller, random, callsPerSlot, callerSpins)));
            }
            for (Future<?> caller : callers) {
                caller.get();
            }
            client.closeSocket();
            fixture.awaitConnections(0);
            assertEquals((long) slots * callsPerSlot, fixture.server.stats().calls());
        } catch (Exception | AssertionError e) {
            throw new AssertionError("seed=" + seed, e);
        }
    }

    private static void callManyTimes(SlotCaller caller, SplittableRandom random, int calls, int spins) {
        for (int i = 0; i < calls; i++) {
            pause(random.nextInt(400));
            int cmd = random.nextInt();
            assertEquals(i ^ cmd, caller.call(cmd, i, 1, spins));
        }
    }

    private static void pause(int spins) {
        for (int i = 0; i < spins; i++) {
            Thread.onSpinWait();
        }
    }

    /**
     * Spinning, nothing: the smallest object has 16 bytes. A call that sleeps makes four system calls, and the linker's
     * temporaries for them go only when the compiler inlines their whole chain, which it does in most runs and not in all: 40
     * bytes a call have been seen. A wake-up costs microseconds, so they are tolerated, but not more.
     */
    @ParameterizedTest
    @CsvSource({"1000000, 4", "0, 64"})
    void shouldNotAllocatePerCall(int spinIterations, long toleratedBytesPerCall) {
        int calls = 20_000;
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (RingFixture fixture = fixture(spinIterations);
                RingTestClient client = fixture.join(7, 1)) {
            AtomicLong servingThread = new AtomicLong();
            fixture.sessions.call = (guest, cmd, arg, count) -> {
                servingThread.setPlain(Thread.currentThread().threadId());
                return 0;
            };
            callOften(client, calls); // Classes are loaded and linked, which does allocate.
            // Until the last compiler is done the same code allocates, and when that is depends on how busy the machine
            // is.
            // Code that allocates keeps doing so, so patience hides nothing.
            long deadlineNs = System.nanoTime() + ALLOCATION_PATIENCE_NS;
            long allocated;
            do {
                long before = threads.getThreadAllocatedBytes(servingThread.get());
                callOften(client, calls);
                allocated = threads.getThreadAllocatedBytes(servingThread.get()) - before;
            } while (allocated >= toleratedBytesPerCall * calls && System.nanoTime() < deadlineNs);
            assertTrue(allocated < toleratedBytesPerCall * calls, "allocatedBytes=" + allocated);
        }
    }

    private static void callOften(RingTestClient client, int calls) {
        for (int i = 0; i < calls; i++) {
            client.slot(0).call(0, i, 1);
        }
    }

    @Test
    void messagesAreNotStarvedByABusySlot() throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        // With so much spinning the service hardly sleeps between two calls: its looks while busy have to see the
        // message.
        try (RingFixture fixture = fixture(1_000_000);
                RingTestClient client = fixture.join(7, 2);
                var pool = Executors.newSingleThreadExecutor()) {
            try {
                Future<?> busy = pool.submit(() -> {
                    while (!stop.get()) {
                        client.slot(0).call(0, 1, 1, 1_000_000);
                    }
                });
                RingFixture.await("busy", () -> fixture.server.stats().calls() > 1_000);
                for (int i = 0; i < 50; i++) {
                    client.registerFresh(i, 1);
                }
                stop.set(true);
                busy.get(RingTestClient.TIMEOUT_MS, TimeUnit.MILLISECONDS);
                assertFalse(client.slot(0).isServiceGone());
            } finally {
                stop.set(true);
            }
        }
    }
}
