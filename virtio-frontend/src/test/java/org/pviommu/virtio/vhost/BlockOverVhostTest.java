package org.pviommu.virtio.vhost;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.engine.Access;
import org.pviommu.virtio.block.BlockDevice;
import org.pviommu.virtio.block.BlockSettings;
import org.pviommu.virtio.block.TestTranslation;
import org.pviommu.virtio.memory.MemoryOwner;
import org.pviommu.virtio.queue.DriverRing;
import org.pviommu.virtio.queue.RingAddresses;

/** The block device as a virtual machine monitor without an IOMMU of its own drives it. */
@Timeout(120) // only a hang guard
class BlockOverVhostTest {
    /** A second region of the table, which holds nothing: bus addresses lie in it. */
    private static final long WINDOW = 0x1_0000_0000L;

    private static final long WINDOW_USER = 0x7e00_0000_0000L;
    private static final long HEADER = 0x4000;
    private static final long STATUS = 0x5000;
    private static final int DISK_BYTES = 1 << 20;

    private final TestTranslation translation = new TestTranslation();
    private final List<String> faults = new CopyOnWriteArrayList<>();
    private final byte[] content = new byte[DISK_BYTES];
    private final BlockDevice device;
    private final VhostServer server;
    private final Path folder;
    private FrontEnd frontEnd;

    BlockOverVhostTest(@TempDir Path folder) throws IOException {
        this.folder = folder;
        Path image = folder.resolve("disk");
        new Random(2).nextBytes(content);
        Files.write(image, content);
        device = new BlockDevice(
                new BlockSettings(image, false, "", 1),
                0x18,
                () -> translation,
                MemoryOwner.none(),
                (endpoint, iova, write) -> faults.add(Long.toHexString(iova)));
        int uid = (int) Files.getAttribute(folder, "unix:uid");
        VhostSettings settings =
                new VhostSettings(folder.resolve("socket"), Set.of(uid), Set.of(), FrontEnd.GUARD_MS, 0);
        server = new VhostServer(device, settings, new VhostLog() {
            @Override
            public void info(String message) {}

            @Override
            public void warning(String message) {}

            @Override
            public void error(String message, Throwable cause) {
                throw new AssertionError(message, cause);
            }
        });
        frontEnd = new FrontEnd(folder.resolve("socket"));
    }

    @AfterEach
    void closeAll() {
        frontEnd.close();
        server.close();
        device.close();
        assertEquals(0, server.counters().internalErrors());
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long endNs = System.nanoTime() + FrontEnd.GUARD_MS * 1_000_000L;
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < endNs, what);
            Thread.sleep(1);
        }
    }

    /** Bus addresses in the window lead to the same offset in memory. */
    private void map() {
        translation.map(WINDOW, FrontEnd.MEMORY_BYTES, 0, Access.READ_WRITE);
    }

    private void start() {
        frontEnd.negotiate(~Features.ACCESS_PLATFORM); // as QEMU strips it
        assertTrue(frontEnd.ask(
                5,
                FrontEnd.table(
                        0,
                        FrontEnd.MEMORY_BYTES / 2,
                        FrontEnd.USER,
                        0,
                        WINDOW,
                        FrontEnd.MEMORY_BYTES / 2,
                        WINDOW_USER,
                        FrontEnd.MEMORY_BYTES / 2),
                frontEnd.memory.fd(),
                frontEnd.memory.fd()));
        RingAddresses at = frontEnd.ring.addresses(WINDOW_USER);
        assertTrue(frontEnd.ask(8, FrontEnd.state(0, FrontEnd.QUEUE_SIZE)));
        assertTrue(frontEnd.ask(10, FrontEnd.state(0, 0)));
        assertTrue(frontEnd.ask(9, FrontEnd.words(0, at.descriptors(), at.used(), at.available(), 0)));
        assertTrue(frontEnd.ask(12, FrontEnd.words(0), frontEnd.kick.fd()));
        assertTrue(frontEnd.ask(13, FrontEnd.words(0), frontEnd.call.fd()));
        assertTrue(frontEnd.ask(14, FrontEnd.words(0), frontEnd.error.fd()));
        assertTrue(frontEnd.ask(18, FrontEnd.state(0, 1)));
    }

    private void offerRead(int sector) {
        frontEnd.memory.segment().set(ValueLayout.JAVA_INT, HEADER, 0);
        frontEnd.memory.segment().set(ValueLayout.JAVA_LONG, HEADER + 8, sector);
        frontEnd.memory.segment().set(ValueLayout.JAVA_BYTE, STATUS, (byte) 0x55);
        frontEnd.ring.descriptor(0, WINDOW + HEADER, 16, DriverRing.NEXT, 1);
        frontEnd.ring.descriptor(1, WINDOW + 0x6000, 8192, DriverRing.NEXT | DriverRing.WRITE, 2);
        frontEnd.ring.descriptor(2, WINDOW + STATUS, 1, DriverRing.WRITE, 0);
        frontEnd.ring.offer(0);
        frontEnd.kick.signal();
    }

    private void awaitRead(int sector) throws InterruptedException {
        await("no answer", frontEnd.ring::hasUsed);
        assertEquals(8193L << 32, frontEnd.ring.takeUsed());
        assertEquals(0, frontEnd.memory.segment().get(ValueLayout.JAVA_BYTE, STATUS));
        byte[] seen = frontEnd.memory.segment().asSlice(0x6000, 8192).toArray(ValueLayout.JAVA_BYTE);
        assertArrayEquals(Arrays.copyOfRange(content, sector * 512, sector * 512 + 8192), seen);
    }

    @Test
    void shouldServeADiskWhoseRingsAreTranslated() throws InterruptedException {
        map();
        start();
        for (int sector = 0; sector < 500; sector++) {
            offerRead(sector);
            awaitRead(sector);
        }
        assertEquals(500 * (16L + 8193), device.counters().bytesTranslated());
        assertTrue(faults.isEmpty());
    }

    @Test
    void shouldShowItsConfigurationAsFarAsAFrontEndAsks() {
        frontEnd.negotiate(-1L);
        for (int bytes : new int[] {36, 48, 57, 60, 72, 96}) {
            byte[] request = new byte[12 + bytes];
            ByteBuffer.wrap(request).order(ByteOrder.LITTLE_ENDIAN).putInt(4, bytes);
            frontEnd.send(24, 0, request);
            byte[] answer = frontEnd.answer();
            assertEquals(12 + bytes, answer.length);
            assertEquals(
                    DISK_BYTES / 512,
                    ByteBuffer.wrap(answer).order(ByteOrder.LITTLE_ENDIAN).getLong(12));
        }
    }

    @Test
    void shouldOpenTheQueueWhenItsRingComesIntoReach() throws InterruptedException {
        start();
        offerRead(3);
        await("its owner does not hear of it", frontEnd.error::drain);
        assertEquals(List.of("100000000"), faults);
        map();
        frontEnd.kick.signal();
        awaitRead(3);
    }

    @Test
    void shouldGoOnAfterTheRingWasOutOfReach() throws InterruptedException {
        map();
        start();
        for (int round = 0; round < 20; round++) {
            offerRead(round);
            awaitRead(round);
            translation.unmap(WINDOW);
            long stopped = server.counters().stoppedQueues();
            offerRead(round + 1);
            await("the queue goes on", () -> server.counters().stoppedQueues() > stopped);
            assertEquals(0x55, frontEnd.memory.segment().get(ValueLayout.JAVA_BYTE, STATUS));
            map();
            frontEnd.kick.signal();
            awaitRead(round + 1);
        }
    }

    @Test
    void B04_ringThatCannotBeTrustedStaysStoppedWhateverIsMapped() throws InterruptedException {
        map();
        start();
        frontEnd.ring.offer(FrontEnd.QUEUE_SIZE);
        frontEnd.kick.signal();
        await("not stopped", () -> server.counters().stoppedQueues() == 1);
        translation.map(5 * WINDOW, 4096, 0, Access.READ_WRITE);
        for (int i = 0; i < 50; i++) {
            frontEnd.kick.signal();
            assertTrue(frontEnd.ask(3, new byte[0]));
        }
        assertEquals(1, server.counters().stoppedQueues());
    }

    /** Also under the ring: no section may stay open, for it would hold up every flush of the guest for ever. */
    @ParameterizedTest
    @ValueSource(longs = {0x6000, 0x4000, 0})
    void C10_memoryThatIsCutShortLeavesNoSectionOpen(long left) throws Exception {
        for (int round = 0; round < 20; round++) {
            frontEnd.close();
            try (FrontEnd other = new FrontEnd(folder.resolve("socket"))) {
                frontEnd = other;
                translation.map(WINDOW, FrontEnd.MEMORY_BYTES, 0, Access.READ_WRITE);
                start();
                offerRead(1);
                awaitRead(1);
                try (FileChannel file = FileChannel.open(
                        Path.of("/proc/self/fd/" + other.memory.fd().value()), StandardOpenOption.WRITE)) {
                    file.truncate(left);
                }
                if (left > 0) {
                    other.ring.offer(0);
                }
                other.kick.signal();
                assertTrue(other.isClosed());
                translation.unmap(WINDOW); // returns when no section is open
            }
        }
        await("the peer's mistakes", () -> server.counters().protocolErrors() == 20);
    }

    @Test
    void C16_memoryThatIsReplacedWhileTheDiskIsBusy() throws InterruptedException {
        map();
        start();
        for (int round = 0; round < 100; round++) {
            offerRead(round);
            assertTrue(frontEnd.ask(
                    5,
                    FrontEnd.table(
                            0,
                            FrontEnd.MEMORY_BYTES / 2,
                            FrontEnd.USER,
                            0,
                            WINDOW,
                            FrontEnd.MEMORY_BYTES / 2,
                            WINDOW_USER,
                            FrontEnd.MEMORY_BYTES / 2),
                    frontEnd.memory.fd(),
                    frontEnd.memory.fd()));
            awaitRead(round);
        }
    }
}
