package org.pviommu.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.engine.Access;
import org.pviommu.engine.IotlbGather;
import org.pviommu.host.SimulatedIommu.Settings;
import org.pviommu.host.contract.ArenaMemory;

/** The flush against a reader that is held at the worst moments. */
@Timeout(60)
class SimulatedSpaceTest {
    private static final long BFN = 5;

    private final SimulatedIommu iommu = new SimulatedIommu(Settings.defaults());
    private final SimulatedSpace space = (SimulatedSpace) iommu.createAddressSpace();
    private final ArenaMemory memory = new ArenaMemory(2);

    @Test
    void shouldWaitForAReaderAndRemoveWhatItCachedLate() throws InterruptedException {
        assertEquals(0, space.map(BFN, 1, memory, 0, Access.READ));
        int section = iommu.gate().enter();
        IotlbEntry walkedBefore = space.walk(BFN);
        assertNotNull(walkedBefore);
        assertEquals(1, space.unmap(BFN, 1));

        Thread flusher = startFlush();
        assertTrue(space.iotlb().fill(walkedBefore)); // the reader goes on where it was delayed
        assertTrue(flusher.isAlive(), "returned while a reader was at work");
        iommu.gate().exit(section);
        assertTrue(flusher.join(Duration.ofSeconds(30)));

        assertEquals(0, iommu.iotlb().size());
    }

    @Test
    void shouldNeitherHitNorFillDuringAFlush() throws InterruptedException {
        assertEquals(0, space.map(BFN, 1, memory, 0, Access.READ));
        int section = iommu.gate().enter();
        assertTrue(space.cache(BFN));
        assertEquals(1, space.unmap(BFN, 1));
        assertEquals(0, space.map(BFN + 1, 1, memory, 4096, Access.READ));

        Thread flusher = startFlush();
        assertNull(space.translate(BFN), "a hit of what is being flushed");
        assertNotNull(space.translate(BFN + 1));
        assertNull(space.iotlb().find(BFN + 1), "filled during a flush");
        iommu.gate().exit(section);
        assertTrue(flusher.join(Duration.ofSeconds(30)));

        assertNotNull(space.translate(BFN + 1));
        assertNotNull(space.iotlb().find(BFN + 1));
        assertEquals(0, iommu.iotlb().hits());
    }

    @Test
    void shouldWaitForAReaderBeforeADetachReturns() throws InterruptedException {
        assertEquals(0, space.attach(8));
        int section = iommu.gate().enter();
        Thread detacher = Thread.ofPlatform().start(() -> space.detach(8));
        while (iommu.spaceId(8).isPresent() && detacher.isAlive()) {
            Thread.onSpinWait();
        }
        pause();
        assertTrue(detacher.isAlive(), "returned while a reader was at work");
        iommu.gate().exit(section);
        assertTrue(detacher.join(Duration.ofSeconds(30)));
    }

    /** Returns when the flush is under way, which this thread's open section keeps it from finishing. */
    private Thread startFlush() {
        IotlbGather gather = new IotlbGather();
        gather.add(BFN, 1);
        assertEquals(0, space.map(BFN + 100, 1, memory, 0, Access.READ));
        Thread flusher = Thread.ofPlatform().start(() -> space.flush(gather));
        while (space.cache(BFN + 100)) {
            // Caching stops working when the epoch turns odd.
            assertTrue(flusher.isAlive(), "finished while a reader was at work");
        }
        space.iotlb().removeRange(BFN + 100, BFN + 100);
        pause();
        return flusher;
    }

    /** Gives a wrong implementation time to show itself; a right one does not depend on it. */
    private static void pause() {
        LockSupport.parkNanos(20_000_000);
    }
}
