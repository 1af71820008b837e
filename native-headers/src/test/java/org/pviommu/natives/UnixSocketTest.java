package org.pviommu.natives;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.natives.libc.LibC;

class UnixSocketTest {

    private static final int GUARD_MS = 60_000;
    private static final int CAPACITY_BYTES = 512;
    private static final byte UNTOUCHED = 0x55;

    private final Path folder;
    private final Path path;
    private final List<FileDescriptor> arrived = new ArrayList<>();
    private final MemorySegment into = MemorySegment.ofArray(new byte[CAPACITY_BYTES]);
    private UnixSocket listener;
    private final UnixSocket client;
    private final UnixSocket server;
    private final int openBefore;

    UnixSocketTest(@TempDir Path folder) {
        this.folder = folder;
        path = folder.resolve("socket");
        listener = UnixSocket.listen(path, 2);
        client = UnixSocket.connect(path);
        server = Objects.requireNonNull(listener.accept());
        into.fill(UNTOUCHED);
        openBefore = OpenFds.count();
    }

    @AfterEach
    void closeAll() {
        arrived.forEach(FileDescriptor::close);
        server.close();
        client.close();
        listener.close();
    }

    @Test
    void shouldCarryPackets() {
        assertEquals(-1, server.receive(into, arrived, 0));
        client.send(packet("first"), List.of());
        client.send(packet("second"), List.of());

        assertEquals("first", received(server, 0));
        assertEquals("second", received(server, 0));
        assertEquals(-1, server.receive(into, arrived, 0));
        server.send(packet("answer"), List.of());
        assertEquals("answer", received(client, 0));
    }

    @Test
    void shouldCarryDescriptors() {
        try (EventFd event = EventFd.create();
                SharedMemory memory = SharedMemory.create("carried", 8192, Seals.SHRINK)) {
            client.send(packet("fds"), List.of(event.fd(), memory.fd()));

            assertEquals("fds", received(server, 2));

            assertEquals(2, arrived.size());
            EventFd theirs = EventFd.adopt(arrived.get(0));
            theirs.signal();
            assertTrue(event.drain());
            assertEquals(memory.fd().inode(), arrived.get(1).inode());
            assertTrue(event.fd().isOpen(), "what was sent stays the sender's");
        }
    }

    @Test
    void shouldCloseReceivedDescriptorsOnExec() throws Exception {
        client.send(packet("fd"), List.of(client.fd()));
        assertEquals("fd", received(server, 1));

        String info =
                Files.readString(Path.of("/proc/self/fdinfo/" + arrived.get(0).value()));
        String flags = info.lines()
                .filter(line -> line.startsWith("flags:"))
                .findFirst()
                .orElseThrow();
        assertNotEquals(0, Integer.parseInt(flags.substring(6).trim(), 8) & 02000000, flags);
    }

    @Test
    void shouldCarryAsManyDescriptorsAsTheKernelAllows() {
        List<FileDescriptor> many = copies(253);
        client.send(packet("many"), many);

        assertEquals("many", received(server, 253));

        assertEquals(253, arrived.size());
        arrived.forEach(FileDescriptor::close);
        assertEquals(openBefore, OpenFds.count());
    }

    @ParameterizedTest
    @CsvSource({"1, 0", "3, 2", "8, 7", "253, 1", "253, 252"})
    void C06_C07_moreDescriptorsThanAllowedAreAllClosed(int sent, int maxFds) {
        client.send(packet("too many"), copies(sent));
        client.send(packet("next"), List.of());

        NativeException thrown = assertThrows(NativeException.class, () -> server.receive(into, arrived, maxFds));

        assertEquals(Errno.EMSGSIZE, thrown.errno());
        assertTrue(thrown.call().endsWith(" receivedBytes=8 maxBytes=512 maxFds=" + maxFds), thrown.call());
        assertEquals(List.of(), arrived);
        assertEquals(openBefore, OpenFds.count());
        assertEquals(UNTOUCHED, into.get(ValueLayout.JAVA_BYTE, 0));
        assertEquals("next", received(server, 0));
    }

    @Test
    void shouldRefusePacketThatIsTooLongAndCloseItsDescriptors() {
        client.send(MemorySegment.ofArray(new byte[CAPACITY_BYTES + 1]), copies(2));

        NativeException thrown = assertThrows(NativeException.class, () -> server.receive(into, arrived, 4));

        assertEquals(Errno.EMSGSIZE, thrown.errno());
        assertEquals(openBefore, OpenFds.count());
        assertEquals(UNTOUCHED, into.get(ValueLayout.JAVA_BYTE, 0));
    }

    @Test
    void C05_descriptorsOfAnEmptyPacketAreClosed() {
        try (Arena arena = Arena.ofConfined();
                FileDescriptor event = EventFd.create().fd()) {
            Packet empty = new Packet(arena, 0, 1);
            empty.putDescriptors(List.of(event.value()));
            assertEquals(0, SocketCalls.send(client.fd().value(), empty.header()));
        }

        assertEquals(0, server.receive(into, arrived, 4), "not to be told from the end of the stream");
        assertEquals(List.of(), arrived);
        assertEquals(openBefore, OpenFds.count());
    }

    @Test
    void shouldCloseDescriptorsThatCannotBeHandedOut() {
        client.send(packet("one"), copies(1));
        client.send(packet("two"), copies(1));
        Arena arena = Arena.ofConfined();
        MemorySegment closed = arena.allocate(CAPACITY_BYTES);
        arena.close();

        assertThrows(IllegalStateException.class, () -> server.receive(closed, arrived, 1));
        assertThrows(UnsupportedOperationException.class, () -> server.receive(into, List.of(), 1));
        assertEquals(List.of(), arrived);
        assertEquals(openBefore, OpenFds.count());
    }

    @Test
    void shouldReportEndOfStream() {
        client.send(packet("last"), List.of());
        client.close();

        assertEquals("last", received(server, 0));
        assertEquals(0, server.receive(into, arrived, 0));
        assertEquals(0, server.receive(into, arrived, 0));
    }

    @Test
    void shouldReportEndOfStreamWhenPeerLeftPacketsUnread() {
        server.send(packet("never read"), List.of());
        client.close();

        assertEquals(0, server.receive(into, arrived, 0));
    }

    @Test
    void shouldReportThatPeerIsGone() {
        client.close();

        NativeException thrown = assertThrows(NativeException.class, () -> server.send(packet("lost"), List.of()));

        assertEquals(Errno.EPIPE, thrown.errno());
    }

    @Test
    void shouldNotWaitForPeerThatDoesNotRead() {
        int limit = 100_000;

        NativeException thrown = assertThrows(NativeException.class, () -> {
            for (int i = 0; i < limit; i++) {
                client.send(packet("flood"), List.of());
            }
        });

        assertEquals(Errno.EAGAIN, thrown.errno());
        assertEquals("flood", received(server, 0));
    }

    @Test
    void C22_peerIsKnownBeforeTheFirstByte() {
        var expected = new UnixSocket.PeerCredentials(Natives.pid(), Natives.uid(), Natives.gid());

        assertEquals(expected, server.peer());
        assertEquals(expected, client.peer());
    }

    @Test
    void shouldAcceptNobodyWhenNobodyWaits() {
        assertNull(listener.accept());
    }

    @Test
    void shouldWaitUntilReadable() {
        assertFalse(server.awaitReadable(0));
        client.send(packet("now"), List.of());
        assertTrue(server.awaitReadable(GUARD_MS));
        assertFalse(listener.awaitReadable(0));
        try (UnixSocket another = UnixSocket.connect(path)) {
            assertTrue(listener.awaitReadable(GUARD_MS));
            assertTrue(another.fd().isOpen());
        }
    }

    @Test
    void shouldReplaceSocketThatNobodyListensOn() {
        listener.close();
        assertTrue(Files.exists(path), "closing leaves the file");

        listener = UnixSocket.listen(path, 1);
        try (UnixSocket another = UnixSocket.connect(path)) {
            assertEquals(Natives.pid(), another.peer().pid());
        }
    }

    @Test
    void shouldNotReplaceSocketThatSomebodyListensOn() {
        NativeException thrown = assertThrows(NativeException.class, () -> UnixSocket.listen(path, 1));

        assertEquals(Errno.EADDRINUSE, thrown.errno());
        assertEquals("listen path=" + path, thrown.call());
        UnixSocket.connect(path).close();
    }

    @Test
    void shouldNotReplaceSocketWhoseQueueIsFull() {
        Path busy = folder.resolve("busy");
        List<UnixSocket> waiting = new ArrayList<>();
        try (UnixSocket full = UnixSocket.listen(busy, 0)) {
            NativeException refused = assertThrows(NativeException.class, () -> {
                for (int i = 0; i < 100; i++) {
                    waiting.add(UnixSocket.connect(busy));
                }
            });
            assertEquals(Errno.EAGAIN, refused.errno());

            assertThrows(NativeException.class, () -> UnixSocket.listen(busy, 1));
            assertTrue(full.awaitReadable(0));
            assertTrue(Files.exists(busy));
        } finally {
            waiting.forEach(UnixSocket::close);
        }
    }

    @Test
    void shouldNotReplaceWhatIsNoSocket() throws Exception {
        Path file = Files.writeString(folder.resolve("file"), "precious");
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("stale"));
        UnixSocket.listen(folder.resolve("stale"), 1).close();

        for (Path other : List.of(file, link, folder)) {
            var thrown = assertThrows(IllegalArgumentException.class, () -> UnixSocket.listen(other, 1));
            assertEquals("path=" + other + " exists and is not a socket", thrown.getMessage());
        }
        assertEquals("precious", Files.readString(file));
        assertTrue(Files.isSymbolicLink(link));
        assertTrue(Files.exists(folder.resolve("stale")));
    }

    @Test
    void shouldReportThatNobodyListens() {
        listener.close();
        int before = OpenFds.count();

        NativeException refused = assertThrows(NativeException.class, () -> UnixSocket.connect(path));
        Path missing = folder.resolve("missing");
        NativeException absent = assertThrows(NativeException.class, () -> UnixSocket.connect(missing));

        assertEquals(Errno.ECONNREFUSED, refused.errno());
        assertEquals("connect path=" + missing + ": No such file or directory (errno=2 ENOENT)", absent.getMessage());
        assertEquals(before, OpenFds.count());
    }

    @Test
    void shouldAcceptLongestPathAndRefuseLonger() {
        Path base = folder.toAbsolutePath();
        int room = 107 - base.toString().getBytes(UTF_8).length - 1;
        Path longest = base.resolve("x".repeat(room));
        Path tooLong = base.resolve("é" + "x".repeat(room - 1));

        UnixSocket.listen(longest, 1).close();
        var thrown = assertThrows(IllegalArgumentException.class, () -> UnixSocket.listen(tooLong, 1));

        assertTrue(thrown.toString().endsWith("pathBytes=108 min=1 max=107"), thrown.getMessage());
        assertThrows(IllegalArgumentException.class, () -> UnixSocket.connect(tooLong));
        assertThrows(IllegalArgumentException.class, () -> UnixSocket.connect(Path.of("")));
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 254})
    void shouldBoundNumberOfDescriptors(int maxFds) {
        var thrown = assertThrows(IllegalArgumentException.class, () -> server.receive(into, arrived, maxFds));

        assertEquals("fds=" + maxFds + " min=0 max=253", thrown.getMessage());
        assertThrows(IllegalArgumentException.class, () -> client.send(packet("too many"), copies(254)));
    }

    @Test
    void shouldRefuseEmptyBuffers() {
        MemorySegment empty = MemorySegment.ofArray(new byte[0]);

        assertThrows(IllegalArgumentException.class, () -> server.receive(empty, arrived, 0));
        assertThrows(IllegalArgumentException.class, () -> client.send(empty, List.of()));
    }

    @Test
    void shouldNotSendClosedDescriptor() {
        try (EventFd open = EventFd.create()) {
            EventFd closed = EventFd.create();
            closed.close();

            assertThrows(
                    IllegalStateException.class, () -> client.send(packet("closed"), List.of(open.fd(), closed.fd())));
            assertEquals(-1, server.receive(into, arrived, 2));
            int released = open.fd().release();
            FileDescriptor.adopt(released).close();
        }
    }

    @Test
    void shouldRefuseUseAfterClose() {
        int number = client.fd().value();
        client.close();
        client.close();
        listener.close();

        assertFalse(OpenFds.isOpen(number));
        assertThrows(IllegalStateException.class, () -> client.send(packet("late"), List.of()));
        assertThrows(IllegalStateException.class, () -> client.receive(into, arrived, 0));
        assertThrows(IllegalStateException.class, () -> client.peer());
        assertThrows(IllegalStateException.class, () -> client.awaitReadable(0));
        assertThrows(IllegalStateException.class, () -> listener.accept());
    }

    @Test
    void shouldMakeSocketsNonBlocking() {
        for (UnixSocket socket : List.of(listener, client, server)) {
            assertNotEquals(0, socket.fd().statusFlags() & LibC.O_NONBLOCK());
        }
    }

    private String received(UnixSocket socket, int maxFds) {
        int lengthBytes = socket.receive(into, arrived, maxFds);
        assertTrue(lengthBytes > 0, "lengthBytes=" + lengthBytes);
        return new String(into.asSlice(0, lengthBytes).toArray(ValueLayout.JAVA_BYTE), UTF_8);
    }

    /** The same descriptor many times over: every one that arrives is a new one. */
    private List<FileDescriptor> copies(int count) {
        return IntStream.range(0, count).mapToObj(i -> client.fd()).toList();
    }

    private static MemorySegment packet(String text) {
        return MemorySegment.ofArray(text.getBytes(UTF_8));
    }
}
