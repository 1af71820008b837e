package org.pviommu.virtio.block;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.engine.Access;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.DomainExecutor;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.RequestStatus;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.virtio.memory.MemoryOwner;
import org.pviommu.virtio.queue.Chain;
import org.pviommu.virtio.queue.DriverRing;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.queue.QueueSettings;
import org.pviommu.virtio.queue.SplitQueue;

/** The block device as an endpoint of the real engine, whose domains a driver changes meanwhile. */
@Timeout(180) // only a hang guard
class BlockBehindEngineTest {
    private static final int ENDPOINT = 0x18;
    private static final int DOMAIN = 1;
    private static final int SIZE = 16;
    private static final int PAGES = 256;
    private static final long RAM = 0x10_0000;
    private static final long WINDOW = 0x800_0000;
    private static final long BUFFER = 0x900_0000;
    private static final long RAM_USER = 0x7f00_0000_0000L;
    private static final long WINDOW_USER = 0x7e00_0000_0000L;
    /** Where the ring and the small buffers end; a buffer of data is behind. */
    private static final long CONTROL_BYTES = 0x8000;

    private static final int DATA_BYTES = 128 * 1024;
    private static final long HEADER = 0x4000;
    private static final long STATUS = 0x5000;
    private static final byte UNWRITTEN = 0x55;
    private static final int ROUNDS = 100;

    private final Arena arena = Arena.ofShared();
    private final TestMemory memory = new TestMemory(PAGES);
    private final MemorySegment ram = memory.segment();
    private final GuestSpace space = new GuestSpace(List.of(
            new MemoryRegion(RAM, RAM_USER, ram),
            new MemoryRegion(WINDOW, WINDOW_USER, arena.allocate(PAGES * 4096L, 4096))));
    private final Engine engine = new Engine(new RecordingHost(0xf_ffff, true), BatchLog.none());
    private final Guest guest =
            engine.addGuest(1, GuestPolicy.permissive(), List.of(new EndpointDescriptor(ENDPOINT, List.of())));
    private final DomainExecutor domains;
    private final AtomicLong faults = new AtomicLong();
    private final DriverRing driver = new DriverRing(ram, 0, SIZE);
    private final Chain chain = new Chain(SIZE);
    private final byte[] content = new byte[DATA_BYTES];
    private final BlockDevice device;

    BlockBehindEngineTest(@TempDir Path folder) throws IOException {
        new Random(3).nextBytes(content);
        Path image = folder.resolve("disk");
        Files.write(image, content);
        guest.registerMemory(RAM >> 12, PAGES, memory);
        domains = new DomainExecutor(engine, guest, List.of(ENDPOINT), false);
        device = new BlockDevice(
                new BlockSettings(image, false, "", 1),
                ENDPOINT,
                () -> guest.translation(ENDPOINT),
                MemoryOwner.none(),
                (endpoint, iova, write) -> faults.incrementAndGet());
    }

    @AfterEach
    void closeAll() {
        device.close();
        domains.close();
        engine.close();
        arena.close();
    }

    private void map(long iova, long bytes, long target) {
        assertEquals(RequestStatus.OK, domains.map(DOMAIN, iova, iova + bytes - 1, target, Access.READ_WRITE, false));
    }

    private void unmap(long iova, long bytes) {
        assertEquals(RequestStatus.OK, domains.unmap(DOMAIN, iova, iova + bytes - 1));
        assertTrue(domains.endBatch());
    }

    /** Attached; the ring and the small buffers are there. */
    private SplitQueue start() {
        assertEquals(RequestStatus.OK, domains.attach(DOMAIN, ENDPOINT, false));
        map(WINDOW, CONTROL_BYTES, RAM);
        assertTrue(domains.endBatch());
        return open();
    }

    private SplitQueue open() {
        return SplitQueue.open(
                device.rings(0, space),
                device.buffers(0, space),
                driver.addresses(WINDOW_USER),
                256,
                0,
                new QueueSettings(true, false, device.maxRequestBytes()));
    }

    private void offerRead(long to) {
        ram.set(ValueLayout.JAVA_LONG, HEADER, 0);
        ram.set(ValueLayout.JAVA_LONG, HEADER + 8, 0);
        ram.set(ValueLayout.JAVA_BYTE, STATUS, UNWRITTEN);
        driver.descriptor(0, WINDOW + HEADER, 16, DriverRing.NEXT, 1);
        driver.descriptor(1, to, DATA_BYTES, DriverRing.NEXT | DriverRing.WRITE, 2);
        driver.descriptor(2, WINDOW + STATUS, 1, DriverRing.WRITE, 0);
        driver.offer(0);
    }

    private int read(SplitQueue queue, long to) {
        offerRead(to);
        device.serve(0, queue, chain);
        queue.publish();
        assertTrue(driver.hasUsed(), () -> "no answer: " + queue.breakage());
        driver.takeUsed();
        return ram.get(ValueLayout.JAVA_BYTE, STATUS);
    }

    private byte[] data() {
        return ram.asSlice(CONTROL_BYTES, DATA_BYTES).toArray(ValueLayout.JAVA_BYTE);
    }

    @Test
    void shouldReadIntoScatteredPagesAndNowhereElse() {
        SplitQueue queue = start();
        int pages = DATA_BYTES / 4096;
        for (int i = 0; i < pages; i++) {
            map(BUFFER + i * 4096L, 4096, RAM + CONTROL_BYTES + (pages - 1 - i) * 4096L);
        }
        assertTrue(domains.endBatch());
        assertEquals(0, read(queue, BUFFER));
        byte[] seen = data();
        for (int i = 0; i < pages; i++) {
            assertArrayEquals(
                    Arrays.copyOfRange(content, i * 4096, (i + 1) * 4096),
                    Arrays.copyOfRange(seen, (pages - 1 - i) * 4096, (pages - i) * 4096));
        }
        assertEquals(0, faults.get());
        unmap(BUFFER + 8192, 4096);
        assertEquals(1, read(queue, BUFFER));
        assertEquals(1, faults.get());
    }

    @Test
    void shouldBeBlockedUnlessItBypasses() {
        SplitQueue queue = start();
        assertEquals(RequestStatus.OK, domains.detach(DOMAIN, ENDPOINT));
        assertTrue(domains.endBatch());
        offerRead(BUFFER);
        assertFalse(queue.hasRequests());
        assertTrue(queue.ringIsGone());

        domains.setBypass(true);
        DriverRing untranslated = new DriverRing(ram, 0x1000, SIZE);
        SplitQueue bypassing = SplitQueue.open(
                device.rings(0, space),
                device.buffers(0, space),
                untranslated.addresses(RAM_USER),
                256,
                0,
                new QueueSettings(true, false, device.maxRequestBytes()));
        untranslated.descriptor(0, RAM + HEADER, 16, DriverRing.NEXT, 1);
        untranslated.descriptor(1, RAM + CONTROL_BYTES, DATA_BYTES, DriverRing.NEXT | DriverRing.WRITE, 2);
        untranslated.descriptor(2, RAM + STATUS, 1, DriverRing.WRITE, 0);
        untranslated.offer(0);
        device.serve(0, bypassing, chain);
        assertArrayEquals(content, data());
        assertEquals(0, device.counters().bytesTranslated());
        assertTrue(device.counters().bytesBypassing() > DATA_BYTES);
    }

    @Test
    void shouldWriteNothingOnceABatchWithItsUnmapIsOver() throws InterruptedException {
        SplitQueue queue = start();
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong reads = new AtomicLong();
        AtomicLong failures = new AtomicLong();
        Thread disk = Thread.ofPlatform().start(() -> {
            while (!stop.get()) {
                failures.addAndGet(read(queue, BUFFER));
                reads.incrementAndGet();
            }
        });
        MemorySegment target = ram.asSlice(CONTROL_BYTES, DATA_BYTES);
        byte[] untouched = new byte[DATA_BYTES];
        Arrays.fill(untouched, UNWRITTEN);
        try {
            for (int round = 0; round < ROUNDS; round++) {
                map(BUFFER, DATA_BYTES, RAM + CONTROL_BYTES);
                assertTrue(domains.endBatch());
                awaitMore(disk, reads, 1);
                unmap(BUFFER, DATA_BYTES);
                target.fill(UNWRITTEN);
                awaitMore(disk, reads, 2);
                assertArrayEquals(untouched, data(), "a byte arrived after the unmap, round=" + round);
            }
        } finally {
            stop.set(true);
            disk.join();
        }
        assertTrue(failures.get() >= ROUNDS, "the unmap was hardly ever met: " + failures);
        assertTrue(device.counters().bytesTranslated() > (long) ROUNDS * DATA_BYTES / 2);
    }

    private static void awaitMore(Thread disk, AtomicLong reads, int more) {
        long before = reads.get();
        while (reads.get() < before + more) {
            assertTrue(disk.isAlive(), "the device's thread has ended");
            Thread.onSpinWait();
        }
    }
}
