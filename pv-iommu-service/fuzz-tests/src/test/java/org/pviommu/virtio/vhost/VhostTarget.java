package org.pviommu.virtio.vhost;

import static org.pviommu.fuzz.Finding.check;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.pviommu.fuzz.Finding;
import org.pviommu.fuzz.Input;
import org.pviommu.natives.Errno;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.Poller;
import org.pviommu.natives.SharedMemory;
import org.pviommu.natives.UnixSocket;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.SplitQueue;

/**
 * One vhost-user connection from the first message to the end: an input is what a front-end sends, with which descriptors, and what
 * a driver writes to the memory that was handed in. Service and front-end take turns in one thread.
 *
 * <p>Each message that is owed an answer has exactly one, and no other has; only the peer's mistakes end the connection; a device
 * always has all of the memory that it was told of; when the connection has ended, its descriptors and mappings are gone.
 */
public final class VhostTarget implements VhostDevice {
    /** Name on the command line and folder of the corpus. */
    public static final String NAME = "vhost-user";

    private static final int MAX_STEPS = 64;
    private static final int QUEUES = 2;
    private static final int CONFIG_BYTES = 40;
    private static final int MEMORY_BYTES = 16 << 12;
    private static final long USER = 0x7f00_0000_0000L;
    private static final int SET_PROTOCOL_FEATURES = 16;
    private static final long NEED_REPLY = Message.NEED_REPLY;
    private static final int[] KNOWN = {
        1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 24, 25, 34, 36, 37, 38
    };
    private static final Path SOCKET = socketPath();
    private static final SharedMemory MEMORY = SharedMemory.create("pvi-fuzz", MEMORY_BYTES, 0);
    private static final EventFd EVENT = EventFd.create();

    private final Input input;
    private final MemorySegment message = Arena.ofAuto().allocate(Message.HEADER_BYTES + Message.MAX_PAYLOAD_BYTES, 8);
    private final MemorySegment payload = message.asSlice(Message.HEADER_BYTES);
    private final MemorySegment answers = Arena.ofAuto().allocate(1 << 16, 8);
    private final MemorySegment copy = Arena.ofAuto().allocate(4096);
    private List<MappedRegion> regions = List.of();
    private boolean acknowledges;
    private boolean disconnected;

    private VhostTarget(Input input) {
        this.input = input;
        MEMORY.segment().fill((byte) 0);
    }

    private static Path socketPath() {
        try {
            Path socket = Files.createTempDirectory("pvi-fuzz").resolve("vhost.sock");
            socket.toFile().deleteOnExit();
            return socket;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the fuzzer calls. */
    public static void fuzzerTestOneInput(byte[] bytes) {
        Finding.guard(NAME, bytes, () -> {
            EVENT.drain();
            Set<String> before = openDescriptors();
            new VhostTarget(new Input(bytes)).live();
            Set<String> after = openDescriptors();
            check(after.equals(before), "descriptors before %s, after %s", before, after);
        });
    }

    private static Set<String> openDescriptors() {
        try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
            return Set.copyOf(fds.map(Path::toString).toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void live() {
        try (UnixSocket listener = UnixSocket.listenStream(SOCKET, 1);
                UnixSocket peer = UnixSocket.connectStream(SOCKET)) {
            UnixSocket served = Objects.requireNonNull(listener.accept(), "nobody connected");
            try (MessageChannel channel = new MessageChannel(served);
                    Poller poller = new Poller(8);
                    VhostSession session = new VhostSession(this, channel, poller, 0)) {
                converse(peer, channel, session);
            } catch (ProtocolException e) {
                check(e.getMessage() != null, "it does not say why");
            }
        }
        check(disconnected, "the device was not told of the end");
        deleteSocket();
    }

    private static void deleteSocket() {
        try {
            Files.deleteIfExists(SOCKET);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void converse(UnixSocket peer, MessageChannel channel, VhostSession session) {
        for (int step = 0; step < MAX_STEPS && input.hasMore() && !channel.ended(); step++) {
            if (step == 0 && input.below(8) != 0) {
                negotiate(peer, channel, session);
                continue;
            }
            switch (input.below(8)) {
                case 0 -> sendBytes(peer);
                case 1, 2 -> writeMemory();
                default -> sendMessage(peer, KNOWN[input.below(KNOWN.length)]);
            }
            serve(peer, channel, session);
        }
    }

    /** What a front-end begins with, so that most inputs get beyond it. */
    private void negotiate(UnixSocket peer, MessageChannel channel, VhostSession session) {
        payload.set(Message.U64, 0, Features.PROTOCOL);
        send(peer, SET_PROTOCOL_FEATURES, 0, 8, List.of());
        serve(peer, channel, session);
        payload.set(Message.U64, 0, Features.TRANSPORT);
        send(peer, 2, Message.NEED_REPLY, 8, List.of());
        serve(peer, channel, session);
        payload.set(Message.U64, 0, 1L);
        region(8, 0, MEMORY_BYTES, USER, 0);
        send(peer, 5, Message.NEED_REPLY, 40, List.of(MEMORY.fd()));
        serve(peer, channel, session);
        for (int[] each : new int[][] {{8, 16}, {10, 0}, {18, 1}}) {
            payload.set(Message.U32, 0, 0);
            payload.set(Message.U32, 4, each[1]);
            send(peer, each[0], Message.NEED_REPLY, 8, List.of());
            serve(peer, channel, session);
        }
    }

    private void region(long at, long guest, long bytes, long user, long offset) {
        payload.set(Message.U64, at, guest);
        payload.set(Message.U64, at + 8, bytes);
        payload.set(Message.U64, at + 16, user);
        payload.set(Message.U64, at + 24, offset);
    }

    private void sendBytes(UnixSocket peer) {
        byte[] raw = input.take(1 + input.below(64));
        trySend(peer, MemorySegment.ofArray(raw), descriptors(input.below(12)));
    }

    /** A message of the right form; sometimes with a few bytes changed, another size, other descriptors. */
    private void sendMessage(UnixSocket peer, int request) {
        payload.fill((byte) 0);
        int bytes = fill(request);
        int fds = request == 5 ? payload.get(Message.U32, 0) & 15 : takesDescriptor(request) ? 1 : 0;
        int odd = input.below(8);
        if (odd == 0) {
            bytes = input.u16() % (Message.MAX_PAYLOAD_BYTES + 1);
        } else if (odd == 1) {
            payload.set(ValueLayout.JAVA_BYTE, input.below(64), (byte) input.u8());
        } else if (odd == 2) {
            fds = input.below(12);
        }
        int flags = input.below(4) == 0 ? 0 : Message.NEED_REPLY;
        send(peer, request, flags, bytes, descriptors(fds));
    }

    private static boolean takesDescriptor(int request) {
        return request == 12 || request == 13 || request == 14 || request == 21 || request == 37;
    }

    /** Fields that make sense, mostly; how many bytes they take. */
    private int fill(int request) {
        switch (request) {
            case 2, 16 -> payload.set(Message.U64, 0, input.below(4) == 0 ? input.i64() : Features.TRANSPORT);
            case 5 -> {
                int count = input.below(4);
                payload.set(Message.U32, 0, count);
                for (int i = 0; i < count; i++) {
                    anyRegion(8 + 32L * i);
                }
                return 8 + 32 * count;
            }
            case 37, 38 -> {
                anyRegion(8);
                return 40;
            }
            case 8, 10, 11, 18 -> {
                payload.set(Message.U32, 0, input.below(8) == 0 ? input.i32() : input.below(QUEUES));
                payload.set(Message.U32, 4, (int) input.number());
            }
            case 9 -> {
                payload.set(Message.U32, 0, input.below(QUEUES));
                for (long at = 8; at < 32; at += 8) {
                    payload.set(Message.U64, at, USER + (input.below(8) == 0 ? input.number() : 64L * input.u8()));
                }
                return 40;
            }
            case 12, 13, 14 -> payload.set(Message.U64, 0, input.below(8) == 0 ? input.number() : input.below(QUEUES));
            case 24, 25 -> {
                payload.set(Message.U32, 0, input.below(8) == 0 ? input.i32() : input.below(CONFIG_BYTES));
                int size = input.below(8) == 0 ? input.i32() : input.below(CONFIG_BYTES);
                payload.set(Message.U32, 4, size);
                return 12 + (size & 0xff);
            }
            default -> {
                return 0;
            }
        }
        return 8;
    }

    private void anyRegion(long at) {
        long guest = input.below(8) == 0 ? input.number() : (long) input.below(4) * MEMORY_BYTES;
        long bytes = input.below(8) == 0 ? input.number() : 4096L << input.below(5);
        long offset = input.below(8) == 0 ? input.number() : 0;
        region(at, guest, bytes, USER + guest, offset);
    }

    private List<FileDescriptor> descriptors(int count) {
        List<FileDescriptor> fds = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            boolean memory = input.below(2) == 0;
            fds.add(memory ? MEMORY.fd() : EVENT.fd());
        }
        return fds;
    }

    private void send(UnixSocket peer, int request, int flags, int bytes, List<FileDescriptor> fds) {
        message.set(Message.U32, 0, request);
        message.set(Message.U32, 4, flags | Message.VERSION);
        message.set(Message.U32, 8, bytes);
        trySend(peer, message.asSlice(0, Message.HEADER_BYTES + bytes), fds);
    }

    private static void trySend(UnixSocket peer, MemorySegment bytes, List<FileDescriptor> fds) {
        try {
            peer.send(bytes, fds);
        } catch (NativeException e) {
            check(e.errno() == Errno.EAGAIN || e.errno() == Errno.EPIPE, "send: %s", e.getMessage());
        }
    }

    private void writeMemory() {
        byte[] raw = input.take(1 + input.below(48));
        long at = input.below(4) == 0 ? input.u16() % (MEMORY_BYTES - raw.length) : 16L * input.u8();
        MemorySegment.copy(raw, 0, MEMORY.segment(), ValueLayout.JAVA_BYTE, at, raw.length);
        EVENT.signal();
    }

    /** The service's turn, as its loop has it. */
    private void serve(UnixSocket peer, MessageChannel channel, VhostSession session) {
        int owed = 0;
        while (true) {
            try (Message next = channel.receive()) {
                if (next == null) {
                    break;
                }
                owed += handle(session, next) ? 1 : 0;
            }
        }
        for (Vring vring : session.vrings()) {
            session.openReady(vring);
            vring.serve(this);
        }
        takeAnswers(peer, owed);
        checkMemory();
    }

    /** Whether the message was owed an answer. */
    private boolean handle(VhostSession session, Message next) {
        Request request = Request.of(next.code());
        boolean asked = (next.flags() & NEED_REPLY) != 0 && acknowledges;
        long value = next.payload().byteSize() >= 8 ? next.u64(0) : 0;
        String refusal = session.handle(next);
        if (refusal == null && next.code() == SET_PROTOCOL_FEATURES) {
            acknowledges = (value & Features.PROTOCOL_REPLY_ACK) != 0;
        }
        return asked || (request != null && request.isAnswered());
    }

    private void takeAnswers(UnixSocket peer, int owed) {
        List<FileDescriptor> fds = new ArrayList<>();
        int bytes = 0;
        int got = peer.receive(answers, fds, 0);
        while (got > 0) {
            bytes += got;
            got = peer.receive(answers.asSlice(bytes), fds, 0);
        }
        int count = 0;
        for (long at = 0; at < bytes; count++) {
            check(answers.get(Message.U32, at + 4) == (Message.VERSION | Message.REPLY), "flags of an answer");
            at += Message.HEADER_BYTES + answers.get(Message.U32, at + 8);
            check(at <= bytes, "an answer is cut off");
        }
        check(count == owed, "answers=%d owed=%d", count, owed);
    }

    private void checkMemory() {
        for (MappedRegion each : regions) {
            MemorySegment memory = each.region().memory();
            check(memory.scope().isAlive(), "a region is gone and the device was not told");
            memory.get(ValueLayout.JAVA_BYTE, 0);
            memory.get(ValueLayout.JAVA_BYTE, memory.byteSize() - 1);
        }
    }

    @Override
    public long features() {
        return 0;
    }

    @Override
    public int queues() {
        return QUEUES;
    }

    @Override
    public int maxQueueSize() {
        return 64;
    }

    @Override
    public long maxRequestBytes() {
        return copy.byteSize();
    }

    @Override
    public byte[] config() {
        return new byte[CONFIG_BYTES];
    }

    @Override
    public void writeConfig(int offset, byte[] bytes) {
        check(offset >= 0 && bytes.length <= CONFIG_BYTES - offset, "config offset=%d bytes=%d", offset, bytes.length);
    }

    @Override
    public void acknowledged(long features) {
        check((features & ~Features.TRANSPORT) == 0, "features=0x%x", features);
    }

    @Override
    public void memoryChanged(List<MappedRegion> now) {
        regions = now;
    }

    @Override
    public void serve(int queue, SplitQueue requests, Chain chain) {
        for (int served = 0; served < requests.size(); served++) {
            if (requests.next(chain) != SplitQueue.Next.REQUEST) {
                return;
            }
            long bytes = Math.min(chain.readableBytes(), chain.writableBytes());
            chain.read(0, copy, 0, bytes);
            chain.write(0, copy, 0, bytes);
            requests.complete(chain.head(), bytes);
        }
    }

    @Override
    public void connected(Waker waker) {}

    @Override
    public void reset() {}

    @Override
    public void disconnected() {
        regions = List.of();
        disconnected = true;
    }
}
