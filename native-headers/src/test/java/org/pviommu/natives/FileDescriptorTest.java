package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.Closeable;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.RandomAccessFile;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.natives.libc.LibC;

class FileDescriptorTest {

    private static final int CLOSED_FD = 1_000_000;

    @TempDir
    Path folder;

    @Test
    void shouldCloseOnce() {
        FileDescriptor first = EventFd.create().fd();
        int number = first.value();

        first.close();
        assertFalse(OpenFds.isOpen(number));
        try (FileDescriptor successor = EventFd.create().fd()) {
            assertEquals(number, successor.value(), "the kernel gives out the lowest free number");
            first.close();
            assertTrue(OpenFds.isOpen(number), "closing again must not hit the successor");
        }
    }

    @Test
    void shouldRefuseUseAfterClose() {
        FileDescriptor fd = EventFd.create().fd();
        fd.close();

        assertFalse(fd.isOpen());
        List<Runnable> uses = List.of(
                fd::value,
                fd::duplicate,
                fd::release,
                fd::seals,
                () -> fd.addSeals(0),
                fd::sizeBytes,
                fd::kind,
                fd::accessMode,
                fd::inode,
                fd::device);
        uses.forEach(use -> assertThrows(IllegalStateException.class, use::run));
    }

    @Test
    void shouldStayOpenUntilCallsUnderWayReturn() {
        FileDescriptor fd = EventFd.create().fd();
        int number = fd.enter();
        fd.enter();

        fd.close();
        assertFalse(fd.isOpen());
        assertThrows(IllegalStateException.class, fd::enter);
        fd.exit();
        assertTrue(OpenFds.isOpen(number));
        fd.exit();
        assertFalse(OpenFds.isOpen(number));
    }

    @Test
    void shouldCloseOnceUnderContention() throws Exception {
        int before = OpenFds.count();
        try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
            for (int round = 0; round < 500; round++) {
                EventFd contended = EventFd.create();
                CountDownLatch start = new CountDownLatch(1);
                List<Future<?>> users = List.of(
                        threads.submit(() -> signalUntilClosed(contended, start)),
                        threads.submit(() -> signalUntilClosed(contended, start)));
                start.countDown();
                Thread.onSpinWait();
                contended.close();
                contended.close();
                for (Future<?> user : users) {
                    user.get(60, TimeUnit.SECONDS);
                }
            }
        }
        assertEquals(before, OpenFds.count());
    }

    @Test
    void shouldReportThatSomebodyElseClosedIt() {
        FileDescriptor stolen = FileDescriptor.adopt(CLOSED_FD);

        NativeException thrown = assertThrows(NativeException.class, stolen::close);

        assertEquals(Errno.EBADF, thrown.errno());
        assertFalse(stolen.isOpen());
    }

    @Test
    void shouldGiveUpOwnership() {
        FileDescriptor fd = EventFd.create().fd();
        int number = fd.release();

        fd.close();
        assertFalse(fd.isOpen());
        assertTrue(OpenFds.isOpen(number));
        FileDescriptor.adopt(number).close();
        assertFalse(OpenFds.isOpen(number));
    }

    @Test
    void shouldNotGiveUpOwnershipDuringCall() {
        try (FileDescriptor fd = EventFd.create().fd()) {
            fd.enter();

            assertThrows(IllegalStateException.class, fd::release);
            fd.exit();
            assertTrue(fd.isOpen());
        }
    }

    @Test
    void shouldDuplicate() {
        try (SharedMemory memory = SharedMemory.create("original", 8192, 0);
                FileDescriptor duplicate = memory.fd().duplicate()) {
            assertNotEquals(memory.fd().value(), duplicate.value());
            assertEquals(memory.fd().inode(), duplicate.inode());
            assertEquals(memory.fd().device(), duplicate.device());
            assertEquals(8192, duplicate.sizeBytes());
            memory.fd().close();
            assertEquals(8192, duplicate.sizeBytes());
        }
    }

    @Test
    void shouldCloseDuplicateOnExec() throws Exception {
        try (EventFd event = EventFd.create();
                FileDescriptor duplicate = event.fd().duplicate()) {
            String flags = Files.readString(Path.of("/proc/self/fdinfo/" + duplicate.value()))
                    .lines()
                    .filter(line -> line.startsWith("flags:"))
                    .findFirst()
                    .orElseThrow();
            assertNotEquals(
                    0, Integer.parseInt(flags.substring("flags:".length()).trim(), 8) & 02000000, flags);
        }
    }

    @Test
    void shouldTellIdentity() {
        try (SharedMemory one = SharedMemory.create("one", 4096, 0);
                SharedMemory other = SharedMemory.create("one", 4096, 0)) {
            assertEquals(one.fd().device(), other.fd().device());
            assertNotEquals(one.fd().inode(), other.fd().inode());
        }
    }

    @Test
    void shouldSeal() {
        try (SharedMemory memory = SharedMemory.create("sealed", 4096, Seals.SHRINK)) {
            assertEquals(Seals.SHRINK, memory.fd().seals());
            memory.fd().addSeals(Seals.GROW | Seals.SEAL);
            assertEquals(Seals.SHRINK | Seals.GROW | Seals.SEAL, memory.fd().seals());

            NativeException thrown =
                    assertThrows(NativeException.class, () -> memory.fd().addSeals(Seals.WRITE));
            assertEquals(Errno.EPERM, thrown.errno());
        }
    }

    @Test
    void shouldReportThatFileCannotBeSealed() {
        try (FileDescriptor event = EventFd.create().fd()) {
            NativeException thrown = assertThrows(NativeException.class, event::seals);

            assertEquals(Errno.EINVAL, thrown.errno());
            assertEquals("fcntl F_GET_SEALS fd=" + event.value(), thrown.call());
        }
    }

    @Test
    void C11_shouldTellKindAndAccessMode() throws Exception {
        Path file = Files.writeString(folder.resolve("file"), "content");
        Path fifo = folder.resolve("fifo");
        assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());

        assertKind(FileKind.REGULAR, AccessMode.READ_ONLY, file, new FileInputStream(file.toFile()));
        assertKind(FileKind.REGULAR, AccessMode.WRITE_ONLY, file, new FileOutputStream(file.toFile(), true));
        assertKind(FileKind.REGULAR, AccessMode.READ_WRITE, file, new RandomAccessFile(file.toFile(), "rw"));
        assertKind(FileKind.FIFO, AccessMode.READ_WRITE, fifo, new RandomAccessFile(fifo.toFile(), "rw"));
        try (DirectoryStream<Path> opened = Files.newDirectoryStream(folder)) {
            assertKind(FileKind.DIRECTORY, AccessMode.READ_ONLY, folder, opened);
        }
        Path zero = Path.of("/dev/zero");
        assertKind(FileKind.CHAR_DEVICE, AccessMode.READ_ONLY, zero, new FileInputStream(zero.toFile()));
        try (UnixSocket socket = UnixSocket.listen(folder.resolve("socket"), 1)) {
            assertEquals(FileKind.SOCKET, socket.fd().kind());
            assertEquals(AccessMode.READ_WRITE, socket.fd().accessMode());
        }
        try (EventFd event = EventFd.create()) {
            assertEquals(FileKind.OTHER, event.fd().kind());
            assertEquals(AccessMode.READ_WRITE, event.fd().accessMode());
        }
    }

    @Test
    void shouldRefuseToAdoptNegativeNumber() {
        var thrown = assertThrows(IllegalArgumentException.class, () -> FileDescriptor.adopt(-1));

        assertEquals("fd=-1 min=0", thrown.getMessage());
    }

    @Test
    void shouldBeNonBlockingAfterwards() {
        try (FileDescriptor fd = FileDescriptor.adopt(EventCalls.eventfd(0, LibC.EFD_CLOEXEC()))) {
            assertEquals(0, fd.statusFlags() & LibC.O_NONBLOCK());
            fd.setNonBlocking();
            assertNotEquals(0, fd.statusFlags() & LibC.O_NONBLOCK());
        }
    }

    private static void assertKind(FileKind kind, AccessMode mode, Path file, Closeable opened) throws Exception {
        try (opened;
                FileDescriptor fd = OpenFds.duplicateOf(file)) {
            assertEquals(kind, fd.kind(), file.toString());
            assertEquals(mode, fd.accessMode(), file.toString());
        }
    }

    /** A descriptor that is given back too early would make a signal fail with EBADF, or hit another file. */
    private static void signalUntilClosed(EventFd event, CountDownLatch start) {
        try {
            start.await();
            while (true) {
                event.signal();
            }
        } catch (IllegalStateException closed) {
            // The end that is wanted.
        } catch (InterruptedException abandoned) {
            throw new AssertionError(abandoned);
        }
    }
}
