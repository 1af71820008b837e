package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/** Measures what a piece of code allocates on the heap. */
final class AllocatedBytes {

    private static final int CALLS = 100_000;
    /** Measuring itself and a late compilation may allocate something once; a single object per call would be 1.6 MB. */
    private static final long TOLERATED_BYTES = 16 * 1024;
    /**
     * The interpreter and the first compiler allocate where the last one does not, and when that one is done depends on how busy
     * the machine is. Code that allocates keeps doing so however long it runs, so patience hides nothing.
     */
    private static final Duration WARM_UP_LIMIT = Duration.ofSeconds(60);

    private AllocatedBytes() {}

    /** Fails unless 100 000 calls in a row, once warm, allocate next to nothing. */
    static void assertNone(Runnable call) throws InterruptedException {
        long deadlineNs = System.nanoTime() + WARM_UP_LIMIT.toNanos();
        long allocated = measure(call);
        while (allocated > TOLERATED_BYTES && System.nanoTime() < deadlineNs) {
            // Leaves the processor to the compiler's threads.
            Thread.sleep(10);
            allocated = measure(call);
        }
        assertTrue(
                allocated <= TOLERATED_BYTES,
                "allocatedBytes=" + allocated + " calls=" + CALLS + " max=" + TOLERATED_BYTES);
    }

    private static long measure(Runnable call) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < CALLS; i++) {
            call.run();
        }
        return threads.getCurrentThreadAllocatedBytes() - before;
    }
}
