package org.pviommu.host.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Devices that do the same access over and over, each in a thread of its own, until they are closed. */
public final class Devices implements AutoCloseable {
    /** A hang guard only; nothing depends on how fast it goes. */
    private static final long HANG_SECONDS = 60;

    private static final long POLL_NS = 1_000;

    private final List<Thread> threads = new ArrayList<>();
    private final AtomicLongArray turns;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean stop;

    /** Starts {@code count} devices. An exception or failed assertion of {@code access} fails the test. */
    public Devices(int count, Runnable access) {
        turns = new AtomicLongArray(count);
        for (int i = 0; i < count; i++) {
            int device = i;
            threads.add(Thread.ofPlatform().name("device-" + i).start(() -> run(device, access)));
        }
    }

    private void run(int device, Runnable access) {
        try {
            while (!stop) {
                access.run();
                turns.incrementAndGet(device);
            }
        } catch (Throwable t) {
            failure.compareAndSet(null, t);
        }
    }

    /** Waits until each device has begun and ended an access after this call. */
    public void awaitFullTurn() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(HANG_SECONDS);
        for (int device = 0; device < turns.length(); device++) {
            // The access under way may have begun before: the second one from now has not.
            long wanted = turns.get(device) + 2;
            while (turns.get(device) < wanted) {
                rethrow();
                assertTrue(System.nanoTime() < deadline, "a device hangs");
                LockSupport.parkNanos(POLL_NS);
            }
        }
    }

    /** Stops the devices and throws what one of them threw. */
    @Override
    public void close() {
        stop = true;
        for (Thread thread : threads) {
            join(thread);
        }
        rethrow();
    }

    private static void join(Thread thread) {
        try {
            assertTrue(thread.join(Duration.ofSeconds(HANG_SECONDS)), "a device hangs");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    private void rethrow() {
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new AssertionError("device: " + thrown.getMessage(), thrown);
        }
    }
}
