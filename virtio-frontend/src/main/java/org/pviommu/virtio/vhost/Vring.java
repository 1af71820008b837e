package org.pviommu.virtio.vhost;

import org.jspecify.annotations.Nullable;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.RingAddresses;
import org.pviommu.virtio.queue.RingMemory;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * What the front-end has said about one queue, in any order, and the queue itself once all of it is there: size, addresses and
 * kick have come, it is enabled, and the driver speaks virtio 1.
 */
final class Vring implements AutoCloseable {
    /** A ring that is mapped again changes no generation: it is looked for once in a while. */
    private static final long RETRY_NS = 100_000_000;

    private final int index;
    private int size;
    private int base;
    private @Nullable RingAddresses addresses;
    private @Nullable EventFd kick;
    private @Nullable EventFd call;
    private @Nullable EventFd error;
    /** A kick message came, with a descriptor or, to be polled, without. */
    private boolean started;

    private boolean enabled;
    private @Nullable SplitQueue queue;
    private @Nullable Chain chain;
    /** Opening was tried and failed, or the ring broke: not tried again before something about it changes. */
    private boolean unusable;
    /** It is unusable because an IOMMU stood before it, and may not for ever. */
    private boolean mayComeBack;
    /** Where it was looked for, and when, as {@link RingMemory#generation} counts. */
    private RingMemory rings = GuestSpace.EMPTY;

    private long generation;
    private long triedNs;

    Vring(int index) {
        this.index = index;
    }

    int index() {
        return index;
    }

    @Nullable
    EventFd kick() {
        return kick;
    }

    @Nullable
    SplitQueue queue() {
        return queue;
    }

    void setSize(int queueSize) {
        suspend();
        size = queueSize;
    }

    void setBase(int nextAvailable) {
        suspend();
        base = nextAvailable;
    }

    /** User addresses; {@link #size} is filled in when the queue is opened. */
    void setAddresses(RingAddresses at) {
        suspend();
        addresses = at;
    }

    /** Takes over {@code fd}; the poller must not watch the old one any more. */
    void setKick(@Nullable FileDescriptor fd) {
        EventFd next = adopt(fd);
        suspend();
        close(kick);
        kick = next;
        started = true;
    }

    void setCall(@Nullable FileDescriptor fd) {
        EventFd next = adopt(fd);
        close(call);
        call = next;
    }

    void setError(@Nullable FileDescriptor fd) {
        EventFd next = adopt(fd);
        close(error);
        error = next;
    }

    void enable(boolean on) {
        suspend();
        enabled = on;
    }

    /** GET_VRING_BASE: stops the queue; where it would go on. Kick and call are given back, as the protocol has it. */
    int stop() {
        suspend();
        started = false;
        close(kick);
        kick = null;
        close(call);
        call = null;
        return base;
    }

    /** Stops, and forgets where it was: a device reset starts all queues anew. */
    void reset() {
        stop();
        base = 0;
        enabled = false;
        addresses = null;
    }

    /**
     * Closes the queue because something about it changes, its memory for example. All requests taken were completed, so the next
     * available index says everything about where it goes on.
     */
    void suspend() {
        SplitQueue open = queue;
        if (open != null) {
            base = open.nextAvailable();
            queue = null;
        }
        unusable = false;
    }

    /**
     * Opens the queue if all is there. One that cannot be opened stays closed, and the front-end hears of it by its error
     * descriptor; the device stays usable (catalogue B01, B02).
     *
     * @return what is wrong with it, null when nothing is
     */
    @Nullable
    String openIfReady(VhostDevice device, GuestSpace space, QueueSettings settings) {
        RingAddresses at = addresses;
        if (queue != null || !started || !enabled || size == 0 || at == null) {
            return null;
        }
        RingMemory now = device.rings(index, space);
        boolean again = unusable && now.equals(rings) && now.generation() == generation;
        if (unusable && (!mayComeBack || (again && System.nanoTime() - triedNs < RETRY_NS))) {
            return null;
        }
        rings = now;
        generation = now.generation();
        triedNs = System.nanoTime();
        try {
            RingAddresses sized = new RingAddresses(size, at.descriptors(), at.available(), at.used());
            SplitQueue opened =
                    SplitQueue.open(now, device.buffers(index, space), sized, device.maxQueueSize(), base, settings);
            if (chain == null || chain.capacity() != size) {
                chain = new Chain(size);
            }
            queue = opened;
            unusable = false;
            return null;
        } catch (IllegalArgumentException e) {
            return again ? null : fail(String.valueOf(e.getMessage()), now.moves());
        }
    }

    /**
     * Lets the device serve what waits, shows the driver all of it at once and notifies it if it wants that.
     *
     * @return what is wrong with the ring, null when nothing is
     */
    @Nullable
    String serve(VhostDevice device) {
        SplitQueue open = queue;
        Chain room = chain;
        if (open == null || room == null) {
            return null;
        }
        device.serve(index, open, room);
        if (open.publish()) {
            signal(call);
        }
        String breakage = open.breakage();
        return breakage == null ? null : fail(breakage, open.ringIsGone());
    }

    private String fail(String why, boolean temporary) {
        suspend();
        unusable = true;
        mayComeBack = temporary;
        signal(error);
        return "queue=" + index + " stopped: " + why;
    }

    private static @Nullable EventFd adopt(@Nullable FileDescriptor fd) {
        try {
            return fd == null ? null : EventFd.adopt(fd);
        } catch (IllegalArgumentException | NativeException e) {
            throw new RefusedException("not an event counter: " + e.getMessage(), e);
        }
    }

    private static void signal(@Nullable EventFd event) {
        if (event != null) {
            event.signal();
        }
    }

    private static void close(@Nullable EventFd event) {
        if (event != null) {
            event.close();
        }
    }

    @Override
    public void close() {
        suspend();
        close(kick);
        close(call);
        close(error);
    }
}
