package org.pviommu.server.ring;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.Poller;

/**
 * What a guest is handed with WELCOME: the ring memory, and a kick and a done eventfd per slot. One thread, which may
 * rely on another to call {@link #freeStuckSignal}.
 *
 * <p>The guest shares the open files of the eventfds. It can take O_NONBLOCK away from a done eventfd and fill its counter,
 * and then our write waits, for as long as the guest likes. That must cost the guest its connection and nobody anything.
 */
final class GuestRing implements AutoCloseable {
    private final RingMemory memory;
    private final int slots;
    private final List<EventFd> kicks = new ArrayList<>();
    private final List<EventFd> dones = new ArrayList<>();

    /** Odd while a done eventfd is being written; written by the guest's thread only. */
    private final AtomicLong signals = new AtomicLong();
    /** What {@link #freeStuckSignal} saw last; used by its caller's thread only. */
    private long signalsSeen;

    private volatile boolean jammed;

    private GuestRing(RingMemory memory, int slots) {
        this.memory = memory;
        this.slots = slots;
    }

    /**
     * Makes a ring.
     *
     * @throws org.pviommu.natives.NativeException if the process has no memory or descriptors left; nothing stays open
     */
    static GuestRing create(int slots) {
        GuestRing ring = new GuestRing(new RingMemory(slots), slots);
        try {
            for (int slot = 0; slot < slots; slot++) {
                ring.kicks.add(EventFd.create());
                ring.dones.add(EventFd.create());
            }
            return ring;
        } catch (RuntimeException e) {
            ring.close();
            throw e;
        }
    }

    int slots() {
        return slots;
    }

    long sizeBytes() {
        return memory.sizeBytes();
    }

    RingMemory memory() {
        return memory;
    }

    /** In the order of WELCOME: ring, then kick and done of each slot. They stay this object's. */
    List<FileDescriptor> descriptors() {
        List<FileDescriptor> all = new ArrayList<>();
        all.add(memory.fd());
        for (int slot = 0; slot < slots; slot++) {
            all.add(kicks.get(slot).fd());
            all.add(dones.get(slot).fd());
        }
        return all;
    }

    /** Lets the poller watch the kick eventfds; the token of each is the number of its slot. */
    void watchKicks(Poller poller) {
        for (int slot = 0; slot < slots; slot++) {
            poller.add(kicks.get(slot).fd(), slot);
        }
    }

    boolean drainKick(int slot) {
        return kicks.get(slot).drain();
    }

    /**
     * Wakes the caller of a slot.
     *
     * @throws ProtocolException if the guest made this wait
     */
    void signalDone(int slot) {
        signal(dones.get(slot));
        if (jammed) {
            throw new ProtocolException("slot=" + slot + " done eventfd is full and was made blocking");
        }
    }

    /** Wakes every caller that sleeps, to find that its call will not be answered. */
    void announceGone() {
        memory.announceGone();
        for (int slot = 0; slot < slots && !jammed; slot++) {
            signal(dones.get(slot));
        }
    }

    private void signal(EventFd done) {
        signals.incrementAndGet();
        try {
            done.signal();
        } finally {
            signals.incrementAndGet();
        }
    }

    /**
     * Called now and then by a thread that is not the guest's: a signal that was under way at the last call and still is
     * has been made to wait. Emptying the counters lets it go on; the guest's thread then ends the connection. The callers
     * whose signals are lost by this belong to the same guest. Never waits.
     */
    void freeStuckSignal() {
        long now = signals.get();
        if ((now & 1) == 1 && now == signalsSeen) {
            jammed = true;
            dones.forEach(GuestRing::drainUnlessClosed);
        }
        signalsSeen = now;
    }

    private static void drainUnlessClosed(EventFd done) {
        try {
            done.drain();
        } catch (IllegalStateException closed) {
            // The guest's thread has gone on meanwhile, and given everything back.
            return;
        }
    }

    @Override
    public void close() {
        kicks.forEach(EventFd::close);
        dones.forEach(EventFd::close);
        memory.close();
    }
}
