package org.pviommu.journal.store;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Waits for what has to happen. The deadline is only there so that a defect is a failed test and not one without end. */
final class Await {

    private static final long PATIENCE_NS = TimeUnit.MINUTES.toNanos(2);

    private Await() {}

    static void until(BooleanSupplier condition, Supplier<Object> state) {
        long deadlineNs = System.nanoTime() + PATIENCE_NS;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadlineNs >= 0) {
                throw new AssertionError("waited in vain: " + state.get());
            }
            Thread.onSpinWait();
        }
    }

    static void zero(CountDownLatch latch) {
        try {
            if (!latch.await(PATIENCE_NS, TimeUnit.NANOSECONDS)) {
                throw new AssertionError("waited in vain: " + latch);
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    static void end(Thread thread) {
        until(() -> !thread.isAlive(), () -> thread);
    }
}
