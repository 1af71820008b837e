package org.pviommu.virtio.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.engine.Access;
import org.pviommu.virtio.memory.MemoryOwner;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.DriverRing;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.SplitQueue;
import org.pviommu.virtio.vhost.Features;

class BlockDeviceTest {
    private static final int ENDPOINT = 0x18;
    private static final int SIZE = 64;
    private static final int RAM_BYTES = 4 << 20;
    private static final long RAM = 0x10_0000;
    /** Where bus addresses lie: in memory that nobody uses, so that an untranslated access is seen. */
    private static final long WINDOW = 0x1_0000_0000L;

    private static final long RAM_USER = 0x7f00_0000_0000L;
    private static final long WINDOW_USER = 0x7e00_0000_0000L;
    /** Offsets, in memory and in the window. */
    private static final long RING = 0;

    private static final long HEADER = 0x4000;
    private static final long STATUS = 0x5000;
    private static final long DATA = 0x10_0000;
    private static final int DISK_BYTES = 8 << 20;
    private static final long SECTORS = DISK_BYTES / 512;
    private static final byte UNWRITTEN = 0x55;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment ram = arena.allocate(RAM_BYTES, 4096);
    private final MemorySegment window = arena.allocate(RAM_BYTES, 4096);
    private final GuestSpace space = new GuestSpace(
            List.of(new MemoryRegion(RAM, RAM_USER, ram), new MemoryRegion(WINDOW, WINDOW_USER, window)));
    private final TestTranslation translation = new TestTranslation();
    private final List<String> faults = new ArrayList<>();
    private final DriverRing driver = new DriverRing(ram, RING, SIZE);
    private final Chain chain = new Chain(SIZE);
    private final byte[] content = new byte[DISK_BYTES];
    private final Path image;
    private final BlockDevice device;
    private int descriptors;

    BlockDeviceTest(@TempDir Path folder) throws IOException {
        image = folder.resolve("disk");
        new Random(1).nextBytes(content);
        Files.write(image, content);
        device = open(false);
        translation.map(WINDOW, RAM_BYTES, RAM, Access.READ_WRITE);
        ram.fill(UNWRITTEN);
        window.fill((byte) 0x77);
        ram.asSlice(0, 0x4000).fill((byte) 0);
    }

    private BlockDevice open(boolean readOnly) throws IOException {
        return new BlockDevice(
                new BlockSettings(image, readOnly, "serial-1", 1),
                ENDPOINT,
                () -> translation,
                MemoryOwner.none(),
                (endpoint, iova, write) -> {
                    assertEquals(0, translation.openSections(), "a listener is called inside a section");
                    faults.add(Integer.toHexString(endpoint) + (write ? " w " : " r ") + Long.toHexString(iova));
                });
    }

    @AfterEach
    void closeAll() {
        assertEquals(0, translation.openSections());
        assertEquals(-1, window.mismatch(window.asSlice(0).fill((byte) 0x77)), "an access was not translated");
        device.close();
        arena.close();
    }

    private SplitQueue queue() {
        return queue(device);
    }

    private SplitQueue queue(BlockDevice of) {
        QueueSettings settings = new QueueSettings(true, false, of.maxRequestBytes());
        return SplitQueue.open(
                of.rings(0, space), of.buffers(0, space), driver.addresses(WINDOW_USER), 256, 0, settings);
    }

    private void buffer(long offset, long bytes, boolean write, boolean last) {
        int flags = (write ? DriverRing.WRITE : 0) | (last ? 0 : DriverRing.NEXT);
        driver.descriptor(descriptors, WINDOW + offset, bytes, flags, descriptors + 1);
        descriptors++;
    }

    private void header(int type, long sector) {
        ram.set(BlockWire.U32, HEADER, type);
        ram.set(BlockWire.U32, HEADER + 4, 0);
        ram.set(BlockWire.U64, HEADER + 8, sector);
        descriptors = 0;
        buffer(HEADER, 16, false, false);
    }

    private void offerIn(long sector, long bytes) {
        header(BlockWire.IN, sector);
        buffer(DATA, bytes, true, false);
        buffer(STATUS, 1, true, true);
        driver.offer(0);
    }

    private void offerOut(int type, long sector, long bytes) {
        header(type, sector);
        buffer(DATA, bytes, false, false);
        buffer(STATUS, 1, true, true);
        driver.offer(0);
    }

    private void segment(int index, long sector, long sectors, int flags) {
        long at = DATA + 16L * index;
        ram.set(BlockWire.U64, at, sector);
        ram.set(BlockWire.U32, at + 8, (int) sectors);
        ram.set(BlockWire.U32, at + 12, flags);
    }

    /** Serves, and takes the answer: used length in the upper half. */
    private long serve(SplitQueue queue) {
        device.serve(0, queue, chain);
        queue.publish();
        assertNull(queue.breakage());
        assertTrue(driver.hasUsed(), "no answer");
        return driver.takeUsed() >>> 32;
    }

    private int status() {
        return ram.get(ValueLayout.JAVA_BYTE, STATUS);
    }

    private void assertAnswered(int status) {
        serve(queue());
        assertEquals(status, status());
    }

    private byte[] data(int bytes) {
        return ram.asSlice(DATA, bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    private byte[] disk(int sector, int bytes) throws IOException {
        byte[] all = Files.readAllBytes(image);
        return Arrays.copyOfRange(all, sector * 512, sector * 512 + bytes);
    }

    private byte[] content(int sector, int bytes) {
        return Arrays.copyOfRange(content, sector * 512, sector * 512 + bytes);
    }

    @Test
    void shouldShowItsConfiguration() {
        ByteBuffer config = ByteBuffer.wrap(device.config()).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(SECTORS, config.getLong(0));
        assertEquals(65536, config.getInt(8));
        assertEquals(126, config.getInt(12));
        assertEquals(512, config.getInt(20));
        assertEquals(1, config.getShort(34));
        assertEquals(1 << 20, config.getInt(36));
        assertEquals(16, config.getInt(40));
        assertEquals(8, config.getInt(44));
        assertEquals(1 << 13, config.getInt(48));
        assertEquals(16, config.getInt(52));
        assertEquals(1, config.get(56));
        long writable = 1L << 1 | 1L << 2 | 1L << 6 | 1L << 9 | 1L << 13 | 1L << 14;
        assertEquals(writable | Features.ACCESS_PLATFORM, device.features());
        assertEquals(DISK_BYTES, device.sizeBytes());
    }

    @ParameterizedTest
    @ValueSource(ints = {512, 4096, 65536, 65536 + 512, 1 << 20})
    void shouldReadAndWrite(int bytes) throws IOException {
        SplitQueue queue = queue();
        offerIn(3, bytes);
        assertEquals(bytes + 1, serve(queue));
        assertEquals(0, status());
        assertArrayEquals(content(3, bytes), data(bytes));

        byte[] fresh = new byte[bytes];
        new Random(bytes).nextBytes(fresh);
        MemorySegment.copy(fresh, 0, ram, ValueLayout.JAVA_BYTE, DATA, bytes);
        ram.set(ValueLayout.JAVA_BYTE, STATUS, UNWRITTEN);
        offerOut(BlockWire.OUT, 7, bytes);
        assertEquals(1, serve(queue));
        assertEquals(0, status());
        assertArrayEquals(fresh, disk(7, bytes));
        assertArrayEquals(content(0, 7 * 512), disk(0, 7 * 512));

        assertEquals(2, device.counters().requests());
        assertEquals(bytes, device.counters().bytesRead());
        assertEquals(bytes, device.counters().bytesWritten());
        assertEquals(2L * bytes + 2 * 17, device.counters().bytesTranslated());
        assertEquals(0, device.counters().bytesBypassing() + device.counters().refusedAccesses());
        assertTrue(faults.isEmpty());
    }

    @Test
    void shouldServePagesThatAreScattered() {
        // 16 pages in reverse order, mapped one by one, and buffers that begin in the middle of a page.
        for (int page = 0; page < 16; page++) {
            translation.map(2 * WINDOW + page * 4096L, 4096, RAM + DATA + (15 - page) * 4096L, Access.WRITE);
        }
        header(BlockWire.IN, 0);
        driver.descriptor(1, 2 * WINDOW + 100, 8192, DriverRing.WRITE | DriverRing.NEXT, 2);
        descriptors = 2;
        buffer(STATUS, 1, true, true);
        driver.offer(0);
        assertEquals(8193, serve(queue()));
        byte[] seen = new byte[8192];
        for (int i = 0; i < seen.length; i++) {
            int at = 100 + i;
            seen[i] = ram.get(ValueLayout.JAVA_BYTE, DATA + (15 - at / 4096) * 4096L + at % 4096);
        }
        assertArrayEquals(content(0, 8192), seen);
    }

    @Test
    void shouldKeepSectionsShort() {
        SplitQueue queue = queue();
        long before = translation.sections();
        offerIn(0, 1 << 20);
        serve(queue);
        assertTrue(translation.sections() - before >= 16, "1 MiB in sections=" + (translation.sections() - before));
    }

    @Test
    void shouldCountWhatBypasses() {
        translation.bypass(true);
        SplitQueue queue = SplitQueue.open(
                device.rings(0, space),
                device.buffers(0, space),
                driver.addresses(RAM_USER),
                256,
                0,
                new QueueSettings(false, false, 1 << 20));
        ram.set(BlockWire.U32, HEADER, BlockWire.IN);
        ram.set(BlockWire.U64, HEADER + 8, 1);
        driver.descriptor(0, RAM + HEADER, 16, DriverRing.NEXT, 1);
        driver.descriptor(1, RAM + DATA, 512, DriverRing.NEXT | DriverRing.WRITE, 2);
        driver.descriptor(2, RAM + STATUS, 1, DriverRing.WRITE, 0);
        driver.offer(0);
        assertEquals(513, serve(queue));
        assertArrayEquals(content(1, 512), data(512));
        assertEquals(512 + 17, device.counters().bytesBypassing());
        assertEquals(0, device.counters().bytesTranslated());
    }

    @Test
    void shouldAnswerItsId() {
        header(BlockWire.GET_ID, 0);
        buffer(DATA, 20, true, false);
        buffer(STATUS, 1, true, true);
        driver.offer(0);
        assertEquals(21, serve(queue()));
        assertArrayEquals(Arrays.copyOf("serial-1".getBytes(StandardCharsets.US_ASCII), 20), data(20));
    }

    @Test
    void shouldFlush() {
        header(BlockWire.FLUSH, 0);
        buffer(STATUS, 1, true, true);
        driver.offer(0);
        assertAnswered(BlockWire.OK);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void shouldWriteZeroes(int flags) throws IOException {
        segment(0, 16, 8, flags);
        segment(1, 100, 1, flags);
        offerOut(BlockWire.WRITE_ZEROES, 0, 32);
        assertAnswered(BlockWire.OK);
        assertArrayEquals(new byte[8 * 512], disk(16, 8 * 512));
        assertArrayEquals(new byte[512], disk(100, 512));
        assertArrayEquals(content(0, 16 * 512), disk(0, 16 * 512));
        assertArrayEquals(content(24, 76 * 512), disk(24, 76 * 512));
        assertArrayEquals(content(101, 512), disk(101, 512));
    }

    @Test
    void shouldGiveDiscardedRoomBack() throws IOException {
        segment(0, 64, 8192, 0);
        offerOut(BlockWire.DISCARD, 0, 16);
        assertAnswered(BlockWire.OK);
        assertEquals(DISK_BYTES, Files.size(image));
        assertArrayEquals(content(0, 64 * 512), disk(0, 64 * 512));
        assertArrayEquals(content(64 + 8192, 512), disk(64 + 8192, 512));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0, 16, 1", // no sectors
        "16384, 1, 0, 16, 1", // behind the end
        "16383, 2, 0, 16, 1", // over the end
        "-1, 1, 0, 16, 1",
        "0x7fffffffffffffff, 0x7fffffff, 0, 16, 1", // times 512 wraps
        "0, 0xffffffff, 0, 16, 1", // beyond the limit
        "0, 1, 2, 16, 2", // unknown flag
        "0, 1, 0, 15, 1", // no whole segment
        "0, 1, 0, 17, 1",
        "0, 1, 0, 0, 1",
        "0, 1, 0, 272, 1" // too many
    })
    void B12_B21_rangesThatCannotBeChangeNothing(String sector, String sectors, int flags, long bytes, int status)
            throws IOException {
        SplitQueue queue = queue();
        segment(0, 8, 1, 0);
        segment(1, Long.decode(sector), Long.decode(sectors), flags);
        for (int type : new int[] {BlockWire.WRITE_ZEROES, BlockWire.DISCARD}) {
            ram.set(ValueLayout.JAVA_BYTE, STATUS, UNWRITTEN);
            // A good one first where the bad one is whole: nothing of either is done.
            if (bytes == 16) {
                offerOut(type, 0, 32);
            } else {
                offerOut(type, 0, bytes);
            }
            serve(queue);
            assertEquals(status, status(), "type=" + type);
            assertArrayEquals(content, Files.readAllBytes(image));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 511",
        "0, 1",
        "0, 0",
        "0, 513",
        "16384, 512", // behind the end
        "16383, 1024", // over the end
        "-1, 512",
        "0x7fffffffffffffff, 512",
        "0x80000000000000, 1024", // times 512 is a multiple of 2^64
    })
    void B12_B13_sectorsThatCannotBe(String sector, int bytes) throws IOException {
        SplitQueue queue = queue();
        offerIn(Long.decode(sector), bytes);
        serve(queue);
        assertEquals(BlockWire.IOERR, status());
        ram.set(ValueLayout.JAVA_BYTE, STATUS, UNWRITTEN);
        offerOut(BlockWire.OUT, Long.decode(sector), bytes);
        serve(queue);
        assertEquals(BlockWire.IOERR, status());
        assertArrayEquals(content, Files.readAllBytes(image));
        assertEquals(2, device.counters().failedRequests());
        byte[] untouched = new byte[1024];
        Arrays.fill(untouched, UNWRITTEN);
        assertArrayEquals(untouched, data(1024));
    }

    @Test
    void B16_B17_requestWithoutAStatusByteHasNoEffect() throws IOException {
        header(BlockWire.OUT, 0);
        buffer(DATA, 512, false, true);
        driver.offer(0);
        assertEquals(0, serve(queue()));
        assertArrayEquals(content, Files.readAllBytes(image));
    }

    @Test
    void B20_headerThatIsTooShort() {
        descriptors = 0;
        buffer(HEADER, 15, false, false);
        buffer(STATUS, 1, true, true);
        driver.offer(0);
        assertAnswered(BlockWire.IOERR);
    }

    @ParameterizedTest
    @ValueSource(ints = {BlockWire.IN, BlockWire.OUT, BlockWire.FLUSH, BlockWire.GET_ID, BlockWire.DISCARD})
    void B11_buffersInTheWrongDirection(int type) throws IOException {
        // Both: one to read and one to write, which no request has.
        header(type, 0);
        buffer(DATA, 512, false, false);
        buffer(DATA + 4096, 512, true, false);
        buffer(STATUS, 1, true, true);
        driver.offer(0);
        assertAnswered(BlockWire.IOERR);
        assertArrayEquals(content, Files.readAllBytes(image));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 5, 14, 255, -1})
    void B24_unknownType(int type) {
        offerOut(type, 0, 512);
        assertAnswered(BlockWire.UNSUPP);
    }

    @Test
    void B12_hugeChainIsRejectedBeforeItsMemoryIsLookedAt() {
        descriptors = 0;
        for (int i = 0; i < SIZE; i++) {
            buffer(HEADER, 0xffff_ffffL, false, i == SIZE - 1);
        }
        driver.offer(0);
        SplitQueue queue = queue();
        long before = device.counters().bytesTranslated();
        assertEquals(0, serve(queue));
        assertEquals(1, queue.rejectedChains());
        assertEquals(before, device.counters().bytesTranslated());
    }

    @Test
    void shouldBeReadOnlyWhenAskedTo() throws IOException {
        device.close();
        try (BlockDevice readOnly = open(true)) {
            assertFalse(readOnly.isWritable());
            assertEquals(1L << 5, readOnly.features() & (1L << 5 | 1L << 13 | 1L << 14));
            SplitQueue queue = queue(readOnly);
            for (int type : new int[] {BlockWire.OUT, BlockWire.DISCARD, BlockWire.WRITE_ZEROES}) {
                ram.set(ValueLayout.JAVA_BYTE, STATUS, UNWRITTEN);
                segment(0, 0, 1, 0);
                offerOut(type, 0, type == BlockWire.OUT ? 512 : 16);
                readOnly.serve(0, queue, chain);
                assertEquals(BlockWire.IOERR, status(), "type=" + type);
            }
            assertArrayEquals(content, Files.readAllBytes(image));
        }
    }

    @Test
    void shouldRefuseAnImageThatCannotBe() throws IOException {
        assertThrows(IllegalArgumentException.class, () -> open(false), "in use");
        assertThrows(IllegalArgumentException.class, () -> open(true), "in use");
        Path small = image.resolveSibling("small");
        Files.write(small, new byte[511]);
        for (Path each : List.of(small, small.resolveSibling("none"), Path.of("/dev/zero"))) {
            assertThrows(IllegalArgumentException.class, () -> BlockImage.open(each, false), each.toString());
        }
        assertThrows(IllegalArgumentException.class, () -> new BlockSettings(image, false, "x".repeat(21), 1));
        assertThrows(IllegalArgumentException.class, () -> new BlockSettings(image, false, "", 0));
    }

    @Test
    void shouldAnswerIoErrorWhenTheImageIsCutShort() throws IOException {
        try (var file = java.nio.channels.FileChannel.open(image, java.nio.file.StandardOpenOption.WRITE)) {
            file.truncate(4096);
        }
        offerIn(7, 1024);
        assertAnswered(BlockWire.IOERR);
    }

    @Test
    void shouldAnswerARefusedAccessAndReportIt() {
        translation.unmap(WINDOW);
        translation.map(WINDOW, DATA + 4096, RAM, Access.READ_WRITE);
        SplitQueue queue = queue();
        offerIn(0, 8192); // the second page is not mapped
        assertEquals(0, serve(queue), "nothing of the data is promised");
        assertEquals(BlockWire.IOERR, status());
        assertEquals(List.of("18 w " + Long.toHexString(WINDOW + DATA + 4096)), faults);
        assertEquals(1, device.counters().refusedAccesses());
        assertEquals(1, device.counters().failedRequests());
    }

    @Test
    void shouldHeedRights() throws IOException {
        translation.map(2 * WINDOW, 4096, RAM + DATA, Access.READ);
        translation.map(3 * WINDOW, 4096, RAM + DATA, Access.WRITE);
        SplitQueue queue = queue();
        header(BlockWire.IN, 0);
        driver.descriptor(1, 2 * WINDOW, 512, DriverRing.WRITE | DriverRing.NEXT, 2);
        descriptors = 2;
        buffer(STATUS, 1, true, true);
        driver.offer(0);
        serve(queue);
        assertEquals(BlockWire.IOERR, status());
        header(BlockWire.OUT, 0);
        driver.descriptor(1, 3 * WINDOW, 512, DriverRing.NEXT, 2);
        descriptors = 2;
        buffer(STATUS, 1, true, true);
        driver.offer(0);
        serve(queue);
        assertEquals(BlockWire.IOERR, status());
        assertEquals(List.of("18 w 200000000", "18 r 300000000"), faults);
        assertArrayEquals(content, Files.readAllBytes(image));
        assertEquals(UNWRITTEN, ram.get(ValueLayout.JAVA_BYTE, DATA));
    }

    @Test
    void shouldGoOnWhenNotEvenTheStatusCanBeWritten() {
        SplitQueue queue = queue();
        header(BlockWire.FLUSH, 0);
        driver.descriptor(1, 5 * WINDOW, 1, DriverRing.WRITE, 0);
        driver.offer(0);
        assertEquals(0, serve(queue));
        offerIn(0, 512);
        assertEquals(513, serve(queue));
    }

    @Test
    void shouldTreatATargetOutsideMemoryAsRefused() {
        translation.map(2 * WINDOW, 4096, RAM + RAM_BYTES - 256, Access.READ_WRITE);
        header(BlockWire.IN, 0);
        driver.descriptor(1, 2 * WINDOW, 512, DriverRing.WRITE | DriverRing.NEXT, 2);
        descriptors = 2;
        buffer(STATUS, 1, true, true);
        driver.offer(0);
        assertAnswered(BlockWire.IOERR);
        assertEquals(List.of("18 w " + Long.toHexString(2 * WINDOW + 256)), faults);
    }

    @Test
    void shouldNotOpenAQueueWhoseRingIsNotMapped() {
        translation.unmap(WINDOW);
        assertThrows(IllegalArgumentException.class, this::queue);
        translation.map(WINDOW, RAM_BYTES, RAM, Access.READ);
        assertThrows(IllegalArgumentException.class, this::queue, "the used ring cannot be written");
        assertEquals(List.of("18 r 100000000", "18 w " + Long.toHexString(WINDOW + driver.usedOffset())), faults);
    }

    @Test
    void shouldStopWhenTheRingGoesAndGoOnWhenItIsBack() {
        SplitQueue queue = queue();
        offerIn(1, 512);
        assertEquals(SplitQueue.Next.REQUEST, queue.next(chain));
        translation.unmap(WINDOW);
        byte[] before = ram.toArray(ValueLayout.JAVA_BYTE);
        queue.complete(chain.head(), 0);
        assertFalse(queue.publish());
        queue.suppressNotifications();
        assertFalse(queue.enableNotifications());
        assertFalse(queue.hasRequests());
        assertEquals(SplitQueue.Next.BROKEN, queue.next(chain));
        assertTrue(queue.ringIsGone());
        assertEquals(0, queue.nextAvailable(), "what was never answered comes again");
        assertArrayEquals(before, ram.toArray(ValueLayout.JAVA_BYTE));

        translation.map(WINDOW, RAM_BYTES, RAM, Access.READ_WRITE);
        assertEquals(513, serve(queue()));
        assertArrayEquals(content(1, 512), data(512));
    }

    /** A front-end whose back-end died takes the address of a ring for one in guest memory, finds zeroes there, and says 0. */
    @Test
    void shouldGoOnWhereTheRingSaysAndNotTheFrontEnd() {
        SplitQueue queue = queue();
        for (int i = 0; i < 2 * SIZE; i++) {
            offerIn(1, 512);
            serve(queue);
        }
        offerIn(2, 512);

        assertEquals(513, serve(queue()));

        assertArrayEquals(content(2, 512), data(512));
        assertEquals(2 * SIZE + 1, driver.usedIndex());
    }

    @Test
    void shouldFollowARingThatMoves() {
        SplitQueue queue = queue();
        offerIn(1, 512);
        serve(queue);
        // The same ring somewhere else in memory, as it is by now.
        MemorySegment.copy(ram, 0, ram, RAM_BYTES / 2, 0x10000);
        translation.map(WINDOW, 0x4000, RAM + RAM_BYTES / 2, Access.READ_WRITE);
        translation.map(WINDOW + 0x4000, RAM_BYTES / 2, RAM + 0x4000, Access.READ_WRITE);
        ram.asSlice(0, 0x4000).fill((byte) 0);
        assertFalse(queue.hasRequests());
        DriverRing moved = new DriverRing(ram, RAM_BYTES / 2, SIZE);
        moved.setAvailableIndex(1);
        ram.set(BlockWire.U64, HEADER + 8, 2);
        moved.offer(0);
        device.serve(0, queue, chain);
        queue.publish();
        assertNull(queue.breakage());
        assertEquals(2, moved.usedIndex());
        assertArrayEquals(content(2, 512), data(512));
        assertEquals(0, driver.usedIndex());
    }

    @Test
    void shouldStopWhenTheRingIsNotInOnePieceAnyMore() {
        SplitQueue queue = queue();
        translation.map(WINDOW, 512, RAM, Access.READ_WRITE);
        translation.map(WINDOW + 512, RAM_BYTES - 512, RAM + 4096, Access.READ_WRITE);
        offerIn(1, 512);
        assertFalse(queue.hasRequests());
        assertTrue(queue.ringIsGone());
        assertTrue(faults.isEmpty(), "nothing was refused");
    }

    @Test
    void shouldWriteNothingOnceAnUnmapIsOver() throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong served = new AtomicLong();
        long buffer = 2 * WINDOW;
        SplitQueue queue = queue();
        Thread guest = Thread.ofPlatform().start(() -> {
            while (!stop.get()) {
                header(BlockWire.IN, 0);
                driver.descriptor(1, buffer, 256 * 1024, DriverRing.WRITE | DriverRing.NEXT, 2);
                descriptors = 2;
                buffer(STATUS, 1, true, true);
                driver.offer(0);
                serve(queue);
                served.incrementAndGet();
            }
        });
        MemorySegment target = ram.asSlice(DATA, 256 * 1024);
        try {
            long endNs = System.nanoTime() + 60_000_000_000L;
            for (int round = 0; round < 300; round++) {
                translation.map(buffer, 256 * 1024, RAM + DATA, Access.WRITE);
                long before = served.get();
                while (served.get() == before && System.nanoTime() < endNs) {
                    Thread.onSpinWait();
                }
                translation.unmap(buffer);
                target.fill(UNWRITTEN);
                long again = served.get();
                while (served.get() < again + 2 && System.nanoTime() < endNs) {
                    Thread.onSpinWait();
                }
                byte[] now = target.toArray(ValueLayout.JAVA_BYTE);
                for (byte each : now) {
                    assertEquals(UNWRITTEN, each, "a byte arrived after the unmap, round=" + round);
                }
            }
        } finally {
            stop.set(true);
            guest.join(60_000);
        }
        assertFalse(guest.isAlive());
        assertTrue(device.counters().refusedAccesses() > 0, "the unmap was never met");
        assertTrue(device.counters().bytesTranslated() > 300 * 256 * 1024, "the mapping was hardly ever met");
    }
}
