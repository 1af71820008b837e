package org.pviommu.benchmarks;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A guest on a thread of its own that makes long calls while it is told to. Controlled by one other thread. */
final class BusyNeighbour implements AutoCloseable {
    private static final long LOOK_NS = 20_000;

    private final LoadedGuest guest;
    private final Thread thread = new Thread(this::live, "busy-neighbour");
    private volatile boolean wanted;
    private volatile boolean ended;
    private volatile boolean working;
    private volatile long calls;
    private volatile @Nullable Throwable failure;

    BusyNeighbour(LoadedGuest guest) {
        this.guest = guest;
        thread.setDaemon(true);
        thread.start();
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private void live() {
        try {
            while (!ended) {
                if (!wanted) {
                    working = false;
                    LockSupport.park(this); // no looking around: on the measured guest's processor that would be seen
                    continue;
                }
                working = true;
                guest.map();
                guest.unmap();
                calls += 2;
            }
        } catch (Throwable e) {
            failure = e;
        }
    }

    /** Calls that were completed. */
    long calls() {
        return calls;
    }

    /** Returns when it is at work. */
    void start() {
        wanted = true;
        LockSupport.unpark(thread);
        await(true);
    }

    /** Returns when its last call is over. */
    void stop() {
        wanted = false;
        await(false);
    }

    private void await(boolean atWork) {
        while (working != atWork) {
            Throwable cause = failure;
            if (cause != null) {
                throw new IllegalStateException("the busy guest failed, not a valid measurement", cause);
            }
            LockSupport.parkNanos(LOOK_NS);
        }
    }

    @Override
    public void close() {
        stop();
        ended = true;
        LockSupport.unpark(thread);
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while the busy guest ends", e);
        }
        guest.requireAllOk();
        guest.close();
    }
}
