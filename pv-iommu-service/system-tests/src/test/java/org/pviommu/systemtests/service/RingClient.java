package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.Errno;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.UnixSocket;

/** A connection to the ring socket on which anything may be sent. One thread. */
final class RingClient implements AutoCloseable {
    private static final long BACKLOG_FULL_NS = 50_000;

    /** A packet of the service; its descriptors are the receiver's. */
    record Answer(MemorySegment bytes, List<FileDescriptor> fds) {
        int type() {
            return bytes.get(Messages.U32, RingAbi.MSG_TYPE_OFFSET);
        }

        int status() {
            assertEquals(RingAbi.MSG_REPLY, type());
            assertEquals(RingAbi.REPLY_SIZE, bytes.byteSize());
            return bytes.get(Messages.U32, RingAbi.REPLY_STATUS_OFFSET);
        }

        String text() {
            return bytes.asSlice(RingAbi.REPLY_MESSAGE_OFFSET, RingAbi.REPLY_TEXT_BYTES)
                    .getString(0, StandardCharsets.US_ASCII);
        }

        void requireOk() {
            assertEquals(0, status(), this::text);
        }

        void requireRefusal(int errno, String... parts) {
            assertEquals(-errno, status(), this::text);
            for (String part : parts) {
                assertTrue(text().contains(part), () -> "expected \"" + part + "\" in: " + text());
            }
        }
    }

    private final UnixSocket socket;

    private RingClient(UnixSocket socket) {
        this.socket = socket;
    }

    /** Connects; again and again while the service's backlog is full. */
    static RingClient connect(Path path) {
        long deadlineNs = Guard.deadlineNs();
        while (true) {
            try {
                return new RingClient(UnixSocket.connect(path));
            } catch (NativeException refused) {
                if (refused.errno() != Errno.EAGAIN || Guard.isOver(deadlineNs)) {
                    throw refused;
                }
                LockSupport.parkNanos(BACKLOG_FULL_NS);
            }
        }
    }

    void send(MemorySegment packet, FileDescriptor... fds) {
        socket.send(packet, List.of(fds));
    }

    /** Sends if the other side is there and takes it. */
    boolean trySend(MemorySegment packet, List<FileDescriptor> fds) {
        try {
            socket.send(packet, fds);
            return true;
        } catch (NativeException refused) {
            if (refused.errno() != Errno.EPIPE
                    && refused.errno() != Errno.ECONNRESET
                    && refused.errno() != Errno.EAGAIN) {
                throw refused;
            }
            return false;
        }
    }

    /** The next packet, which must come. */
    Answer receive() {
        Answer answer = receiveOrEnd();
        return answer == null ? fail("the service closed the connection, a message was expected") : answer;
    }

    /** The next packet, or null when the service has closed. */
    @Nullable
    Answer receiveOrEnd() {
        MemorySegment buffer = Arena.ofAuto().allocate(RingAbi.MSG_MAX);
        List<FileDescriptor> fds = new ArrayList<>();
        long deadlineNs = Guard.deadlineNs();
        while (!Guard.isOver(deadlineNs)) {
            int length = socket.receive(buffer, fds, RingAbi.welcomeFds(RingAbi.MAX_SLOTS));
            if (length >= 0) {
                return length == 0 ? null : new Answer(buffer.asSlice(0, length), fds);
            }
            socket.awaitReadable(Guard.TIMEOUT_MS);
        }
        return fail("the service says nothing");
    }

    /** Whether the service has closed; takes and drops what it said before. */
    boolean hasEnded() {
        MemorySegment buffer = Arena.ofAuto().allocate(RingAbi.MSG_MAX);
        List<FileDescriptor> fds = new ArrayList<>();
        int length;
        do {
            length = socket.receive(buffer, fds, RingAbi.welcomeFds(RingAbi.MAX_SLOTS));
        } while (length > 0);
        fds.forEach(FileDescriptor::close);
        return length == 0;
    }

    FileDescriptor fd() {
        return socket.fd();
    }

    @Override
    public void close() {
        socket.close();
    }
}
