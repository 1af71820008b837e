package org.pviommu.virtio.vhost;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.SplitQueue;

/** Writes what it reads. Its second queue is left alone, as a queue of events is. */
final class EchoDevice implements VhostDevice {
    static final int CONFIG_BYTES = 40;
    static final long FEATURE = 1 << 4;

    final AtomicInteger resets = new AtomicInteger();
    final AtomicInteger disconnects = new AtomicInteger();
    final AtomicLong acknowledged = new AtomicLong();
    volatile int regions;
    volatile @Nullable Waker waker;
    volatile boolean failing;
    /** A request waits in the device until this is open. */
    volatile CountDownLatch gate = new CountDownLatch(0);

    final CountDownLatch served = new CountDownLatch(1);
    private final byte[] config = new byte[CONFIG_BYTES];
    private final MemorySegment copy = Arena.ofAuto().allocate(65536);

    @Override
    public long features() {
        return FEATURE;
    }

    @Override
    public int queues() {
        return 2;
    }

    @Override
    public int maxQueueSize() {
        return 256;
    }

    @Override
    public long maxRequestBytes() {
        return 65536;
    }

    @Override
    public synchronized byte[] config() {
        return config.clone();
    }

    @Override
    public synchronized void writeConfig(int offset, byte[] bytes) {
        System.arraycopy(bytes, 0, config, offset, bytes.length);
    }

    @Override
    public void acknowledged(long features) {
        acknowledged.set(features);
    }

    @Override
    public void memoryChanged(List<MappedRegion> now) {
        regions = now.size();
    }

    @Override
    public void serve(int queue, SplitQueue requests, Chain chain) {
        if (failing) {
            throw new IllegalStateException("told to fail");
        }
        while (queue == 0 && requests.next(chain) == SplitQueue.Next.REQUEST) {
            long bytes = Math.min(chain.readableBytes(), chain.writableBytes());
            chain.read(0, copy, 0, bytes);
            served.countDown();
            await(gate);
            chain.write(0, copy, 0, bytes);
            requests.complete(chain.head(), bytes);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            if (!latch.await(FrontEnd.GUARD_MS, TimeUnit.MILLISECONDS)) {
                throw new IllegalStateException("nobody opened the gate");
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void connected(Waker wakes) {
        waker = wakes;
    }

    @Override
    public void reset() {
        resets.incrementAndGet();
    }

    @Override
    public void disconnected() {
        waker = null;
        disconnects.incrementAndGet();
    }
}
