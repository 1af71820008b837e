package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.FileInputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SharedMemoryTest {

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

    @Test
    void shouldShareBytesBetweenMappings() {
        try (SharedMemory ours = SharedMemory.create("ours", 3 * 4096, Seals.SHRINK);
                SharedMemory theirs = SharedMemory.map(ours.fd().duplicate(), 4096, 8192)) {
            ours.segment().set(LONG, 4096 + 8, 42);
            theirs.segment().set(LONG, 8184, 43);

            assertEquals(42, theirs.segment().get(LONG, 8));
            assertEquals(43, ours.segment().get(LONG, 3 * 4096 - 8));
            assertEquals(4096, theirs.offsetBytes());
            assertEquals(8192, theirs.sizeBytes());
            assertThrows(IndexOutOfBoundsException.class, () -> theirs.segment().get(LONG, 8192));
        }
    }

    @Test
    void shouldStartWithZeroes() {
        try (SharedMemory memory = SharedMemory.create("zeroes", 10_000, 0)) {
            assertEquals(10_000, memory.sizeBytes());
            assertEquals(10_000, memory.fd().sizeBytes());
            assertEquals(-1, memory.segment().mismatch(MemorySegment.ofArray(new byte[10_000])));
        }
    }

    @Test
    void shouldRefuseTruncationOfSealedMemory() {
        try (SharedMemory memory = SharedMemory.create("sealed", 8192, Seals.SHRINK | Seals.GROW | Seals.SEAL)) {
            int number = memory.fd().value();

            assertEquals(-Errno.EPERM, MemoryCalls.ftruncate(number, 4096));
            assertEquals(-Errno.EPERM, MemoryCalls.ftruncate(number, 12288));
            assertEquals(0, memory.segment().get(LONG, 8184));
        }
    }

    @Test
    void C10_truncationUnderTheMappingIsAnInternalError() {
        try (SharedMemory memory = SharedMemory.create("unsealed", 8192, 0)) {
            memory.segment().set(LONG, 4096, 1);
            assertEquals(0, MemoryCalls.ftruncate(memory.fd().value(), 4096));

            assertThrows(InternalError.class, () -> memory.segment().get(LONG, 4096));
            assertThrows(InternalError.class, () -> memory.segment().set(LONG, 4096, 2));
            byte[] copy = new byte[8192];
            assertThrows(
                    InternalError.class,
                    () -> MemorySegment.copy(memory.segment(), ValueLayout.JAVA_BYTE, 0, copy, 0, copy.length));

            memory.segment().set(LONG, 0, 3);
            assertEquals(3, memory.segment().get(LONG, 0), "what is left of the file is still there");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "0, -1",
        "0, 8193",
        "4096, 4097",
        "8192, 1",
        "1, 4096",
        "2048, 2048",
        "-4096, 4096",
        "9223372036854771712, 4096",
        "4096, 9223372036854775807",
        "0, 140737488355329",
        "9223372036854771712, 9223372036854775807"
    })
    void C09_partThatIsNotInTheFileIsRefused(long offsetBytes, long sizeBytes) {
        int before = OpenFds.count();
        try (SharedMemory memory = SharedMemory.create("file", 8192, 0)) {
            FileDescriptor fd = memory.fd().duplicate();

            var thrown =
                    assertThrows(IllegalArgumentException.class, () -> SharedMemory.map(fd, offsetBytes, sizeBytes));

            assertTrue(
                    thrown.toString().contains("=" + offsetBytes)
                            || thrown.toString().contains("=" + sizeBytes),
                    thrown.getMessage());
            assertFalse(fd.isOpen(), "a refused descriptor is closed");
        }
        assertEquals(before, OpenFds.count());
    }

    @Test
    void C11_eventCounterIsRefused() {
        FileDescriptor event = EventFd.create().fd();

        assertThrows(IllegalArgumentException.class, () -> SharedMemory.map(event, 0, 4096));
        assertFalse(event.isOpen());
    }

    @Test
    void C11_readOnlyFileIsRefused(@TempDir Path folder) throws Exception {
        Path file = Files.write(folder.resolve("file"), new byte[4096]);
        try (FileInputStream opened = new FileInputStream(file.toFile())) {
            FileDescriptor fd = OpenFds.duplicateOf(file);

            NativeException thrown = assertThrows(NativeException.class, () -> SharedMemory.map(fd, 0, 4096));

            assertEquals(Errno.EACCES, thrown.errno());
            assertFalse(fd.isOpen());
            assertEquals(4096, opened.available());
        }
    }

    @Test
    void shouldRefuseToMapClosedDescriptor() {
        FileDescriptor fd = EventFd.create().fd();
        fd.close();

        assertThrows(IllegalStateException.class, () -> SharedMemory.map(fd, 0, 4096));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "-1, 0", "4096, 8", "4096, 16", "140737488355329, 0"})
    void shouldRefuseToCreateWhatCannotBe(long sizeBytes, int seals) {
        int before = OpenFds.count();

        assertThrows(IllegalArgumentException.class, () -> SharedMemory.create("impossible", sizeBytes, seals));
        assertEquals(before, OpenFds.count());
    }

    @Test
    void shouldLeaveNothingBehindWhenKernelRefuses() {
        int before = OpenFds.count();
        int unknownSeal = 0x4000_0000;

        NativeException seal =
                assertThrows(NativeException.class, () -> SharedMemory.create("seal", 4096, unknownSeal));
        NativeException name = assertThrows(NativeException.class, () -> SharedMemory.create("x".repeat(250), 4096, 0));

        assertEquals(Errno.EINVAL, seal.errno());
        assertEquals(Errno.EINVAL, name.errno());
        assertEquals(before, OpenFds.count());
    }

    @Test
    void shouldUnmapAndCloseOnce() throws Exception {
        SharedMemory memory = SharedMemory.create("closing", 4096, 0);
        int number = memory.fd().value();
        assertTrue(mapped("memfd:closing"));

        memory.close();
        memory.close();

        assertFalse(mapped("memfd:closing"));
        assertFalse(OpenFds.isOpen(number));
        assertThrows(IllegalStateException.class, () -> memory.segment().get(LONG, 0));
    }

    @Test
    void shouldStayMappedWhileCallUsesIt() throws Exception {
        SharedMemory memory = SharedMemory.create("in use", 4096, 0);
        UsedSegment used = UsedSegment.of(memory.segment());

        assertThrows(IllegalStateException.class, memory::close);
        memory.segment().set(LONG, 8, 1);
        assertTrue(memory.fd().isOpen());

        used.finish();
        memory.close();
        assertFalse(memory.fd().isOpen());
    }

    @Test
    void shouldMapLastPartialPage() {
        try (SharedMemory file = SharedMemory.create("partial", 5000, 0);
                SharedMemory tail = SharedMemory.map(file.fd().duplicate(), 4096, 904);
                Arena arena = Arena.ofConfined()) {
            file.segment().set(ValueLayout.JAVA_BYTE, 4999, (byte) 7);

            assertEquals(7, tail.segment().get(ValueLayout.JAVA_BYTE, 903));
            assertEquals(904, arena.allocate(904).copyFrom(tail.segment()).byteSize());
        }
    }

    private static boolean mapped(String name) throws Exception {
        return Files.readString(Path.of("/proc/self/maps")).contains(name);
    }
}
