package org.pviommu.server.trace;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.pviommu.virtio.iommu.IommuDevice;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.RingAddresses;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * The driver's side of a request queue in memory, as Linux has it: two descriptors to a request, one kick for some requests, then
 * all answers. Requests are numbered within a kick; each has its own place for both parts.
 *
 * <p>The device reads and writes this memory the way it does with a guest's.
 */
final class TraceDriver implements AutoCloseable {
    /** Requests of one kick. */
    static final int MAX_KICK = 128;

    /** What the device answered when it did not answer. */
    static final int UNANSWERED = -1;

    private static final int SIZE = 2 * MAX_KICK;
    private static final long AVAILABLE = 16L * SIZE;
    private static final long USED = AVAILABLE + 6 + 2L * SIZE + 2; // the next multiple of 4
    private static final long READABLE = 16 * 1024;
    private static final int READABLE_BYTES = 128;
    private static final long WRITABLE = READABLE + (long) MAX_KICK * READABLE_BYTES;
    private static final int WRITABLE_BYTES = 1024;
    private static final long MEMORY_BYTES = WRITABLE + (long) MAX_KICK * WRITABLE_BYTES;

    private static final int TAIL_BYTES = 4;
    private static final int NEXT = 1;
    private static final int WRITE = 2;

    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment memory = arena.allocate(MEMORY_BYTES, 4096);
    private final IommuDevice device;
    private final int probeBytes;
    private final SplitQueue queue;
    private final Chain chain = new Chain(SIZE);
    private int offered;
    private int available;
    private int used;
    private long busyNs;

    /**
     * A driver of a device that has been told its features.
     *
     * @param probeBytes room for properties
     */
    TraceDriver(IommuDevice device, int probeBytes) {
        if (probeBytes > WRITABLE_BYTES - TAIL_BYTES) {
            throw new IllegalArgumentException("probeBytes=" + probeBytes + " max=" + (WRITABLE_BYTES - TAIL_BYTES));
        }
        this.device = device;
        this.probeBytes = probeBytes;
        GuestSpace space = new GuestSpace(List.of(new MemoryRegion(0, 0, memory)));
        RingAddresses at = new RingAddresses(SIZE, 0, AVAILABLE, USED);
        queue = SplitQueue.open(space, space, at, SIZE, 0, new QueueSettings(false, false, device.maxRequestBytes()));
    }

    /** Offers a request; a kick has to follow when there are {@link #MAX_KICK}. */
    void offer(TraceLine.Request request) {
        MemorySegment readable = memory.asSlice(READABLE + (long) offered * READABLE_BYTES, READABLE_BYTES);
        int readableBytes = TraceEncoder.encode(request, readable);
        int writableBytes = (request instanceof TraceLine.Probe ? probeBytes : 0) + TAIL_BYTES;
        int head = 2 * offered;
        descriptor(head, READABLE + (long) offered * READABLE_BYTES, readableBytes, NEXT, head + 1);
        descriptor(head + 1, writable(offered), writableBytes, WRITE, 0);
        memory.set(U16, AVAILABLE + 4 + 2L * (available % SIZE), (short) head);
        available = (available + 1) & 0xffff;
        offered++;
    }

    private static long writable(int request) {
        return WRITABLE + (long) request * WRITABLE_BYTES;
    }

    private void descriptor(int index, long address, int length, int flags, int next) {
        long at = 16L * index;
        memory.set(U64, at, address);
        memory.set(U32, at + 8, length);
        memory.set(U16, at + 12, (short) flags);
        memory.set(U16, at + 14, (short) next);
    }

    int offered() {
        return offered;
    }

    /**
     * Kicks, and takes the answers.
     *
     * @param statuses takes the status of each offered request, in order, or {@link #UNANSWERED}
     * @return how many there were
     */
    int kick(int[] statuses) {
        memory.set(U16, AVAILABLE + 2, (short) available);
        long begin = System.nanoTime();
        device.serve(0, queue, chain);
        queue.publish();
        busyNs += System.nanoTime() - begin;
        int requests = offered;
        Arrays.fill(statuses, 0, requests, UNANSWERED);
        int end = Short.toUnsignedInt(memory.get(U16, USED + 2));
        while (used != end) {
            takeAnswer(statuses);
        }
        offered = 0;
        return requests;
    }

    /** An answer counts when it fills the writable part, as Linux sees it. */
    private void takeAnswer(int[] statuses) {
        long at = USED + 4 + 8L * (used % SIZE);
        int head = memory.get(U32, at);
        int lengthBytes = memory.get(U32, at + 4);
        used = (used + 1) & 0xffff;
        int room = memory.get(U32, 16L * (head + 1) + 8);
        if (lengthBytes == room) {
            statuses[head / 2] =
                    Byte.toUnsignedInt(memory.get(ValueLayout.JAVA_BYTE, writable(head / 2) + room - TAIL_BYTES));
        }
    }

    /** Time that the device has taken for all kicks. */
    long busyNs() {
        return busyNs;
    }

    @Override
    public void close() {
        arena.close();
    }
}
