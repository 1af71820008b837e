package org.pviommu.engine;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A grace period: readers translate without a lock, and a writer can wait until all who started before it are done.
 *
 * <p>Readers call {@link #enter} and give what it returned to {@link #exit}; between the two they may use a translation
 * they looked up. {@link #awaitReaders} returns when every section that was open at its call has closed. Sections must
 * be short (copies of at most 64 KiB, no disk I/O), because a flush waits for them.
 *
 * <p>Two counters, of which new readers use the one that {@code phase} names. A reader that increments a counter and
 * still sees the same phase afterwards is certain to be seen by a writer that flips the phase later: both the increment
 * and the flip are sequentially consistent, so either the reader sees the flip and tries again, or the writer sees the
 * increment and waits.
 */
public final class ReaderGate {
    /** Counters lie 128 bytes apart: a line and the line its prefetcher takes along. */
    private static final int SPACING = 16;

    private static final int SPINS_BEFORE_YIELD = 128;

    private final AtomicLongArray openSections = new AtomicLongArray(3 * SPACING);
    private volatile int phase;

    /** Opens a read section. */
    public int enter() {
        while (true) {
            int mine = phase;
            openSections.incrementAndGet(slot(mine));
            if (phase == mine) {
                return mine;
            }
            openSections.decrementAndGet(slot(mine));
        }
    }

    /** Closes the section that {@link #enter} opened. */
    public void exit(int entered) {
        openSections.decrementAndGet(slot(entered));
    }

    /**
     * Waits for all sections that are open now. Sections opened later do not delay it. Unbounded by design: returning
     * early would release memory that a reader still uses (XSA-373: a time-out is not a completion).
     */
    @SuppressWarnings("ThreadPriorityCheck") // yields only so that a reader waiting for this core can finish
    public synchronized void awaitReaders() {
        int old = phase;
        // Readers of the other phase left before the previous call returned, so its counter is zero apart from
        // readers that are about to notice the flip and take their increment back.
        phase = 1 - old;
        int spins = 0;
        while (openSections.get(slot(old)) != 0) {
            if (++spins % SPINS_BEFORE_YIELD == 0) {
                Thread.yield();
            } else {
                Thread.onSpinWait();
            }
        }
    }

    private static int slot(int phase) {
        return (1 + phase) * SPACING;
    }
}
