package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixStreamTest {
    private final Path path;
    private final UnixSocket listener;
    private final UnixSocket client;
    private final UnixSocket server;
    private final List<FileDescriptor> arrived = new ArrayList<>();
    private final byte[] into = new byte[64];

    UnixStreamTest(@TempDir Path folder) {
        path = folder.resolve("stream");
        listener = UnixSocket.listenStream(path, 2);
        client = UnixSocket.connectStream(path);
        server = Objects.requireNonNull(listener.accept());
    }

    @AfterEach
    void closeAll() {
        arrived.forEach(FileDescriptor::close);
        server.close();
        client.close();
        listener.close();
    }

    private int receive(int bytes) {
        return server.receive(MemorySegment.ofArray(into).asSlice(0, bytes), arrived, 4);
    }

    @Test
    void shouldCarryBytesWithoutBoundaries() {
        assertEquals(-1, receive(10));
        client.send(MemorySegment.ofArray(new byte[] {1, 2, 3}), List.of());
        client.send(MemorySegment.ofArray(new byte[] {4, 5}), List.of());
        assertEquals(2, receive(2));
        assertEquals(1, into[0]);
        assertEquals(3, receive(10));
        assertArrayEquals(new byte[] {3, 4, 5}, Arrays.copyOf(into, 3));
        client.close();
        assertEquals(0, receive(10));
    }

    @Test
    void shouldCarryDescriptorsWithTheFirstByte() {
        try (EventFd event = EventFd.create()) {
            client.send(MemorySegment.ofArray(new byte[8]), List.of(event.fd(), event.fd()));
            assertEquals(1, receive(1));
            assertEquals(2, arrived.size());
            assertEquals(7, receive(10));
            assertEquals(2, arrived.size());
            client.send(
                    MemorySegment.ofArray(new byte[1]),
                    Arrays.asList(new FileDescriptor[] {event.fd(), event.fd(), event.fd(), event.fd(), event.fd()}));
            int before = OpenFds.count();
            assertEquals(
                    Errno.EMSGSIZE,
                    assertThrows(NativeException.class, () -> receive(1)).errno());
            assertEquals(before, OpenFds.count());
        }
    }

    @Test
    void shouldSayThatThePeerDoesNotRead() {
        MemorySegment much = MemorySegment.ofArray(new byte[1 << 16]);
        NativeException full = assertThrows(NativeException.class, () -> {
            for (int i = 0; i < 10_000; i++) {
                client.send(much, List.of());
            }
        });
        assertEquals(Errno.EAGAIN, full.errno());
    }

    @Test
    void shouldTakeOverASocketAndNothingElse() {
        try (UnixSocket adopted = UnixSocket.adopt(client.fd().duplicate());
                EventFd event = EventFd.create()) {
            adopted.send(MemorySegment.ofArray(new byte[] {9}), List.of());
            assertEquals(1, receive(1));
            FileDescriptor other = event.fd().duplicate();
            assertThrows(IllegalArgumentException.class, () -> UnixSocket.adopt(other));
            assertFalse(other.isOpen());
        }
    }

    @Test
    void shouldNotMixWithPackets() {
        NativeException kind = assertThrows(NativeException.class, () -> UnixSocket.connect(path));
        assertEquals(Errno.EPROTOTYPE, kind.errno());
    }
}
