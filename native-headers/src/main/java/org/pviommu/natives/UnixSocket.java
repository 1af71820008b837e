package org.pviommu.natives;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.libc.LibC;
import org.pviommu.natives.libc.sockaddr_un;
import org.pviommu.natives.libc.ucred;

/**
 * A Unix socket that carries packets with descriptors (SOCK_SEQPACKET), and never waits except where a method says so.
 *
 * <p>Made by the methods with Stream in their name it is a stream of bytes (SOCK_STREAM), as vhost-user wants it: {@link #receive}
 * then gives what has arrived so far, and the descriptors that were sent with its first byte.
 *
 * <p>Threads: any. Packets of several senders do not mix; which of several receivers gets a packet is open.
 */
public final class UnixSocket implements AutoCloseable {

    /**
     * Who connected, or listens, as the kernel recorded it at that moment.
     *
     * @param pid process number, which may have been reused since
     * @param uid effective user id
     * @param gid effective group id
     */
    public record PeerCredentials(int pid, int uid, int gid) {}

    /** One byte of sun_path is for the terminating NUL. */
    private static final int MAX_PATH_BYTES =
            (int) sockaddr_un.sun_path$layout().byteSize() - 1;

    private static final int NOTHING_THERE = -1;
    private static final int END_OF_STREAM = 0;

    private final FileDescriptor fd;

    private UnixSocket(FileDescriptor fd) {
        this.fd = fd;
    }

    /**
     * Binds a socket to the path and listens. A socket file that nobody listens on any more is removed first; between that and
     * the bind another process could do the same, so services that may start at once must agree on a lock of their own.
     * {@link #close()} leaves the file where it is.
     *
     * @param path up to 107 bytes
     * @param backlog how many connections may wait to be accepted
     * @throws IllegalArgumentException when the path is too long, or names something that is not a socket
     * @throws NativeException EADDRINUSE when somebody listens there; what bind(2) reports otherwise
     */
    public static UnixSocket listen(Path path, int backlog) {
        return listen(SocketCalls.PACKETS, path, backlog);
    }

    /** As {@link #listen}, for connections that are streams of bytes. */
    public static UnixSocket listenStream(Path path, int backlog) {
        return listen(SocketCalls.STREAM, path, backlog);
    }

    private static UnixSocket listen(int kind, Path path, int backlog) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = address(path, arena);
            removeStale(kind, path, address);
            return open(kind, number -> {
                check(SocketCalls.bind(number, address), "bind path=" + path);
                check(SocketCalls.listen(number, backlog), "listen path=" + path + " backlog=" + backlog);
            });
        }
    }

    /**
     * Connects, without waiting.
     *
     * @throws NativeException ENOENT when there is no such file, ECONNREFUSED when nobody listens, EAGAIN when too many wait to be
     *     accepted
     */
    public static UnixSocket connect(Path path) {
        return connect(SocketCalls.PACKETS, path);
    }

    /** As {@link #connect}, to a socket whose connections are streams of bytes. */
    public static UnixSocket connectStream(Path path) {
        return connect(SocketCalls.STREAM, path);
    }

    /**
     * Takes over a connected socket that came from elsewhere and makes it non-blocking. It belongs to the result from here on,
     * and is closed also when this fails.
     *
     * @throws IllegalArgumentException when it is no socket
     */
    public static UnixSocket adopt(FileDescriptor fd) {
        try {
            if (fd.kind() != FileKind.SOCKET) {
                throw new IllegalArgumentException(fd + " kind=" + fd.kind() + " expected=" + FileKind.SOCKET);
            }
            fd.setNonBlocking();
            return new UnixSocket(fd);
        } catch (RuntimeException | Error refused) {
            fd.close();
            throw refused;
        }
    }

    private static UnixSocket connect(int kind, Path path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = address(path, arena);
            return open(kind, number -> check(SocketCalls.connect(number, address), "connect path=" + path));
        }
    }

    /**
     * The next connection of a listening socket, or null when nobody waits.
     *
     * @throws NativeException EMFILE or ENFILE when descriptors have run out: the connection keeps waiting
     */
    public @Nullable UnixSocket accept() {
        int number = fd.enter();
        try {
            int accepted = SocketCalls.accept(number);
            if (accepted == -Errno.EAGAIN || accepted == -Errno.ECONNABORTED || accepted == -Errno.EINTR) {
                return null;
            }
            return new UnixSocket(FileDescriptor.adopt(check(accepted, "accept4 " + fd)));
        } finally {
            fd.exit();
        }
    }

    /** Who is at the other end. */
    public PeerCredentials peer() {
        int number = fd.enter();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment credentials = ucred.allocate(arena);
            MemorySegment lengthBytes = arena.allocateFrom(ValueLayout.JAVA_INT, (int) credentials.byteSize());
            check(
                    SocketCalls.getSocketOption(number, LibC.SO_PEERCRED(), credentials, lengthBytes),
                    "getsockopt SO_PEERCRED " + fd);
            return new PeerCredentials(ucred.pid(credentials), ucred.uid(credentials), ucred.gid(credentials));
        } finally {
            fd.exit();
        }
    }

    /**
     * Receives one packet, without waiting. An empty packet cannot be told from the end of the stream and counts as that.
     *
     * @param into where the bytes go, at most its length; untouched unless bytes are returned
     * @param fdsOut the descriptors that came along are added, closed on exec, owned by the caller
     * @param maxFds how many descriptors may come along, 0 to 253
     * @return the packet's length; 0 when the other side is gone; -1 when nothing is there
     * @throws NativeException EMSGSIZE when the packet is longer than {@code into} or brought more than {@code maxFds}
     *     descriptors: the packet is lost and none of its descriptors is left open
     */
    public int receive(MemorySegment into, List<FileDescriptor> fdsOut, int maxFds) {
        requireFdCount(maxFds);
        if (into.byteSize() == 0) {
            throw new IllegalArgumentException("into.byteSize=0 min=1");
        }
        // The kernel writes to memory of this call's own: "into" might be closed meanwhile, and the address in a msghdr
        // would
        // not keep it.
        try (Arena arena = Arena.ofConfined()) {
            Packet packet = new Packet(arena, into.byteSize(), maxFds);
            long received = receive(packet);
            if (received == NOTHING_THERE) {
                return NOTHING_THERE;
            }
            List<FileDescriptor> arrived = packet.takeDescriptors();
            if (received == END_OF_STREAM || packet.truncated() || arrived.size() > maxFds) {
                arrived.forEach(FileDescriptor::close);
                return endOrRefuse(received, into.byteSize(), maxFds);
            }
            handOut(packet, received, into, arrived, fdsOut);
            return (int) received;
        }
    }

    /**
     * Sends one packet, without waiting.
     *
     * @param packet at least one byte
     * @param fds descriptors to send along, at most 253; they stay the caller's
     * @throws NativeException EAGAIN when the other side is not keeping up (a stream then may have lost its framing), EPIPE or ECONNRESET when it is gone, EMSGSIZE when the
     *     packet is longer than the send buffer
     */
    public void send(MemorySegment packet, List<FileDescriptor> fds) {
        requireFdCount(fds.size());
        if (packet.byteSize() == 0) {
            throw new IllegalArgumentException("packet.byteSize=0 min=1");
        }
        List<FileDescriptor> entered = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            List<Integer> numbers = new ArrayList<>();
            for (FileDescriptor each : fds) {
                numbers.add(each.enter());
                entered.add(each);
            }
            Packet message = new Packet(arena, packet.byteSize(), fds.size());
            MemorySegment.copy(packet, 0, message.payload(), 0, packet.byteSize());
            message.putDescriptors(numbers);
            send(message);
        } finally {
            entered.forEach(FileDescriptor::exit);
        }
    }

    /**
     * Waits until there is something to receive or to accept, or the other side is gone. May return early without.
     *
     * @param timeoutMs 0 = do not wait, negative = wait without end
     * @return whether there was something
     */
    public boolean awaitReadable(int timeoutMs) {
        return fd.awaitEvents(LibC.POLLIN(), timeoutMs);
    }

    /** The descriptor, which stays this object's. */
    public FileDescriptor fd() {
        return fd;
    }

    /** Closes the descriptor, once. */
    @Override
    public void close() {
        fd.close();
    }

    private static void handOut(
            Packet packet,
            long received,
            MemorySegment into,
            List<FileDescriptor> arrived,
            List<FileDescriptor> fdsOut) {
        try {
            MemorySegment.copy(packet.payload(), 0, into, 0, received);
            fdsOut.addAll(arrived);
        } catch (RuntimeException | Error callersMistake) {
            // A closed segment or an immutable list must not leak what a stranger sent.
            arrived.forEach(FileDescriptor::close);
            throw callersMistake;
        }
    }

    private long receive(Packet packet) {
        int number = fd.enter();
        try {
            long received = SocketCalls.receive(number, packet.header());
            if (received == -Errno.EAGAIN || received == -Errno.EINTR) {
                return NOTHING_THERE;
            }
            // The other side closed before it had read everything we sent: gone all the same.
            return received == -Errno.ECONNRESET ? END_OF_STREAM : check(received, "recvmsg " + fd);
        } finally {
            fd.exit();
        }
    }

    private void send(Packet message) {
        int number = fd.enter();
        try {
            long sent = check(SocketCalls.send(number, message.header()), "sendmsg " + fd);
            if (sent != message.payload().byteSize()) {
                // Packets are sent whole; of a stream that the other side does not read, a part went out and it is of
                // no use.
                throw new NativeException(
                        "sendmsg " + fd + " sent=" + sent + " lengthBytes="
                                + message.payload().byteSize(),
                        Errno.EAGAIN);
            }
        } finally {
            fd.exit();
        }
    }

    private int endOrRefuse(long received, long capacityBytes, int maxFds) {
        if (received == END_OF_STREAM) {
            return END_OF_STREAM;
        }
        throw new NativeException(
                "recvmsg " + fd + " receivedBytes=" + received + " maxBytes=" + capacityBytes + " maxFds=" + maxFds,
                Errno.EMSGSIZE);
    }

    /** A step between making a socket and handing it out. */
    private interface Setup {
        void apply(int number);
    }

    private static UnixSocket open(int kind, Setup setup) {
        FileDescriptor fd = FileDescriptor.adopt(check(SocketCalls.socket(kind), "socket"));
        try {
            setup.apply(fd.value());
            return new UnixSocket(fd);
        } catch (RuntimeException | Error failure) {
            fd.close();
            throw failure;
        }
    }

    private static void removeStale(int kind, Path path, MemorySegment address) {
        try {
            Object mode = Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
            if (((int) mode & LibC.S_IFMT()) != LibC.S_IFSOCK()) {
                throw new IllegalArgumentException("path=" + path + " exists and is not a socket");
            }
            if (isListening(kind, address)) {
                throw new NativeException("listen path=" + path, Errno.EADDRINUSE);
            }
            Files.delete(path);
        } catch (NoSuchFileException alreadyGone) {
            // Nothing to remove.
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    /** Only a refused connection proves that nobody listens; whatever else the kernel says, somebody may. */
    private static boolean isListening(int kind, MemorySegment address) {
        try (FileDescriptor probe = FileDescriptor.adopt(check(SocketCalls.socket(kind), "socket"))) {
            return SocketCalls.connect(probe.value(), address) != -Errno.ECONNREFUSED;
        }
    }

    private static MemorySegment address(Path path, Arena arena) {
        byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
        if (name.length == 0 || name.length > MAX_PATH_BYTES) {
            throw new IllegalArgumentException(
                    "path=" + path + " pathBytes=" + name.length + " min=1 max=" + MAX_PATH_BYTES);
        }
        MemorySegment address = sockaddr_un.allocate(arena);
        sockaddr_un.sun_family(address, (short) LibC.AF_UNIX());
        MemorySegment.copy(MemorySegment.ofArray(name), 0, sockaddr_un.sun_path(address), 0, name.length);
        return address;
    }

    private static void requireFdCount(int count) {
        if (count < 0 || count > Packet.MAX_FDS) {
            throw new IllegalArgumentException("fds=" + count + " min=0 max=" + Packet.MAX_FDS);
        }
    }

    private static int check(int result, String call) {
        return (int) check((long) result, call);
    }

    private static long check(long result, String call) {
        if (result < 0) {
            throw new NativeException(call, (int) -result);
        }
        return result;
    }
}
