package org.pviommu.server.ring;

import org.pviommu.abi.RingAbi;
import org.pviommu.natives.Poller;

/**
 * An admitted guest: its ring and its session with the engine, and the loop that serves both its calls and its messages.
 * One thread. Nothing is allocated unless a message arrives.
 */
final class GuestLoop implements AutoCloseable {
    /** Token of the socket in the poller; the kick eventfds have the numbers of their slots. */
    static final int SOCKET_TOKEN = RingAbi.MAX_SLOTS;
    /** Token of the eventfd that says that the service stops. */
    static final int STOP_TOKEN = RingAbi.MAX_SLOTS + 1;
    /** One look can report everything that is watched, so nothing is starved by the order of events. */
    static final int MAX_EVENTS = RingAbi.MAX_SLOTS + 2;

    /**
     * How much a busy guest gets done between two looks at its socket: a call counts {@link #CALL_WORK} and each of its
     * elements 1. That is 256 short calls, or elements for a millisecond at 60 ns each, without asking a clock per call.
     */
    private static final long WORK_BETWEEN_LOOKS = 16_384;

    private static final long CALL_WORK = 63;

    private final GuestRing ring;
    private final GuestSession session;
    private final SlotServer slots;
    private final RingCounters counters;
    private final int spinIterations;
    private final int regions;
    private long callsCounted;

    /** Of a guest that has registered so many regions already. Owns ring and session. */
    GuestLoop(GuestRing ring, GuestSession session, RingConnection.Owner owner, int regions) {
        this.ring = ring;
        this.session = session;
        this.slots = new SlotServer(ring, session);
        this.counters = owner.counters();
        this.spinIterations = owner.settings().spinIterations();
        this.regions = regions;
    }

    /** Serves until the peer has closed or the service stops. */
    void serve(RingConnection.Owner owner, MessageChannel channel, Poller poller) {
        MemoryMessages messages =
                new MemoryMessages(channel, session, owner.settings().maxRegions(), regions);
        ring.watchKicks(poller);
        long work = 0;
        int idleRounds = 0;
        while (!owner.stopping() && !channel.ended()) {
            long served = slots.serveNext();
            if (served > 0) {
                idleRounds = 0;
                work += CALL_WORK + served;
                if (work >= WORK_BETWEEN_LOOKS) {
                    work = 0;
                    look(0, messages, channel, poller);
                }
            } else if (idleRounds < spinIterations) {
                idleRounds++;
                Thread.onSpinWait();
            } else {
                idleRounds = 0;
                work = 0;
                sleep(messages, channel, poller);
            }
        }
    }

    /** Announce, fence, look again, then wait: see {@link RingMemory#announceSleep} for why no wake-up is lost. */
    private void sleep(MemoryMessages messages, MessageChannel channel, Poller poller) {
        ring.memory().announceSleep();
        if (slots.hasWork()) {
            look(0, messages, channel, poller);
        } else {
            counters.sleeps.increment();
            look(-1, messages, channel, poller);
        }
        ring.memory().announceAwake();
    }

    /** Takes kicks and at most one message; what else has arrived is still there at the next look. */
    private void look(int timeoutMs, MemoryMessages messages, MessageChannel channel, Poller poller) {
        countCalls();
        int ready = poller.await(timeoutMs);
        for (int i = 0; i < ready; i++) {
            int token = poller.token(i);
            if (token == SOCKET_TOKEN) {
                channel.handleNext(poller.hangUp(i), messages::handle);
            } else if (token != STOP_TOKEN && ring.drainKick(token)) {
                counters.kicks.increment();
            }
        }
    }

    /** See {@link GuestSession#keepForNextStart}. */
    void keepForNextStart() {
        session.keepForNextStart();
    }

    private void countCalls() {
        counters.calls.add(slots.calls() - callsCounted);
        callsCounted = slots.calls();
    }

    /** The guest's death. Callers are told first, because removing the guest may take a while. */
    @Override
    public void close() {
        countCalls();
        try (ring;
                session) {
            ring.announceGone();
        }
    }
}
