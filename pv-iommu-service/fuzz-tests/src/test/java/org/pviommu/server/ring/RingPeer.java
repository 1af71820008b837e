package org.pviommu.server.ring;

import static org.pviommu.fuzz.Finding.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.RingAbi;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineInvariants;
import org.pviommu.fuzz.Input;
import org.pviommu.natives.Errno;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;
import org.pviommu.natives.UnixSocket;

/**
 * The other side of the connection: takes its steps from the input, and looks at the answers. Each step leaves something for the
 * service to do, since a service without work would sleep, and nobody would wake it.
 */
final class RingPeer implements AutoCloseable {
    private static final int MAX_STEPS = 48;
    private static final int MAX_PACKET = 600;
    private static final int MEMORY_PAGES = 8;
    private static final int MESSAGE_TYPES = 10;

    private final UnixSocket socket;
    private final Input input;
    private final Engine engine;
    private final boolean wellBehaved;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(RingAbi.MSG_MAX, Long.BYTES);
    private final SharedMemory memory = SharedMemory.create("pvi-fuzz", MEMORY_PAGES << 12, Seals.SHRINK);
    private final SharedMemory unsealed = SharedMemory.create("pvi-fuzz-unsealed", MEMORY_PAGES << 12, 0);
    private final SharedMemory readOnly = SharedMemory.create("pvi-fuzz-sealed", MEMORY_PAGES << 12, Seals.SHRINK);
    private @Nullable SharedMemory ring;
    private @Nullable EventFd kick;
    private final int[] generations = new int[RingAbi.MAX_SLOTS];
    private int slots;
    private int guestId;
    private boolean answerIsDue;
    private int steps;

    RingPeer(UnixSocket socket, Input input, Engine engine) {
        this.socket = socket;
        this.input = input;
        this.engine = engine;
        this.wellBehaved = input.below(8) != 0;
        readOnly.fd().addSeals(Seals.FUTURE_WRITE);
    }

    /** The next step; false when the peer has hung up. */
    boolean step() {
        takeAnswers();
        if (guestId != 0) {
            EngineInvariants.check(java.util.Objects.requireNonNull(engine.guest(guestId), "guest"));
        }
        if (++steps > MAX_STEPS || !input.hasMore()) {
            socket.close();
            return false;
        }
        if (steps == 1 && wellBehaved) {
            sendMessage(RingAbi.MSG_HELLO, 0);
        } else {
            act(input.below(8));
        }
        return true;
    }

    private void act(int action) {
        if (ring == null || kick == null || action < 4) {
            if (action == 0) {
                send(input.take(1 + input.u16() % MAX_PACKET), input.below(3));
            } else {
                sendMessage(1 + input.below(MESSAGE_TYPES), input.below(4));
            }
            return;
        }
        switch (action) {
            case 4 -> store(ring);
            case 5 -> fillArray();
            default -> call(ring);
        }
        kick.signal();
    }

    /** A message of the right form with {@code changes} fields changed. */
    private void sendMessage(int type, int changes) {
        int selector = input.u8();
        byte[] bytes = new byte[sizeOf(type)];
        MemorySegment message = MemorySegment.ofArray(bytes);
        message.set(Packet.U32, RingAbi.MSG_TYPE_OFFSET, type);
        message.set(Packet.U32, RingAbi.MSG_SIZE_OFFSET, bytes.length);
        switch (type) {
            case RingAbi.MSG_HELLO -> {
                message.set(Packet.U32, RingAbi.HELLO_MAGIC_OFFSET, RingAbi.MAGIC);
                message.set(Packet.U16, RingAbi.HELLO_VERSION_MIN_OFFSET, (short) RingAbi.VERSION);
                message.set(Packet.U16, RingAbi.HELLO_VERSION_MAX_OFFSET, (short) RingAbi.VERSION);
                message.set(Packet.U32, RingAbi.HELLO_GUEST_ID_OFFSET, selector < 0xf0 ? 1 : selector & 7);
                message.set(Packet.U32, RingAbi.HELLO_NR_SLOTS_OFFSET, 1 + (selector & 3));
            }
            default -> {
                // All others begin with a frame and a number of pages, or are unknown.
                for (int at = RingAbi.MSG_HEADER_SIZE; at + Long.BYTES <= bytes.length && at < 24; at += Long.BYTES) {
                    message.set(Packet.U64, at, 1 + (selector >> (at == 8 ? 0 : 4) & 7));
                }
            }
        }
        for (int i = 0; i < changes; i++) {
            message.set(Packet.U32, input.below(bytes.length / 4) * 4L, (int) input.number());
        }
        send(
                bytes,
                type == RingAbi.MSG_REGISTER_MEMORY ? input.below(16) == 15 ? 0 : 1 : input.below(16) == 15 ? 1 : 0);
    }

    /** Sizes of messages that do not exist yet are the input's. */
    private int sizeOf(int type) {
        return switch (type) {
            case RingAbi.MSG_HELLO -> RingAbi.HELLO_SIZE;
            case RingAbi.MSG_REGISTER_MEMORY -> RingAbi.REGISTER_MEMORY_SIZE;
            case RingAbi.MSG_UNREGISTER_MEMORY -> RingAbi.UNREGISTER_MEMORY_SIZE;
            default -> 8 + 8 * input.below(8);
        };
    }

    private void send(byte[] bytes, int fdCount) {
        List<FileDescriptor> fds = new ArrayList<>();
        for (int i = 0; i < fdCount; i++) {
            fds.add(anyDescriptor());
        }
        MemorySegment message = arena.allocate(bytes.length);
        message.copyFrom(MemorySegment.ofArray(bytes));
        socket.send(message, fds);
        answerIsDue = true;
    }

    private FileDescriptor anyDescriptor() {
        int selector = input.below(16);
        return switch (selector) {
            case 12 -> unsealed.fd();
            case 13 -> readOnly.fd();
            case 14 -> kick == null ? unsealed.fd() : kick.fd();
            case 15 -> socket.fd();
            default -> memory.fd();
        };
    }

    private void store(SharedMemory shared) {
        long words = shared.sizeBytes() / Integer.BYTES;
        int value = (int) input.number();
        shared.segment().setAtIndex(ValueLayout.JAVA_INT, input.u16() % words, value);
    }

    /** Operations in the memory that can be registered. */
    private void fillArray() {
        int n = 1 + input.below(8);
        for (int i = 0; i < n; i++) {
            long at = (long) i * IommuMapOp.SIZE;
            IommuMapOp.putBfn(memory.segment(), at, input.number());
            IommuMapOp.putMfn(memory.segment(), at, input.number());
            IommuMapOp.putFlags(memory.segment(), at, 3);
        }
    }

    private void call(SharedMemory shared) {
        int slot = input.below(slots);
        long offset = RingAbi.slotOffset(slot);
        int generation = generations[slot] + 1;
        generations[slot] = generation;
        int cmd = IommuOp.cmd(input.below(14), 0, input.below(4));
        shared.segment().set(ValueLayout.JAVA_INT, offset + RingAbi.SLOT_CMD_OFFSET, cmd);
        shared.segment().set(ValueLayout.JAVA_LONG, offset + RingAbi.SLOT_ARG_OFFSET, input.number() << 12);
        shared.segment().set(ValueLayout.JAVA_INT, offset + RingAbi.SLOT_COUNT_OFFSET, (int) input.number());
        shared.segment()
                .set(
                        ValueLayout.JAVA_INT,
                        offset + RingAbi.SLOT_WORD_OFFSET,
                        RingAbi.word(generation, RingAbi.SLOT_READY));
    }

    /** The service has ended the connection, or noticed that this side did: an answer that was due must be there. */
    void connectionEnded() {
        guestId = 0;
        if (socket.fd().isOpen()) {
            takeAnswers();
        }
    }

    private void takeAnswers() {
        List<FileDescriptor> fds = new ArrayList<>();
        int answers = 0;
        for (int length = receive(fds); length > 0; length = receive(fds)) {
            takeAnswer(length, fds);
            fds.forEach(FileDescriptor::close);
            fds.clear();
            answers++;
        }
        check(answers == (answerIsDue ? 1 : 0), "answers=%d expected=%s", answers, answerIsDue ? 1 : 0);
        answerIsDue = false;
    }

    private int receive(List<FileDescriptor> fds) {
        try {
            return socket.receive(buffer, fds, RingAbi.welcomeFds(RingAbi.MAX_SLOTS));
        } catch (NativeException e) {
            check(e.errno() == Errno.ECONNRESET, "%s", e);
            return 0;
        }
    }

    private void takeAnswer(int length, List<FileDescriptor> fds) {
        int type = buffer.get(Packet.U32, RingAbi.MSG_TYPE_OFFSET);
        check(buffer.get(Packet.U32, RingAbi.MSG_SIZE_OFFSET) == length, "answer of %d bytes has another size", length);
        if (type == RingAbi.MSG_WELCOME) {
            takeWelcome(fds);
            return;
        }
        check(type == RingAbi.MSG_REPLY && length == RingAbi.REPLY_SIZE, "answer type=%d length=%d", type, length);
        int status = buffer.get(Packet.U32, RingAbi.REPLY_STATUS_OFFSET);
        check(status <= 0 && status > -4096, "status=%d", status);
        byte last = buffer.get(ValueLayout.JAVA_BYTE, (long) RingAbi.REPLY_SIZE - 1);
        check(last == 0 && fds.isEmpty(), "text ends with %d, descriptors=%d", last, fds.size());
    }

    private void takeWelcome(List<FileDescriptor> fds) {
        check(ring == null, "WELCOME twice");
        slots = buffer.get(Packet.U32, RingAbi.WELCOME_NR_SLOTS_OFFSET);
        guestId = buffer.get(Packet.U32, RingAbi.WELCOME_GUEST_ID_OFFSET);
        check(fds.size() == RingAbi.welcomeFds(slots), "slots=%d descriptors=%d", slots, fds.size());
        ring = SharedMemory.map(fds.removeFirst(), 0, buffer.get(Packet.U64, RingAbi.WELCOME_RING_BYTES_OFFSET));
        kick = EventFd.adopt(fds.removeFirst());
        Arrays.fill(generations, 0);
    }

    @Override
    public void close() {
        socket.close();
        memory.close();
        unsealed.close();
        readOnly.close();
        if (ring != null && kick != null) {
            ring.close();
            kick.close();
        }
        arena.close();
    }
}
