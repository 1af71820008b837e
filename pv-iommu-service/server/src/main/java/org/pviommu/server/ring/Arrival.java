package org.pviommu.server.ring;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.Poller;

/**
 * What a HELLO leads to: a ring, and a new guest or one that comes back and has to show its memory first. One thread.
 */
final class Arrival implements AutoCloseable {
    private final Hello hello;
    private final RingConnection.Owner owner;
    private final GuestRing ring;
    private final @Nullable GuestSession newcomer;
    private final @Nullable ReturningGuest returning;
    private boolean handedOver;

    private Arrival(
            Hello hello,
            RingConnection.Owner owner,
            @Nullable GuestSession newcomer,
            @Nullable ReturningGuest returning) {
        this.hello = hello;
        this.owner = owner;
        this.newcomer = newcomer;
        this.returning = returning;
        this.ring =
                GuestRing.create(Math.min(hello.slotsWanted(), owner.settings().maxSlots()));
    }

    /**
     * Lets a guest in.
     *
     * @throws RefusedException if the engine does not admit it, or it is not waited for
     * @throws org.pviommu.natives.NativeException if there is no memory or descriptor for its ring
     */
    static Arrival open(Hello hello, RingConnection.Owner owner) {
        if (hello.resume()) {
            return new Arrival(hello, owner, null, owner.sessions().comeBack(hello.guestId()));
        }
        GuestSession session = owner.sessions().open(hello.guestId());
        try {
            return new Arrival(hello, owner, session, null);
        } catch (RuntimeException e) {
            session.close();
            throw e;
        }
    }

    GuestRing ring() {
        return ring;
    }

    /**
     * The guest, ready to be served: a new one at once, one that comes back when its RESUME is granted. It owns the ring.
     *
     * @return null if the connection or the service ended before
     * @throws ProtocolException for a malformed message
     */
    @Nullable
    GuestLoop await(MessageChannel channel, Poller poller) {
        if (newcomer != null) {
            handedOver = true;
            return new GuestLoop(ring, newcomer, owner, 0);
        }
        ReturnMessages messages = new ReturnMessages(
                channel, Objects.requireNonNull(returning), owner.settings().maxRegions(), this::tellRefusal);
        while (messages.session() == null && !owner.stopping() && !channel.ended()) {
            int ready = poller.await(-1);
            for (int i = 0; i < ready && messages.session() == null; i++) {
                if (poller.token(i) == GuestLoop.SOCKET_TOKEN) {
                    channel.handleNext(poller.hangUp(i), messages::handle);
                }
            }
        }
        GuestSession session = messages.session();
        if (session == null) {
            return null;
        }
        handedOver = true;
        return new GuestLoop(ring, session, owner, messages.regions());
    }

    private void tellRefusal(String why) {
        owner.log().warning("ring: guest " + Integer.toUnsignedString(hello.guestId()) + ", RESUME refused: " + why);
    }

    /** What nobody was handed: a guest that comes back is waited for as before. */
    @Override
    public void close() {
        if (returning != null) {
            returning.close();
        }
        if (!handedOver) {
            try (ring) {
                ring.announceGone();
                if (newcomer != null) {
                    newcomer.close();
                }
            }
        }
    }
}
