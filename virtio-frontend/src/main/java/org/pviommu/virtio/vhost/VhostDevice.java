package org.pviommu.virtio.vhost;

import java.util.List;
import org.pviommu.virtio.queue.BufferMemory;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.RingMemory;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * Port: a virtio device behind a vhost-user socket. All calls come from the socket's thread.
 *
 * <p>What goes wrong because of a guest is answered in the queue; an exception from here ends the connection.
 */
public interface VhostDevice {

    /** The device's own feature bits; those of the transport are added. */
    long features();

    /** How many queues it has, 1 to 256. */
    int queues();

    /** The largest size of a queue, a power of two. */
    int maxQueueSize();

    /** A request with more bytes than this in its buffers is rejected. */
    long maxRequestBytes();

    /** The configuration space as it is now; at most 256 bytes, always as many. */
    byte[] config();

    /** The front-end writes to the configuration space, within its bounds. What a driver may not write is ignored. */
    void writeConfig(int offset, byte[] bytes);

    /** What driver and front-end have acknowledged; before any queue is served with it. */
    void acknowledged(long features);

    /**
     * The guest's memory has changed; what is not in {@code regions} is unmapped when this returns, and no request is under way.
     *
     * @param regions all of it, each valid until the call that leaves it out
     */
    void memoryChanged(List<MappedRegion> regions);

    /** What the addresses in the descriptors of a queue lead to; guest memory for a device that no IOMMU stands before. */
    default BufferMemory buffers(int queue, GuestSpace space) {
        return space;
    }

    /** What the addresses of a queue's rings lead to, likewise. Asked again as long as the queue cannot be opened. */
    default RingMemory rings(int queue, GuestSpace space) {
        return space;
    }

    /**
     * Serves what waits in a queue: every request taken is completed. The caller publishes afterwards, all at once. Called when
     * requests may be waiting, and after {@link Waker#wake}.
     *
     * @param chain room for a request
     */
    void serve(int queue, SplitQueue requests, Chain chain);

    /** A front-end has connected; {@code waker} makes its thread call {@link #serve} for all queues. */
    void connected(Waker waker);

    /** The driver has reset the device. */
    void reset();

    /** The front-end is gone, and its memory with it. It may come back. */
    void disconnected();

    /** Wakes the thread of a device's socket. By any thread; once the connection is over it does nothing. */
    interface Waker {
        /** Has all queues served soon. */
        void wake();

        /** Tells the front-end that the configuration space has changed, when it has given us a channel for that. */
        void configChanged();
    }
}
