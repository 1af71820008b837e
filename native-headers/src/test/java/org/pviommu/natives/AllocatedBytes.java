package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** Measures what a piece of code allocates on the heap. */
final class AllocatedBytes {

    private static final int CALLS = 100_000;
    /** Measuring itself and a late compilation may allocate something once; a single object per call would be 1.6 MB. */
    private static final long TOLERATED_BYTES = 16 * 1024;
    /** The interpreter and the first compiler allocate where the last one does not; its moment is not ours to choose. */
    private static final int ATTEMPTS = 10;

    private AllocatedBytes() {}

    /** Fails unless 100 000 calls in a row, once warm, allocate next to nothing. */
    static void assertNone(Runnable call) {
        long least = Long.MAX_VALUE;
        for (int attempt = 0; attempt < ATTEMPTS && least > TOLERATED_BYTES; attempt++) {
            least = Math.min(least, measure(call));
        }
        assertTrue(least <= TOLERATED_BYTES, "allocatedBytes=" + least + " calls=" + CALLS + " max=" + TOLERATED_BYTES);
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
