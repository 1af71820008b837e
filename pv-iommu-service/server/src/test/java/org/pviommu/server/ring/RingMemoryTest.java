package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.invoke.VarHandle;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.SharedMemory;

/**
 * The two places where each side stores and then looks at what the other side stores. If both miss, a wake-up is lost; only
 * full fences on both sides prevent that, and a processor with store buffers shows it within a few thousand meetings.
 */
@Timeout(120)
class RingMemoryTest {
    private static final int ROUNDS = 300_000;
    /** Where the two sides have to share a processor, a round takes a time slice: then there are fewer. */
    private static final long MAX_NS = 10_000_000_000L;

    private static final int END = -1;
    private static final long SLOT = RingAbi.slotOffset(0);

    private RingMemory memory;
    private SharedMemory shared;
    private EventFd unused;
    private SlotCaller caller;

    @BeforeEach
    void mapTwice() {
        memory = new RingMemory(1);
        shared = SharedMemory.map(memory.fd().duplicate(), 0, memory.sizeBytes());
        unused = EventFd.create();
        caller = new SlotCaller(shared, 0, unused, unused);
    }

    @AfterEach
    void unmap() {
        unused.close();
        shared.close();
        memory.close();
    }

    @Test
    void serviceThatFallsAsleepOrCallerThatSubmitsShouldNoticeTheOther() throws Exception {
        int missed = meet(
                () -> {
                    caller.putWord(0);
                    memory.announceAwake();
                },
                () -> {
                    memory.announceSleep();
                    return memory.word(SLOT) != 0;
                },
                () -> caller.publishAndLookForSleeper(RingAbi.word(1, RingAbi.SLOT_READY)));
        assertEquals(0, missed);
    }

    @Test
    void callerThatFallsAsleepOrServiceThatCompletesShouldNoticeTheOther() throws Exception {
        int done = RingAbi.word(1, RingAbi.SLOT_DONE);
        int missed = meet(
                () -> {
                    caller.putWord(0);
                    caller.announceAwake();
                },
                () -> memory.complete(SLOT, done, 0),
                () -> {
                    caller.announceWaiting();
                    return caller.word() == done;
                });
        assertEquals(0, missed);
    }

    /** Lets both sides run at the same moment, again and again; the number of times that neither noticed the other. */
    private static int meet(Runnable reset, BooleanSupplier service, BooleanSupplier guest) throws Exception {
        AtomicInteger started = new AtomicInteger();
        AtomicInteger finished = new AtomicInteger();
        boolean[] guestNoticed = new boolean[1];
        try (var pool = Executors.newSingleThreadExecutor()) {
            Future<?> other = pool.submit(() -> {
                for (int round = 1; spinUntil(started, round); round++) {
                    guestNoticed[0] = guest.getAsBoolean();
                    finished.setRelease(round);
                }
            });
            int missed = 0;
            long deadlineNs = System.nanoTime() + MAX_NS;
            for (int round = 1; round <= ROUNDS && System.nanoTime() - deadlineNs < 0; round++) {
                reset.run();
                started.set(round);
                // The other side needs a moment to see that: sweep over it, so that both come to the same instant.
                pause(round % 64);
                boolean serviceNoticed = service.getAsBoolean();
                spinUntil(finished, round);
                missed += serviceNoticed || guestNoticed[0] ? 0 : 1;
            }
            started.set(END);
            other.get(1, TimeUnit.MINUTES);
            return missed;
        }
    }

    private static void pause(int steps) {
        for (int i = 0; i < steps; i++) {
            VarHandle.acquireFence();
        }
    }

    /** False when it is over. */
    private static boolean spinUntil(AtomicInteger value, int expected) {
        int now = value.getAcquire();
        while (now != expected && now != END) {
            Thread.onSpinWait();
            now = value.getAcquire();
        }
        return now == expected;
    }
}
