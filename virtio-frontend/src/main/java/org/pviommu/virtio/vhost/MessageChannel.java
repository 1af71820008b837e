package org.pviommu.virtio.vhost;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.Errno;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.UnixSocket;

/** The messages of one connection; never waits. One thread. */
final class MessageChannel implements AutoCloseable {
    private final UnixSocket socket;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment incoming = arena.allocate(Message.HEADER_BYTES + Message.MAX_PAYLOAD_BYTES, Long.BYTES);
    private final List<FileDescriptor> fds = new ArrayList<>();
    private int received;
    private boolean ended;

    /** Over a connected stream socket, which is the channel's from here on. */
    MessageChannel(UnixSocket socket) {
        this.socket = socket;
    }

    FileDescriptor fd() {
        return socket.fd();
    }

    /** Whether the peer has closed. */
    boolean ended() {
        return ended;
    }

    /** Whether a message has begun and is not complete: the peer owes the rest (catalogue C02). */
    boolean midMessage() {
        return received > 0;
    }

    /**
     * The next message if all of it is there; it has to be done with before the next call.
     *
     * @throws ProtocolException for what cannot be a message; the connection is of no use any more
     */
    @Nullable
    Message receive() {
        if (received < Message.HEADER_BYTES && !fill(Message.HEADER_BYTES)) {
            return null;
        }
        int bytes = incoming.get(Message.U32, 8);
        int flags = incoming.get(Message.U32, 4);
        if (Integer.compareUnsigned(bytes, Message.MAX_PAYLOAD_BYTES) > 0) {
            throw new ProtocolException(
                    "payloadBytes=" + Integer.toUnsignedString(bytes) + " max=" + Message.MAX_PAYLOAD_BYTES);
        }
        if ((flags & Message.VERSION_MASK) != Message.VERSION || (flags & Message.REPLY) != 0) {
            throw new ProtocolException(
                    "flags=0x" + Integer.toHexString(flags) + " expected version=" + Message.VERSION);
        }
        if (received < Message.HEADER_BYTES + bytes && !fill(Message.HEADER_BYTES + bytes)) {
            return null;
        }
        received = 0;
        List<FileDescriptor> arrived = new ArrayList<>(fds);
        fds.clear();
        return new Message(incoming.get(Message.U32, 0), flags, incoming.asSlice(Message.HEADER_BYTES, bytes), arrived);
    }

    /** Reads on up to {@code wanted} bytes and not beyond, so that descriptors are never those of a later message. */
    private boolean fill(int wanted) {
        while (received < wanted) {
            int bytes = receiveSome(incoming.asSlice(received, wanted - received));
            if (bytes <= 0) {
                ended |= bytes == 0;
                return false;
            }
            received += bytes;
            if (fds.size() > Request.Limits.TABLE_REGIONS) {
                throw new ProtocolException("fds=" + fds.size() + " max=" + Request.Limits.TABLE_REGIONS);
            }
        }
        return true;
    }

    private int receiveSome(MemorySegment into) {
        try {
            return socket.receive(into, fds, Request.Limits.TABLE_REGIONS);
        } catch (NativeException e) {
            if (e.errno() == Errno.EMSGSIZE) { // catalogue C06, C07: the socket has closed them
                throw new ProtocolException("more descriptors in a message than " + Request.Limits.TABLE_REGIONS, e);
            }
            throw e;
        }
    }

    /** Answers {@code request} with a payload. */
    void reply(Message request, MemorySegment payload) {
        try (Arena sending = Arena.ofConfined()) {
            MemorySegment message = sending.allocate(Message.HEADER_BYTES + payload.byteSize());
            message.set(Message.U32, 0, request.code());
            message.set(Message.U32, 4, Message.VERSION | Message.REPLY);
            message.set(Message.U32, 8, (int) payload.byteSize());
            MemorySegment.copy(payload, 0, message, Message.HEADER_BYTES, payload.byteSize());
            send(message);
        }
    }

    void reply(Message request, long value) {
        try (Arena sending = Arena.ofConfined()) {
            MemorySegment payload = sending.allocate(Long.BYTES);
            payload.set(Message.U64, 0, value);
            reply(request, payload);
        }
    }

    private void send(MemorySegment message) {
        try {
            socket.send(message, List.of());
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
        fds.forEach(FileDescriptor::close);
        fds.clear();
        socket.close();
        arena.close();
    }
}
