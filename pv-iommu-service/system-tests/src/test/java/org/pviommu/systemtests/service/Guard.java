package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Waiting with an end that only guards against hanging, and seeds of random tests. */
final class Guard {
    static final int TIMEOUT_SECONDS = 120;
    static final int TIMEOUT_MS = TIMEOUT_SECONDS * 1_000;

    private static final long POLL_MS = 5;

    private Guard() {}

    /** When waiting that begins now must end. */
    static long deadlineNs() {
        return System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
    }

    static boolean isOver(long deadlineNs) {
        return System.nanoTime() - deadlineNs > 0;
    }

    /** Waits until it is true; {@code state} says what is there instead if that does not happen. */
    static void eventually(String what, BooleanSupplier condition, Supplier<String> state) {
        long deadlineNs = deadlineNs();
        while (!condition.getAsBoolean()) {
            if (isOver(deadlineNs)) {
                fail(what + ", but: " + state.get());
            }
            pause(POLL_MS);
        }
    }

    static void pause(long timeMs) {
        try {
            Thread.sleep(timeMs);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }

    /** A new seed each time, or {@code -Dseed=…}; printed, so that a failure can be repeated. */
    static long seed(String test) {
        String given = System.getProperty("seed", "");
        long seed = given.isEmpty() ? System.nanoTime() : Long.parseLong(given);
        System.out.println(test + ": seed=" + seed + " (-Dseed=" + seed + " repeats it)");
        return seed;
    }
}
