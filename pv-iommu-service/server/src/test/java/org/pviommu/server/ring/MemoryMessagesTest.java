package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.natives.Errno;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;
import org.pviommu.natives.UnixSocket;

/** A refusal of memory names why, keeps the connection, changes nothing, and leaves no descriptor behind. */
@Timeout(120)
class MemoryMessagesTest {
    private static final long MAX_LENGTH_PAGES = Long.MAX_VALUE >>> 12;

    @TempDir
    Path directory;

    private RingFixture fixture;
    private RingTestClient client;

    @BeforeEach
    void joinAsGuest() {
        fixture = new RingFixture(directory, settings -> settings.withGuestLimits(64, 4));
        client = fixture.join(7, 1);
    }

    /** Whatever the test did: the connection lives, and its end gives everything back. */
    @AfterEach
    void requireAlive() {
        assertEquals(3, client.slot(0).call(0, 1, 2));
        client.close();
        fixture.awaitConnections(0);
        assertEquals(0, fixture.server.stats().internalErrors());
        assertEquals(0, fixture.server.stats().protocolErrors());
        fixture.close();
    }

    private static SharedMemory memory(int seals) {
        return SharedMemory.create("test", 8 << 12, seals);
    }

    private void requireRefused(FileDescriptor fd, long pages, long offsetBytes, int errno, String text) {
        long before = RingFixture.openDescriptors();
        client.register(16, pages, offsetBytes, fd).requireRefusal(errno, text);
        RingFixture.awaitDescriptors(before);
        try (SharedMemory good = memory(Seals.SHRINK)) {
            assertEquals(0, client.register(16, 8, 0, good.fd()).status(), "nothing of the refused one is left");
        }
    }

    @Test
    void shouldRegisterAndTakeBackWithoutALeak() {
        try (SharedMemory memory = memory(Seals.SHRINK)) {
            long before = RingFixture.openDescriptors();
            for (int round = 0; round < 100; round++) {
                RingTestClient.Answer answer = client.register(100, 6, 2 << 12, memory.fd());
                assertEquals(0, answer.status(), answer.text());
                assertEquals("", answer.text());
                assertEquals(3, answer.request());
                assertEquals(before + 1, RingFixture.openDescriptors(), "the service holds the memfd");
                assertEquals(0, client.unregister(100, 6).status());
                RingFixture.awaitDescriptors(before);
            }
        }
    }

    static Stream<Arguments> badRanges() {
        return Stream.of(
                Arguments.of(0L, 0L, 0L, "nr_pages=0 min=1"),
                Arguments.of(0L, -1L, 0L, "nr_pages=18446744073709551615"),
                Arguments.of(0L, MAX_LENGTH_PAGES + 1, 0L, "nr_pages=2251799813685248 min=1 max=2251799813685247"),
                Arguments.of(0L, 1L << 52, 0L, "nr_pages=4503599627370496"),
                Arguments.of(-1L, 1L, 0L, "first_mfn=18446744073709551615"),
                Arguments.of(1L << 52, 1L, 0L, "first_mfn=4503599627370496 max=4503599627370495"),
                Arguments.of((1L << 52) - 1, 2L, 0L, "last frame beyond max=4503599627370495"),
                Arguments.of(0L, 1L, 1L, "fd_offset=1 not a multiple of 4096"),
                Arguments.of(0L, 1L, 4095L, "fd_offset=4095"),
                Arguments.of(0L, 1L, -4096L, "fd_offset=18446744073709547520"),
                Arguments.of(0L, 9L, 0L, "file size=32768 does not cover fd_offset=0 nr_pages=9"),
                Arguments.of(0L, 8L, 4096L, "does not cover fd_offset=4096 nr_pages=8"),
                Arguments.of(0L, 1L, 8L << 12, "does not cover"),
                Arguments.of(0L, 1L, Long.MAX_VALUE & -4096, "does not cover"),
                Arguments.of(0L, MAX_LENGTH_PAGES, 4096L, "does not cover"));
    }

    @ParameterizedTest(name = "{3}")
    @MethodSource("badRanges")
    void C09_badRangeIsRefusedBeforeMmap(long firstMfn, long pages, long offsetBytes, String text) {
        try (SharedMemory memory = memory(Seals.SHRINK)) {
            long before = RingFixture.openDescriptors();
            client.register(firstMfn, pages, offsetBytes, memory.fd()).requireRefusal(Errno.EINVAL, text);
            RingFixture.awaitDescriptors(before);
        }
    }

    @Test
    void C09_overlapIsRefused() {
        try (SharedMemory memory = memory(Seals.SHRINK)) {
            assertEquals(0, client.register(10, 8, 0, memory.fd()).status());
            long before = RingFixture.openDescriptors();
            client.register(17, 1, 0, memory.fd()).requireRefusal(Errno.EEXIST, "first_mfn=17");
            RingFixture.awaitDescriptors(before);
            assertEquals(0, client.register(18, 1, 0, memory.fd()).status());
        }
    }

    @Test
    void shouldRefuseMoreThanTheQuotaBeforeMapping() {
        long pages = TestSessions.MAX_FRAMES + 1;
        try (SharedMemory big = SharedMemory.create("test", pages << 12, Seals.SHRINK)) {
            requireRefused(big.fd(), pages, 0, Errno.ENOSPC, "nr_pages=1025 max=1024");
        }
    }

    @Test
    void shouldBoundTheNumberOfRegions() {
        try (SharedMemory memory = memory(Seals.SHRINK)) {
            for (int region = 0; region < 4; region++) {
                assertEquals(0, client.register(region, 1, 0, memory.fd()).status());
            }
            client.register(4, 1, 0, memory.fd()).requireRefusal(Errno.ENOSPC, "regions=4 max=4");
            assertEquals(0, client.unregister(2, 1).status());
            assertEquals(0, client.register(4, 1, 0, memory.fd()).status());
        }
    }

    @Test
    void C10_memfdThatCanShrinkIsRefused() {
        try (SharedMemory memory = memory(0)) {
            requireRefused(memory.fd(), 8, 0, Errno.EINVAL, "seals=0x0 lacks F_SEAL_SHRINK (0x2)");
        }
    }

    @Test
    void shouldRefuseMemoryThatCannotBeWritten() {
        try (SharedMemory memory = memory(Seals.SHRINK)) {
            memory.fd().addSeals(Seals.FUTURE_WRITE);
            requireRefused(memory.fd(), 8, 0, Errno.EPERM, "seals=0x12 forbid writing");
        }
    }

    /** What a hostile guest may find to pass; all are opened by the test and closed by the service. */
    static Stream<Arguments> wrongKinds() {
        return Stream.of(
                Arguments.of("directory", Errno.EINVAL, "file kind=DIRECTORY"),
                Arguments.of("/dev/zero", Errno.EINVAL, "file kind=CHAR_DEVICE"),
                Arguments.of("fifo", Errno.EINVAL, "file kind=FIFO"),
                Arguments.of("socket", Errno.EINVAL, "file kind=SOCKET"),
                Arguments.of("eventfd", Errno.EINVAL, "file kind=OTHER"),
                Arguments.of("regular", Errno.EINVAL, "memory is not a memfd"),
                Arguments.of("tmpfs", Errno.EINVAL, "seals=0x1 lacks F_SEAL_SHRINK"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongKinds")
    void C11_wrongKindOfFileIsRefused(String kind, int errno, String text) throws Exception {
        switch (kind) {
            case "directory" -> {
                try (FileDescriptor fd = openByPath(Path.of("/proc/self/fd"), "directory")) {
                    requireRefused(fd, 1, 0, errno, text);
                }
            }
            case "/dev/zero" -> requireFileRefused(Path.of("/dev/zero"), errno, text);
            case "fifo" -> requireFileRefused(makeFifo(), errno, text);
            case "socket" -> {
                try (UnixSocket socket = UnixSocket.connect(fixture.path)) {
                    requireRefused(socket.fd(), 1, 0, errno, text);
                }
            }
            case "eventfd" -> {
                try (EventFd eventFd = EventFd.create()) {
                    requireRefused(eventFd.fd(), 1, 0, errno, text);
                }
            }
            case "regular" -> requireFileRefused(Path.of("/proc/self/comm"), errno, text);
            default -> requireFileRefused(Files.createTempFile(Path.of("/dev/shm"), "pvi", "test"), errno, text);
        }
    }

    private Path makeFifo() throws IOException, InterruptedException {
        Path fifo = directory.resolve("fifo");
        assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
        return fifo;
    }

    private void requireFileRefused(Path path, int errno, String text) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
                FileDescriptor fd = openByPath(path, "file")) {
            assertTrue(file.getFD().valid());
            requireRefused(fd, 1, 0, errno, text);
        } finally {
            if (path.startsWith("/dev/shm")) {
                Files.delete(path);
            }
        }
    }

    @Test
    void C11_readOnlyMemfdIsRefused() throws IOException {
        try (SharedMemory memory = memory(Seals.SHRINK)) {
            Path link = Path.of("/proc/self/fd/" + memory.fd().value());
            try (FileDescriptor readOnly = OpenFiles.open(link, OpenFiles.READ_ONLY)) {
                requireRefused(readOnly, 8, 0, Errno.EACCES, "access=READ_ONLY expected=READ_WRITE");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 7, 9, -1})
    void shouldTakeBackOnlyWholeRegions(long pages) {
        try (SharedMemory memory = memory(Seals.SHRINK)) {
            assertEquals(0, client.register(10, 8, 0, memory.fd()).status());
            client.unregister(10, pages).requireRefusal(Errno.ENOENT, "first_mfn=10");
            assertEquals(0, client.unregister(10, 8).status());
        }
    }

    private static FileDescriptor openByPath(Path path, String kind) {
        return OpenFiles.open(path, kind.equals("directory") ? OpenFiles.READ_ONLY : OpenFiles.READ_WRITE);
    }
}
