package org.pviommu.server.ring;

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
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Poller;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;
import org.pviommu.natives.UnixSocket;

/**
 * The other side of the ring, which speaks the contract as it is written and can also be made to break every rule of it.
 * One thread for messages; each slot may be used by a thread of its own.
 */
final class RingTestClient implements AutoCloseable {
    /** Only a hang guard: nothing here depends on how fast the machine is. */
    static final int TIMEOUT_MS = 30_000;

    /** What a packet of the service brought. */
    record Answer(MemorySegment bytes, List<FileDescriptor> fds) {
        int type() {
            return bytes.get(Messages.U32, RingAbi.MSG_TYPE_OFFSET);
        }

        int request() {
            return bytes.get(Messages.U32, RingAbi.REPLY_REQUEST_OFFSET);
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

        void requireRefusal(int errno, String part) {
            assertEquals(-errno, status(), text());
            assertTrue(text().contains(part), () -> "expected \"" + part + "\" in: " + text());
        }
    }

    private final UnixSocket socket;
    private final Poller poller = new Poller(1);
    private final List<SlotCaller> slots = new ArrayList<>();
    private final List<AutoCloseable> owned = new ArrayList<>();

    private RingTestClient(UnixSocket socket) {
        this.socket = socket;
        poller.add(socket.fd(), 0);
    }

    /** A bare connection; connects again while the service's backlog is full. */
    static RingTestClient connect(Path path) {
        long deadlineNs = System.nanoTime() + TIMEOUT_MS * 1_000_000L;
        while (true) {
            try {
                return new RingTestClient(UnixSocket.connect(path));
            } catch (NativeException e) {
                if (e.errno() != Errno.EAGAIN || System.nanoTime() - deadlineNs > 0) {
                    throw e;
                }
                LockSupport.parkNanos(50_000);
            }
        }
    }

    /** A guest that was admitted. */
    static RingTestClient join(Path path, int guestId, int slots) {
        RingTestClient client = connect(path);
        client.send(Messages.hello(guestId, slots));
        client.takeWelcome(client.receive());
        return client;
    }

    /** As {@link #join}, for a number whose last owner may still be leaving. */
    static RingTestClient joinWhenFree(Path path, int guestId, int slots) {
        long deadlineNs = System.nanoTime() + TIMEOUT_MS * 1_000_000L;
        while (true) {
            RingTestClient client = connect(path);
            client.send(Messages.hello(guestId, slots));
            Answer answer = client.receive();
            if (answer.type() == RingAbi.MSG_WELCOME) {
                client.takeWelcome(answer);
                return client;
            }
            client.close();
            answer.requireRefusal(Errno.EBUSY, "guest");
            assertTrue(System.nanoTime() - deadlineNs < 0, "guest id stays in use");
        }
    }

    void send(MemorySegment message, FileDescriptor... fds) {
        socket.send(message, List.of(fds));
    }

    /** The next packet of the service. */
    Answer receive() {
        Answer answer = receiveOrEnd();
        return answer == null ? fail("connection closed, expected a message") : answer;
    }

    /** The service closed the connection and said nothing before. */
    void requireEnd() {
        Answer answer = receiveOrEnd();
        if (answer != null) {
            fail("expected the end of the connection, got type=" + answer.type()
                    + (answer.type() == RingAbi.MSG_REPLY ? " " + answer.text() : ""));
        }
    }

    private @Nullable Answer receiveOrEnd() {
        MemorySegment buffer = Arena.ofAuto().allocate(RingAbi.MSG_MAX);
        List<FileDescriptor> fds = new ArrayList<>();
        long deadlineNs = System.nanoTime() + TIMEOUT_MS * 1_000_000L;
        while (System.nanoTime() - deadlineNs < 0) {
            int length = receiveBytes(buffer, fds);
            if (length >= 0) {
                return length == 0 ? null : new Answer(buffer.asSlice(0, length), fds);
            }
            poller.await(TIMEOUT_MS);
        }
        return fail("nothing received within " + TIMEOUT_MS + " ms");
    }

    private int receiveBytes(MemorySegment buffer, List<FileDescriptor> fds) {
        try {
            return socket.receive(buffer, fds, RingAbi.welcomeFds(RingAbi.MAX_SLOTS));
        } catch (NativeException e) {
            assertEquals(Errno.ECONNRESET, e.errno(), e.getMessage());
            return 0;
        }
    }

    void takeWelcome(Answer welcome) {
        assertEquals(RingAbi.MSG_WELCOME, welcome.type(), () -> welcome.status() + " " + welcome.text());
        int count = welcome.bytes().get(Messages.U32, RingAbi.WELCOME_NR_SLOTS_OFFSET);
        long ringBytes = welcome.bytes().get(Messages.U64, RingAbi.WELCOME_RING_BYTES_OFFSET);
        assertEquals(RingAbi.welcomeFds(count), welcome.fds().size());
        SharedMemory ring = own(SharedMemory.map(welcome.fds().getFirst(), 0, ringBytes));
        for (int slot = 0; slot < count; slot++) {
            EventFd kick = own(EventFd.adopt(welcome.fds().get(1 + 2 * slot)));
            EventFd done = own(EventFd.adopt(welcome.fds().get(2 + 2 * slot)));
            slots.add(new SlotCaller(ring, slot, kick, done));
        }
    }

    private <T extends AutoCloseable> T own(T resource) {
        owned.add(resource);
        return resource;
    }

    SlotCaller slot(int index) {
        return slots.get(index);
    }

    int slotCount() {
        return slots.size();
    }

    /** Registers fresh memory and returns it, mapped here as well. */
    SharedMemory registerFresh(long firstMfn, long pages) {
        SharedMemory memory = own(SharedMemory.create("test-guest", pages << 12, Seals.SHRINK));
        Answer answer = register(firstMfn, pages, 0, memory.fd());
        assertEquals(0, answer.status(), answer.text());
        return memory;
    }

    Answer register(long firstMfn, long pages, long fdOffsetBytes, FileDescriptor fd) {
        send(Messages.register(firstMfn, pages, fdOffsetBytes), fd);
        return receive();
    }

    Answer unregister(long firstMfn, long pages) {
        send(Messages.unregister(firstMfn, pages));
        return receive();
    }

    Answer grant(long firstMfn, long pages, int granteeId, long granteeFirstMfn, int access) {
        send(Messages.grant(firstMfn, pages, granteeId, granteeFirstMfn, access));
        return receive();
    }

    Answer revoke(int granteeId, long granteeFirstMfn, int flags) {
        send(Messages.revoke(granteeId, granteeFirstMfn, flags));
        return receive();
    }

    /** Dies without a word, as a killed process does. */
    void closeSocket() {
        poller.close();
        socket.close();
    }

    @Override
    public void close() {
        closeSocket();
        for (AutoCloseable resource : owned) {
            try {
                resource.close();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
        owned.clear();
    }
}
