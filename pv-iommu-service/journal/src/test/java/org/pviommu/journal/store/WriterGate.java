package org.pviommu.journal.store;

import java.util.concurrent.Semaphore;

/** A disk that stalls: the writer thread stops before the next record until it is let go. */
final class WriterGate implements StoreHooks {

    private final Semaphore gate = new Semaphore(0);
    private final Semaphore arrived = new Semaphore(0);

    @Override
    public void beforeMove(long sequence) {
        arrived.release();
        gate.acquireUninterruptibly();
    }

    /** Waits until the writer stands before the gate. */
    void awaitStall() {
        arrived.acquireUninterruptibly();
    }

    /** Opens the gate for good. */
    void open() {
        gate.release(Integer.MAX_VALUE / 2);
    }
}
