package org.pviommu.journal.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The thread that moves records from the ring to the queue, forces them to the disk, and closes the queue at the end.
 *
 * <p>Whatever goes wrong here for good stops this thread and nothing else: no more reservations are given, and what was
 * acknowledged stays in the ring, from where the next start takes it.
 */
final class JournalWriter implements Runnable {

    private static final int BATCH_RECORDS = 1024;
    private static final int SPINS = 100;
    private static final long MIN_PARK_NS = 20_000;
    private static final long MAX_PARK_NS = 1_000_000;
    /** See {@link #idle}. */
    private static final long GATHER_NS = 500_000;

    private final JournalSettings settings;
    private final JournalRing ring;
    private final RingDrain drain;
    private final SegmentQueue queue;
    private final Thread thread;

    private int idleRounds;
    private long nextSyncNs;
    private volatile boolean closing;
    private volatile long closeDeadlineNs;
    private volatile @Nullable Throwable failure;

    JournalWriter(JournalSettings settings, JournalRing ring, RingDrain drain, SegmentQueue queue) {
        this.settings = settings;
        this.ring = ring;
        this.drain = drain;
        this.queue = queue;
        thread = Thread.ofPlatform().daemon().name("journal-writer").unstarted(this);
    }

    void start() {
        nextSyncNs = System.nanoTime() + settings.syncInterval().toNanos();
        thread.start();
    }

    /** Makes the thread look at the ring now. */
    void wake() {
        LockSupport.unpark(thread);
    }

    /** What stopped the thread; null when nothing did. */
    @Nullable
    Throwable failure() {
        return failure;
    }

    /** Moves what is in the ring, seals the queue and ends the thread; gives up at the deadline. The ring must be closed. */
    void close() {
        closeDeadlineNs = System.nanoTime() + settings.flushWait().toNanos();
        closing = true;
        wake();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                // The files must not be left half closed; the caller learns of it afterwards.
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void run() {
        try {
            while (!isDone()) {
                int moved = drain.drain(BATCH_RECORDS);
                queue.keepHouse();
                syncIfDue();
                idle(moved);
            }
            finish();
        } catch (Throwable thrown) {
            // InternalError included: a mapped page of the queue could not be had (catalogue E09).
            fail(thrown);
        } finally {
            closeQueue();
        }
    }

    private boolean isDone() {
        return closing && (ring.isEmpty() || System.nanoTime() - closeDeadlineNs >= 0);
    }

    private void syncIfDue() throws IOException {
        long nowNs = System.nanoTime();
        if (nowNs - nextSyncNs >= 0) {
            queue.sync();
            nextSyncNs = System.nanoTime() + settings.syncInterval().toNanos();
        }
    }

    /**
     * Who empties the ring as fast as it is filled takes each line of it from the hands of those who fill it. So an emptied ring is left
     * alone for a while; nobody waits for what is in it.
     */
    private void idle(int moved) {
        if (moved >= BATCH_RECORDS) {
            idleRounds = 0;
        } else if (moved > 0) {
            idleRounds = 0;
            LockSupport.parkNanos(GATHER_NS);
        } else if (idleRounds++ < SPINS) {
            Thread.onSpinWait();
        } else {
            int doublings = Math.min(idleRounds - SPINS, 10);
            LockSupport.parkNanos(Math.min(MIN_PARK_NS << doublings, MAX_PARK_NS));
        }
    }

    private void finish() throws IOException {
        if (ring.isEmpty()) {
            queue.seal();
            ring.file().delete();
        } else {
            queue.sync();
            settings.listener()
                    .message("closed with records in ring=" + ring.file() + " lastSequence=" + ring.lastSequence()
                            + " writtenSequence=" + queue.writtenSequence() + "; the next start takes them");
        }
    }

    private void fail(Throwable thrown) {
        Throwable cause = thrown instanceof UncheckedIOException e && e.getCause() != null ? e.getCause() : thrown;
        failure = cause;
        settings.listener().message("the journal stopped: writtenSequence=" + queue.writtenSequence() + ": " + cause);
    }

    private void closeQueue() {
        try {
            queue.close();
        } catch (IOException | RuntimeException e) {
            settings.listener().message("closing the queue failed: " + e);
        }
    }
}
