package org.pviommu.server.ring;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.RingAbi;
import org.pviommu.journal.Journal;
import org.pviommu.natives.Errno;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Poller;
import org.pviommu.natives.UnixSocket;
import org.pviommu.natives.UnixSocket.PeerCredentials;

/**
 * The life of one connection, which is the life of one guest, on a thread of its own: handshake, then calls and messages
 * until the peer closes, does something wrong, or the service stops; then everything is given back, in every case.
 */
final class RingConnection implements Runnable {

    /** What connections share with their server. */
    interface Owner {
        RingSettings settings();

        GuestSessions sessions();

        RingCounters counters();

        RingLog log();

        /** Set once, before the stop eventfd is signalled. */
        boolean stopping();

        /** Readable for ever once the service stops. */
        EventFd stopSignal();

        /** A connection's last word; its thread ends, and everything it had is given back. */
        void finished(RingConnection connection);
    }

    private final Owner owner;
    private final UnixSocket socket;
    private final PeerCredentials peer;
    private String name = "peer";
    /** Once the guest is admitted; for the supervising thread. */
    private volatile @Nullable GuestRing ring;

    RingConnection(Owner owner, UnixSocket socket, PeerCredentials peer) {
        this.owner = owner;
        this.socket = socket;
        this.peer = peer;
    }

    /**
     * Whatever goes wrong ends this connection and nothing else. The socket closes last: a peer that sees the end of the
     * stream can rely on its guest being gone.
     */
    @Override
    public void run() {
        try (MessageChannel channel = new MessageChannel(socket);
                Poller poller = new Poller(GuestLoop.MAX_EVENTS)) {
            poller.add(channel.fd(), GuestLoop.SOCKET_TOKEN);
            poller.add(owner.stopSignal().fd(), GuestLoop.STOP_TOKEN);
            Hello hello = awaitHello(channel, poller);
            if (hello != null) {
                serve(hello, channel, poller);
            }
        } catch (ProtocolException e) {
            owner.counters().protocolErrors.increment();
            owner.log().warning("ring: " + name + " " + describePeer() + ", closed: " + e.getMessage());
        } catch (Throwable e) {
            // Errors as well: this is the outermost frame, and the other guests' threads go on.
            owner.counters().internalErrors.increment();
            owner.log().error("ring: " + name + ", closed because of a mistake of this service", e);
        } finally {
            socket.close(); // For the second time if there was a channel; the only one if there was no memory for it.
            owner.finished(this);
        }
    }

    /** See {@link GuestRing#freeStuckSignal}. By one thread at a time that is not the connection's. */
    void freeStuckSignal() {
        GuestRing admitted = ring;
        if (admitted != null) {
            admitted.freeStuckSignal();
        }
    }

    private void serve(Hello hello, MessageChannel channel, Poller poller) {
        String number = Integer.toUnsignedString(hello.guestId());
        name = "guest " + number;
        Thread.currentThread().setName("ring-guest-" + number);
        try (Arrival arrival = admit(hello, channel)) {
            if (arrival != null && welcome(hello, arrival.ring(), channel)) {
                ring = arrival.ring();
                serve(arrival, hello, channel, poller);
                owner.log().info("ring: " + name + (owner.stopping() ? " disconnected: the service stops" : " left"));
            }
        }
    }

    private void serve(Arrival arrival, Hello hello, MessageChannel channel, Poller poller) {
        try (GuestLoop guest = asCaller(() -> arrival.await(channel, poller))) {
            if (guest != null) {
                if (hello.resume()) {
                    owner.log().info("ring: " + name + " goes on with what it had");
                }
                guest.serve(owner, channel, poller);
                if (owner.stopping() && !channel.ended()) {
                    guest.keepForNextStart();
                }
            }
        }
    }

    /** Null if the guest is refused, which is answered. */
    private @Nullable Arrival admit(Hello hello, MessageChannel channel) {
        try {
            return asCaller(() -> Arrival.open(hello, owner));
        } catch (RefusedException e) {
            refuse(channel, RingAbi.MSG_HELLO, e.errno(), e);
        } catch (NativeException e) {
            // Most likely no descriptors or no memory for one more guest.
            refuse(channel, RingAbi.MSG_HELLO, e.errno(), e);
        }
        return null;
    }

    /** Does what the journal shall name this peer for: the coming of its guest. */
    private <T extends @Nullable Object> T asCaller(ScopedValue.CallableOp<T, RuntimeException> action) {
        return ScopedValue.where(Journal.CALLER, "ring " + describePeer()).call(action);
    }

    private boolean welcome(Hello hello, GuestRing guestRing, MessageChannel channel) {
        try {
            channel.welcome(hello.guestId(), guestRing, owner.settings().spinIterations());
            owner.log().info("ring: " + name + " connected, slots=" + guestRing.slots() + ", " + describePeer());
            return true;
        } catch (NativeException e) {
            // The kernel bounds the descriptors that are on their way and that nobody has received yet.
            refuse(channel, RingAbi.MSG_HELLO, e.errno(), e);
            return false;
        }
    }

    /** The HELLO, or null if there was silence (catalogue C02) or something else, which is answered. */
    private @Nullable Hello awaitHello(MessageChannel channel, Poller poller) {
        int request = 0;
        try (Packet packet = awaitPacket(channel, poller)) {
            if (packet == null) {
                return null;
            }
            request = packet.typeOrZero();
            return Hello.parse(packet);
        } catch (ProtocolException e) {
            refuse(channel, request, Errno.EINVAL, e);
            return null;
        }
    }

    private @Nullable Packet awaitPacket(MessageChannel channel, Poller poller) {
        int timeoutMs = owner.settings().handshakeTimeoutMs();
        long deadlineNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
        while (!owner.stopping()) {
            Packet packet = channel.receive();
            if (packet != null || channel.ended()) {
                return packet;
            }
            long leftNs = deadlineNs - System.nanoTime();
            if (leftNs <= 0) {
                owner.counters().refusedHandshakes.increment();
                owner.log().warning("ring: " + describePeer() + ", closed: no HELLO within " + timeoutMs + " ms");
                return null;
            }
            // Rounded up, because a wait of 0 ms would spin through the last fraction. At most 60,000: no overflow.
            poller.await((int) TimeUnit.NANOSECONDS.toMillis(leftNs) + 1);
        }
        return null;
    }

    private void refuse(MessageChannel channel, int request, int errno, RuntimeException why) {
        owner.counters().refusedHandshakes.increment();
        owner.log().warning("ring: " + name + " " + describePeer() + ", refused: " + why.getMessage());
        channel.reply(request, -errno, String.valueOf(why.getMessage()));
    }

    private String describePeer() {
        return "pid=" + peer.pid() + " uid=" + peer.uid() + " gid=" + peer.gid();
    }
}
