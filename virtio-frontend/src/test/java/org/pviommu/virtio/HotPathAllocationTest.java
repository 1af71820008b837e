package org.pviommu.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.pviommu.virtio.iommu.IommuConfig;
import org.pviommu.virtio.iommu.IommuDevice;
import org.pviommu.virtio.iommu.IommuPort;
import org.pviommu.virtio.iommu.Profile;
import org.pviommu.virtio.iommu.ReservedMemory;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.DriverRing;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.RingMemory;
import org.pviommu.virtio.queue.SplitQueue;
import org.pviommu.virtio.vhost.MappedRegion;

/** The path of a request through queue and decoder allocates nothing once it is warm. */
class HotPathAllocationTest {
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int SIZE = 64;
    private static final int ROUNDS = 20_000;
    private static final int REQUESTS = 8;
    private static final long DATA = 0x8000;
    private static final long WARM_UP_NS = 60_000_000_000L;

    private final MemorySegment memory = Arena.ofAuto().allocate(1 << 20, 4096);
    private final GuestSpace space = new GuestSpace(List.of(new MemoryRegion(0, 0, memory)));
    private final DriverRing driver = new DriverRing(memory, 0, SIZE);
    private final Chain chain = new Chain(SIZE);
    private final Port port = new Port();
    private final IommuDevice device =
            new IommuDevice(new IommuConfig(Profile.VIRTIO_1_2, -4096L, 0, -1L, 0, -1, 512, true, true, false), port);

    /** Agrees to everything. */
    private static final class Port implements IommuPort {
        private long requests;

        @Override
        public int attach(int domain, int endpoint, boolean bypass) {
            requests++;
            return 0;
        }

        @Override
        public int detach(int domain, int endpoint) {
            requests++;
            return 0;
        }

        @Override
        public int map(int domain, long first, long last, long target, int access, boolean mmio) {
            requests++;
            return 0;
        }

        @Override
        public int unmap(int domain, long first, long last) {
            requests++;
            return 0;
        }

        @Override
        public @Nullable ReservedMemory probe(int endpoint) {
            return null;
        }

        @Override
        public boolean endBatch() {
            return true;
        }

        @Override
        public void setBypass(boolean on) {}

        @Override
        public void memoryChanged(List<MappedRegion> regions) {}

        @Override
        public void reset() {}

        @Override
        public void disconnected() {}
    }

    /** Guest memory behind an IOMMU whose mappings change with every look, to what they were. */
    private final class Restless implements RingMemory {
        private long generation;

        @Override
        public boolean moves() {
            return true;
        }

        @Override
        public long generation() {
            return ++generation;
        }

        @Override
        public @Nullable MemorySegment at(
                long userAddress, long lengthBytes, boolean write, @Nullable MemorySegment before) {
            return before == null ? space.at(userAddress, lengthBytes, write, null) : before;
        }
    }

    private static void assertNoneAllocated(Runnable round) throws InterruptedException {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long endNs = System.nanoTime() + WARM_UP_NS;
        // Interpreter and first compiler allocate where the last one does not; what allocates for good does so for
        // ever.
        long bytes = measure(threads, round);
        while (bytes != 0 && System.nanoTime() < endNs) {
            Thread.sleep(10);
            bytes = measure(threads, round);
        }
        assertEquals(0, bytes, "bytes in " + ROUNDS + " rounds");
    }

    private static long measure(ThreadMXBean threads, Runnable round) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < ROUNDS; i++) {
            round.run();
        }
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    private SplitQueue open(RingMemory rings) {
        return SplitQueue.open(
                rings, space, driver.addresses(0), SIZE, 0, new QueueSettings(true, true, device.maxRequestBytes()));
    }

    /** MAPs and UNMAPs in turn; each second one with an indirect table. */
    private void offerRequests() {
        for (int i = 0; i < REQUESTS; i++) {
            long request = DATA + 256L * i;
            boolean map = i % 2 == 0;
            memory.set(U64, request, (map ? 3 : 4) | 1L << 32);
            memory.set(U64, request + 8, (long) i << 12);
            memory.set(U64, request + 16, ((long) i << 12) + 4095);
            memory.set(U64, request + 24, 0);
            memory.set(U64, request + 32, 3);
            long table = request + 128;
            driver.descriptorAt(table, request, map ? 36 : 28, DriverRing.NEXT, 1);
            driver.descriptorAt(table + 16, request + 64, 4, DriverRing.WRITE, 0);
            if (map) {
                driver.descriptor(i, request, 36, DriverRing.NEXT, REQUESTS + i);
                driver.descriptor(REQUESTS + i, request + 64, 4, DriverRing.WRITE, 0);
            } else {
                driver.descriptor(i, table, 32, DriverRing.INDIRECT, 0);
            }
            driver.offer(i);
        }
    }

    private void serve(SplitQueue queue) {
        offerRequests();
        device.serve(0, queue, chain);
        queue.publish();
        queue.enableNotifications();
        for (int i = 0; i < REQUESTS; i++) {
            driver.takeUsed();
        }
    }

    @Test
    void shouldServeRequestsWithoutAllocating() throws InterruptedException {
        device.acknowledged(-1L);
        SplitQueue queue = open(space);
        assertNoneAllocated(() -> serve(queue));
        assertTrue(port.requests >= (long) ROUNDS * REQUESTS, "requests=" + port.requests);
        assertEquals(0, queue.rejectedChains());
    }

    @Test
    void shouldLookForARingAgainWithoutAllocating() throws InterruptedException {
        device.acknowledged(-1L);
        SplitQueue queue = open(new Restless());
        assertNoneAllocated(() -> serve(queue));
        assertTrue(port.requests >= (long) ROUNDS * REQUESTS, "requests=" + port.requests);
    }
}
