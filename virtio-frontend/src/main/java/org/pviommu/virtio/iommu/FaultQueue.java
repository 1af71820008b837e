package org.pviommu.virtio.iommu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * Faults on their way to the event queue. A few wait for a buffer, the others are dropped and counted: a driver that gives no
 * buffers costs nothing, and never holds a request up (C84, B31).
 *
 * <p>Threads: any reports; one serves.
 */
final class FaultQueue {
    private static final int WAITING = 64;

    private final long[] address = new long[WAITING];
    private final int[] endpoint = new int[WAITING];
    private final int[] reasonAndFlags = new int[WAITING];
    private final MemorySegment event = Arena.ofAuto().allocate(Wire.FAULT_BYTES, Long.BYTES);
    private int oldest;
    private int count;
    private long dropped;

    /**
     * Reports a fault.
     *
     * @param reason one of {@link Wire}'s
     * @param access {@link org.pviommu.engine.Access} bits of what was tried
     * @return whether it waits now; false when it was dropped
     */
    synchronized boolean report(int reason, int access, int endpointId, long iova) {
        if (count == WAITING) {
            dropped++;
            return false;
        }
        int at = (oldest + count) % WAITING;
        address[at] = iova;
        endpoint[at] = endpointId;
        // Access bits are the wire's: read 1, write 2. Bits that the profile does not have are zero (C80).
        reasonAndFlags[at] = reason << 16 | Wire.FAULT_F_ADDRESS | (access & 3);
        count++;
        return true;
    }

    /** Faults that no buffer was there for. */
    synchronized long dropped() {
        return dropped;
    }

    synchronized void clear() {
        count = 0;
    }

    /** Puts what waits into the buffers that are there. */
    void serve(SplitQueue queue, Chain chain) {
        // Bounded, because buffers that are too small could be refilled without end.
        for (int used = 0; used < queue.size() && prepare(); used++) {
            if (queue.next(chain) != SplitQueue.Next.REQUEST) {
                return;
            }
            // A fault is never spread over buffers; one that is too small goes back unused (C83).
            boolean fits = chain.writableBytes() >= Wire.FAULT_BYTES;
            if (fits) {
                chain.write(0, event, 0, Wire.FAULT_BYTES);
                removeOldest();
            }
            queue.complete(chain.head(), fits ? Wire.FAULT_BYTES : 0);
        }
    }

    /** 0 u8 reason, 1 u8 reserved[3], 4 le32 flags, 8 le32 endpoint, 12 le32 reserved, 16 le64 address (C79). */
    private synchronized boolean prepare() {
        if (count == 0) {
            return false;
        }
        event.fill((byte) 0);
        event.set(ValueLayout.JAVA_BYTE, 0, (byte) (reasonAndFlags[oldest] >>> 16));
        event.set(Wire.U32, 4, reasonAndFlags[oldest] & 0xffff);
        event.set(Wire.U32, 8, endpoint[oldest]);
        event.set(Wire.U64, 16, address[oldest]);
        return true;
    }

    private synchronized void removeOldest() {
        oldest = (oldest + 1) % WAITING;
        count--;
    }
}
