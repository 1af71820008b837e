package org.pviommu.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceFileTest {

    /** FIONREAD: how many bytes can be read; every file system knows it. */
    private static final int FIONREAD = 0x541B;
    /** A number that no driver of a plain file knows. */
    private static final int NO_REQUEST = 0x3bff;

    @TempDir
    private Path folder;

    private DeviceFile openFile(int sizeBytes) throws Exception {
        return DeviceFile.open(
                Files.write(folder.resolve("file"), new byte[sizeBytes]).toString());
    }

    @Test
    void shouldSayWhatCannotBeOpened() {
        NativeException missing = assertThrows(
                NativeException.class,
                () -> DeviceFile.open(folder.resolve("none").toString()));

        assertEquals(Errno.ENOENT, missing.errno());
        assertTrue(missing.call().contains("none"), missing.call());
    }

    @Test
    void shouldPassTheAddressOfAStructure() throws Exception {
        try (DeviceFile file = openFile(77);
                Arena arena = Arena.ofConfined()) {
            MemorySegment answer = arena.allocate(ValueLayout.JAVA_INT);

            assertEquals(0, file.ioctl(FIONREAD, answer));

            assertEquals(77, answer.get(ValueLayout.JAVA_INT, 0));
        }
    }

    @Test
    void shouldReturnErrnoNegated() throws Exception {
        try (DeviceFile file = openFile(1)) {
            assertEquals(-Errno.ENOTTY, file.ioctl(NO_REQUEST, 0));
            assertEquals(-Errno.ENOTTY, file.ioctl(NO_REQUEST, MemorySegment.NULL));
            assertEquals(-Errno.EFAULT, file.ioctl(FIONREAD, 8));
        }
    }

    @Test
    void shouldReadAndWriteAtAPlace() throws Exception {
        try (DeviceFile file = openFile(16);
                Arena arena = Arena.ofConfined()) {
            MemorySegment word = arena.allocate(ValueLayout.JAVA_LONG);
            word.set(ValueLayout.JAVA_LONG, 0, 0x1122_3344_5566_7788L);

            assertEquals(8, file.write(word, 8));
            word.fill((byte) 0);
            assertEquals(8, file.read(word, 8));
            assertEquals(0x1122_3344_5566_7788L, word.get(ValueLayout.JAVA_LONG, 0));
            assertEquals(0, file.read(word, 16));
            assertEquals(-22, file.read(word, -1));
        }
    }

    @Test
    void shouldMapAPart() throws Exception {
        try (DeviceFile file = openFile(8192);
                Arena arena = Arena.ofConfined()) {
            MemorySegment page = file.map(4096, 4096, arena);
            page.set(ValueLayout.JAVA_BYTE, 0, (byte) 7);

            assertEquals(4096, page.byteSize());
            assertEquals(7, Files.readAllBytes(folder.resolve("file"))[4096]);
        }
    }

    @Test
    void shouldRefuseUseAfterClose() throws Exception {
        DeviceFile file = openFile(1);
        file.close();
        file.close();

        assertFalse(file.descriptor().isOpen());
        assertThrows(IllegalStateException.class, () -> file.ioctl(FIONREAD, 0));
    }

    /** The calls that program the IOMMU are on the busiest path there is. */
    @Test
    void shouldAllocateNothingPerIoctl() throws Exception {
        try (DeviceFile file = openFile(1)) {
            MemorySegment answer = Arena.ofAuto().allocate(ValueLayout.JAVA_INT);
            AllocatedBytes.assertNone(() -> file.ioctl(FIONREAD, answer));
        }
    }
}
