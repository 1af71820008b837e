package org.pviommu.virtio.vhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.SharedMemory;
import org.pviommu.natives.UnixSocket;
import org.pviommu.virtio.queue.DriverRing;
import org.pviommu.virtio.queue.RingAddresses;

/** A front-end written by hand: what a virtual machine monitor does, and what none should. */
final class FrontEnd implements AutoCloseable {
    static final int GUARD_MS = 20_000;
    static final long USER = 0x7f55_0000_0000L;
    static final long MEMORY_BYTES = 1 << 20;
    static final int QUEUE_SIZE = 16;
    static final long DATA = 0x8_0000;
    static final int NEED_REPLY = Message.NEED_REPLY;

    final UnixSocket socket;
    final SharedMemory memory;
    final EventFd kick = EventFd.create();
    final EventFd call = EventFd.create();
    final EventFd error = EventFd.create();
    final DriverRing ring;

    FrontEnd(Path path) {
        socket = UnixSocket.connectStream(path);
        memory = SharedMemory.create("guest", MEMORY_BYTES, 0);
        ring = new DriverRing(memory.segment(), 0, QUEUE_SIZE);
    }

    static byte[] words(long... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        for (long each : values) {
            bytes.putLong(each);
        }
        return bytes.array();
    }

    /** Two 32-bit words, the state of a queue. */
    static byte[] state(int index, int value) {
        return words((value & 0xffff_ffffL) << 32 | (index & 0xffff_ffffL));
    }

    void send(int request, int flags, byte[] payload, FileDescriptor... fds) {
        sendHeader(request, flags | Message.VERSION, payload.length, payload, fds);
    }

    void sendHeader(int request, int flags, int sizeField, byte[] payload, FileDescriptor... fds) {
        ByteBuffer bytes = ByteBuffer.allocate(12 + payload.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(request).putInt(flags).putInt(sizeField).put(payload);
        socket.send(MemorySegment.ofArray(bytes.array()), List.of(fds));
    }

    /** The payload of the next answer; empty when the connection is over. */
    byte[] answer() {
        byte[] header = read(12);
        if (header.length == 0) {
            return header;
        }
        ByteBuffer fields = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(Message.VERSION | Message.REPLY, fields.getInt(4));
        return read(fields.getInt(8));
    }

    private byte[] read(int count) {
        byte[] bytes = new byte[count];
        int have = 0;
        while (have < count) {
            int got = socket.receive(MemorySegment.ofArray(bytes).asSlice(have), new ArrayList<>(), 0);
            if (got == 0) {
                return new byte[0];
            }
            if (got < 0) {
                assertTrue(socket.awaitReadable(GUARD_MS), "no answer in time");
            } else {
                have += got;
            }
        }
        return bytes;
    }

    long number() {
        byte[] payload = answer();
        assertEquals(8, payload.length, "the connection is over, or the answer is no number");
        return ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    /** Whether the service has closed the connection; waits for it. */
    boolean isClosed() {
        try {
            return answer().length == 0;
        } catch (NativeException e) {
            return true;
        }
    }

    /** Sends with an acknowledgement asked for. */
    boolean ask(int request, byte[] payload, FileDescriptor... fds) {
        send(request, NEED_REPLY, payload, fds);
        return number() == 0;
    }

    void negotiate(long features) {
        send(1, 0, new byte[0]);
        long offered = number();
        send(15, 0, new byte[0]);
        long protocol = number();
        send(16, 0, words(protocol));
        assertTrue(ask(2, words(offered & features)));
    }

    static byte[] table(long... regions) {
        long[] all = new long[regions.length + 1];
        all[0] = regions.length / 4;
        System.arraycopy(regions, 0, all, 1, regions.length);
        return words(all);
    }

    boolean setMemory() {
        return ask(5, table(0, MEMORY_BYTES, USER, 0), memory.fd());
    }

    byte[] addresses(int queue) {
        RingAddresses at = ring.addresses(USER);
        return words(queue, at.descriptors(), at.used(), at.available(), 0);
    }

    void startQueue() {
        startQueueAt(0);
    }

    void startQueueAt(int base) {
        assertTrue(ask(8, state(0, QUEUE_SIZE)));
        assertTrue(ask(10, state(0, base)));
        assertTrue(ask(9, addresses(0)));
        assertTrue(ask(12, words(0), kick.fd()));
        assertTrue(ask(13, words(0), call.fd()));
        assertTrue(ask(14, words(0), error.fd()));
        assertTrue(ask(18, state(0, 1)));
    }

    void start() {
        negotiate(-1L);
        assertTrue(setMemory());
        startQueue();
    }

    /** One request through the queue; whether it came back as it should. */
    void echo(int value) {
        offer(value);
        kick.signal();
        awaitEcho(value);
    }

    void offer(int value) {
        memory.segment().set(ValueLayout.JAVA_INT, DATA, value);
        offerData();
    }

    /** The request as it lies in memory; only the rings are touched. */
    void offerData() {
        ring.descriptor(0, DATA, 4, DriverRing.NEXT, 1);
        ring.descriptor(1, DATA + 64, 4, DriverRing.WRITE, 0);
        ring.offer(0);
    }

    void awaitEcho(int value) {
        long endNs = System.nanoTime() + GUARD_MS * 1_000_000L;
        while (!ring.hasUsed() && System.nanoTime() < endNs) {
            call.await(1);
        }
        call.drain();
        assertTrue(ring.hasUsed(), "no answer in time");
        assertEquals(4L << 32, ring.takeUsed());
        assertEquals(value, memory.segment().get(ValueLayout.JAVA_INT, DATA + 64));
    }

    @Override
    public void close() {
        socket.close();
        memory.close();
        kick.close();
        call.close();
        error.close();
    }
}
