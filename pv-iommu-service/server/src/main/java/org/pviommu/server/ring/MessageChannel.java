package org.pviommu.server.ring;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.Errno;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.UnixSocket;

/** Messages of one connection, in and out; never blocks. One thread. */
final class MessageChannel implements AutoCloseable {
    private final UnixSocket socket;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment incoming = arena.allocate(RingAbi.MSG_MAX, Long.BYTES);
    private final MemorySegment outgoing = arena.allocate(RingAbi.MSG_MAX, Long.BYTES);
    private final List<FileDescriptor> fds = new ArrayList<>(Packet.MAX_FDS);
    private boolean ended;

    MessageChannel(UnixSocket socket) {
        this.socket = socket;
    }

    FileDescriptor fd() {
        return socket.fd();
    }

    /** Whether the other side has closed, as {@link #receive}, an answer or the poller found out. */
    boolean ended() {
        return ended;
    }

    void end() {
        ended = true;
    }

    /**
     * The next message if there is one. It stands on this channel's buffer: it has to be done with before the next call.
     *
     * @throws ProtocolException for a packet that is too long or has too many file descriptors, which are closed
     */
    @Nullable
    Packet receive() {
        fds.clear();
        int length = receiveBytes();
        if (length == 0) {
            ended = true;
        }
        return length <= 0 ? null : new Packet(incoming.asSlice(0, length), fds);
    }

    /**
     * Gives the next message to {@code handler}, if there is one. What a peer sent before it hung up is still executed.
     *
     * @param hangUp whether the poller has seen that the peer hung up
     * @throws ProtocolException for a packet that cannot be a message, which is answered; and as the handler
     */
    void handleNext(boolean hangUp, Consumer<Packet> handler) {
        try (Packet packet = receiveOrAnswer()) {
            if (packet != null) {
                handler.accept(packet);
            } else if (hangUp) {
                ended = true;
            }
        }
    }

    private @Nullable Packet receiveOrAnswer() {
        try {
            return receive();
        } catch (ProtocolException e) {
            reply(0, -Errno.EINVAL, String.valueOf(e.getMessage()));
            throw e;
        }
    }

    private int receiveBytes() {
        try {
            return socket.receive(incoming, fds, Packet.MAX_FDS);
        } catch (NativeException e) {
            if (e.errno() == Errno.ECONNRESET) {
                return 0; // Closed with something of ours unread: an end like any other.
            }
            if (e.errno() == Errno.EMSGSIZE) {
                throw new ProtocolException(
                        "packet longer than " + RingAbi.MSG_MAX + " bytes, or more than " + Packet.MAX_FDS
                                + " file descriptors",
                        e);
            }
            throw e;
        }
    }

    /** Answers a request: status is 0 or a negated errno, the text is cut to what REPLY holds. */
    void reply(int request, int status, String text) {
        MemorySegment message = message(RingAbi.MSG_REPLY, RingAbi.REPLY_SIZE);
        message.set(Packet.U32, RingAbi.REPLY_REQUEST_OFFSET, request);
        message.set(Packet.U32, RingAbi.REPLY_STATUS_OFFSET, status);
        byte[] ascii = text.getBytes(StandardCharsets.US_ASCII);
        int length = Math.min(ascii.length, RingAbi.REPLY_TEXT_BYTES - 1); // The NUL is there: message() cleared it.
        MemorySegment.copy(MemorySegment.ofArray(ascii), 0, message, RingAbi.REPLY_MESSAGE_OFFSET, length);
        send(message, List.of());
    }

    /** Admits a guest and hands it its ring. */
    void welcome(int guestId, GuestRing ring, int spinIterations) {
        MemorySegment message = message(RingAbi.MSG_WELCOME, RingAbi.WELCOME_SIZE);
        message.set(Packet.U32, RingAbi.WELCOME_MAGIC_OFFSET, RingAbi.MAGIC);
        message.set(Packet.U16, RingAbi.WELCOME_VERSION_OFFSET, (short) RingAbi.VERSION);
        message.set(Packet.U16, RingAbi.WELCOME_SLOT_BYTES_OFFSET, (short) RingAbi.SLOT_BYTES);
        message.set(Packet.U32, RingAbi.WELCOME_GUEST_ID_OFFSET, guestId);
        message.set(Packet.U32, RingAbi.WELCOME_NR_SLOTS_OFFSET, ring.slots());
        message.set(Packet.U64, RingAbi.WELCOME_RING_BYTES_OFFSET, ring.sizeBytes());
        message.set(Packet.U32, RingAbi.WELCOME_SPIN_ITERATIONS_OFFSET, spinIterations);
        send(message, ring.descriptors());
    }

    private MemorySegment message(int type, int sizeBytes) {
        MemorySegment message = outgoing.asSlice(0, sizeBytes);
        message.fill((byte) 0);
        message.set(Packet.U32, RingAbi.MSG_TYPE_OFFSET, type);
        message.set(Packet.U32, RingAbi.MSG_SIZE_OFFSET, sizeBytes);
        return message;
    }

    /** A peer that closed, or that lets its answers pile up until the socket is full, loses the connection. */
    private void send(MemorySegment message, List<FileDescriptor> attached) {
        try {
            socket.send(message, attached);
        } catch (NativeException e) {
            if (e.errno() == Errno.EPIPE || e.errno() == Errno.ECONNRESET || e.errno() == Errno.ENOTCONN) {
                ended = true;
            } else if (e.errno() == Errno.EAGAIN) {
                throw new ProtocolException("answers are not read: the socket is full", e);
            } else {
                throw e;
            }
        }
    }

    @Override
    public void close() {
        socket.close();
        arena.close();
    }
}
