package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.fail;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Something that a thread of its own does again and again until it is told to end, or fails. */
final class Background implements AutoCloseable {
    private final Runnable round;
    private final Thread thread;
    private final AtomicLong rounds = new AtomicLong();
    private volatile boolean stop;
    private volatile @Nullable Throwable failure;

    private Background(String name, Runnable round) {
        this.round = round;
        this.thread = new Thread(this::run, name);
    }

    static Background repeat(String name, Runnable round) {
        Background background = new Background(name, round);
        background.thread.start();
        return background;
    }

    private void run() {
        try {
            while (!stop) {
                round.run();
                rounds.incrementAndGet();
            }
        } catch (Throwable wrong) {
            failure = wrong; // for the test's own thread
        }
    }

    /** Waits until it has been done so many times more. */
    void awaitRounds(long more) {
        long wanted = rounds.get() + more;
        Guard.eventually(
                thread.getName() + " goes on",
                () -> rounds.get() >= wanted || failure != null,
                () -> "rounds=" + rounds.get());
        requireNoFailure();
    }

    /** Returns when it is over; fails when a round has failed. */
    void end() {
        close();
        requireNoFailure();
    }

    private void requireNoFailure() {
        Throwable wrong = failure;
        if (wrong != null) {
            fail(thread.getName() + " failed after rounds=" + rounds.get(), wrong);
        }
    }

    /** As {@link #end}, for a test that has failed already. */
    @Override
    public void close() {
        stop = true;
        try {
            if (!thread.join(Duration.ofSeconds(Guard.TIMEOUT_SECONDS))) {
                fail(thread.getName() + " does not end");
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }
}
