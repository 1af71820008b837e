package org.pviommu.journal.store;

import java.util.concurrent.CountDownLatch;

/** A disk that stalls: the writer thread stops before the next record until it is let go. */
final class WriterGate implements StoreHooks {

    private final CountDownLatch open = new CountDownLatch(1);
    private final CountDownLatch arrived = new CountDownLatch(1);

    @Override
    public void beforeMove(long sequence) {
        arrived.countDown();
        Await.zero(open);
    }

    /** Waits until the writer stands before the gate. */
    void awaitStall() {
        Await.zero(arrived);
    }

    /** Opens the gate for good. */
    void open() {
        open.countDown();
    }
}
