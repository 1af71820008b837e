package org.pviommu.virtio.queue;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.virtio.queue.DriverRing.INDIRECT;
import static org.pviommu.virtio.queue.DriverRing.NEXT;
import static org.pviommu.virtio.queue.DriverRing.WRITE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.virtio.queue.SplitQueue.Next;

class SplitQueueTest {
    private static final int SIZE = 8;
    private static final long USER = 0x7f00_0000_0000L;
    /** First region at 64 KiB, 1 MiB; a second one right behind it; a hole; a third one. */
    private static final long GUEST = 0x1_0000;

    private static final int REGION = 1 << 20;
    private static final long DATA = GUEST + 0x8000;
    private static final QueueSettings PLAIN = new QueueSettings(true, false, 1 << 20);
    private static final QueueSettings EVENTS = new QueueSettings(true, true, 1 << 20);

    private final Arena arena = Arena.ofShared();
    private final MemorySegment first = arena.allocate(REGION, 4096);
    private final MemorySegment second = arena.allocate(4096, 4096);
    private final MemorySegment third = arena.allocate(4096, 4096);
    private final GuestSpace space = new GuestSpace(List.of(
            new MemoryRegion(GUEST, USER, first),
            new MemoryRegion(GUEST + REGION, USER + 2 * REGION, second),
            new MemoryRegion(GUEST + REGION + 8192, USER + 3 * REGION, third)));
    private final DriverRing driver = new DriverRing(first, 0, SIZE);
    private final Chain chain = new Chain(SIZE);

    @AfterEach
    void closeArena() {
        arena.close();
    }

    private SplitQueue open(QueueSettings settings) {
        return SplitQueue.open(space, space, driver.addresses(USER), 256, 0, settings);
    }

    private static byte[] read(Chain chain) {
        byte[] bytes = new byte[(int) chain.readableBytes()];
        chain.read(0, MemorySegment.ofArray(bytes), 0, bytes.length);
        return bytes;
    }

    /** The chain at {@code head} goes back with used length 0, and the next one is served: the queue lives. */
    private void assertRejected(SplitQueue queue, int head) {
        driver.offer(head);
        assertEquals(Next.EMPTY, queue.next(chain));
        queue.publish();
        assertTrue(driver.hasUsed());
        assertEquals(head, driver.takeUsed());
        assertEquals(1, queue.rejectedChains());
        driver.descriptor(7, DATA, 4, 0, 0);
        driver.offer(7);
        assertEquals(Next.REQUEST, queue.next(chain));
        assertEquals(7, chain.head());
    }

    private void assertBroken(SplitQueue queue) {
        assertEquals(Next.BROKEN, queue.next(chain));
        assertNotNull(queue.breakage());
        assertEquals(Next.BROKEN, queue.next(chain));
        assertFalse(queue.publish());
        assertFalse(queue.hasRequests());
        assertEquals(0, driver.usedIndex());
    }

    @Test
    void shouldServeRequestsInOrder() {
        SplitQueue queue = open(PLAIN);
        for (int round = 0; round < 100_000; round++) {
            int head = round % SIZE;
            driver.descriptor(head, DATA, 4, NEXT, (head + 1) % SIZE);
            driver.descriptor((head + 1) % SIZE, DATA + 64, 4, WRITE, 0);
            first.set(ValueLayout.JAVA_INT, DATA - GUEST, round);
            driver.offer(head);
            assertEquals(Next.REQUEST, queue.next(chain));
            chain.read(0, MemorySegment.ofBuffer(java.nio.ByteBuffer.allocate(4)), 0, 4);
            byte[] request = read(chain);
            chain.write(0, MemorySegment.ofArray(request), 0, 4);
            queue.complete(chain.head(), 4);
            assertEquals(Next.EMPTY, queue.next(chain));
            assertTrue(queue.publish());
            assertFalse(queue.publish());
            assertEquals(4L << 32 | head, driver.takeUsed());
            assertEquals(round, first.get(ValueLayout.JAVA_INT, DATA + 64 - GUEST));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 3, 48, 512, 65536, Integer.MIN_VALUE})
    void B01_sizeThatCannotBeIsRefused(int size) {
        RingAddresses at = new RingAddresses(size, USER, USER + 0x2000, USER + 0x4000);
        assertThrows(IllegalArgumentException.class, () -> SplitQueue.open(space, space, at, 256, 0, PLAIN));
    }

    @ParameterizedTest
    @CsvSource({
        "8, 0x1000, 0x2000", // descriptors misaligned
        "0, 0x1001, 0x2000", // available misaligned
        "0, 0x1000, 0x2002", // used misaligned
        "-16, 0x1000, 0x2000", // before the region
        "0xfffc0, 0x1000, 0x2000", // ends behind the region
        "0, 0xffffc, 0x2000",
        "0, 0x1000, 0xffff0",
        "0x2000ff0, 0x1000, 0x2000", // in no region
        "-0x7f0000000010, 0x1000, 0x2000", // wraps
        "0, 0x40, 0x2000", // descriptors and available overlap
        "0, 0x1000, 0x1004", // available and used overlap
        "0x2000, 0x1000, 0x2040"
    })
    void B02_ringsThatCannotBeAreRefused(long descriptors, long available, long used) {
        RingAddresses at = new RingAddresses(SIZE, USER + descriptors, USER + available, USER + used);
        assertThrows(IllegalArgumentException.class, () -> SplitQueue.open(space, space, at, 256, 0, PLAIN));
    }

    @ParameterizedTest
    @ValueSource(ints = {9, 1000, 65535})
    void B03_indexThatJumpsBreaksTheQueue(int index) {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, 4, 0, 0);
        driver.setAvailableIndex(index);
        assertBroken(queue);
    }

    @Test
    void B03_indexThatGoesBackBreaksTheQueue() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, 4, 0, 0);
        driver.offer(0);
        driver.offer(0);
        assertEquals(Next.REQUEST, queue.next(chain));
        assertEquals(Next.REQUEST, queue.next(chain));
        driver.setAvailableIndex(1);
        assertBroken(queue);
    }

    @ParameterizedTest
    @ValueSource(ints = {SIZE, 1000, 65535})
    void B04_headOutsideTheTableBreaksTheQueue(int head) {
        SplitQueue queue = open(PLAIN);
        driver.offer(head);
        assertBroken(queue);
    }

    @ParameterizedTest
    @ValueSource(ints = {SIZE, 32768, 65535})
    void B05_nextOutsideTheTableRejectsTheChain(int next) {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, 4, NEXT, next);
        assertRejected(queue, 0);
    }

    @Test
    void B06_descriptorThatPointsToItself() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(3, DATA, 4, NEXT, 3);
        assertRejected(queue, 3);
    }

    @Test
    void B07_loopOfTwo() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, 4, NEXT, 1);
        driver.descriptor(1, DATA, 4, NEXT, 0);
        assertRejected(queue, 0);
    }

    @Test
    void B08_chainOfSizeIsServedAndOneMoreIsRejected() {
        SplitQueue queue = open(PLAIN);
        for (int i = 0; i < SIZE; i++) {
            driver.descriptor(i, DATA + i, 1, i == SIZE - 1 ? 0 : NEXT, i + 1);
        }
        driver.offer(0);
        assertEquals(Next.REQUEST, queue.next(chain));
        assertEquals(SIZE, chain.readableBytes());
        queue.complete(0, 0);
        queue.publish();
        driver.takeUsed();
        // One more: the last descriptor leads to an indirect table of one entry.
        driver.descriptor(SIZE - 1, DATA, 16, INDIRECT, 0);
        driver.descriptorAt(DATA - GUEST, DATA, 1, 0, 0);
        driver.offer(0);
        assertEquals(Next.REQUEST, queue.next(chain));
        queue.complete(0, 0);
        driver.descriptor(SIZE - 1, DATA, 32, INDIRECT, 0);
        driver.descriptorAt(DATA - GUEST, DATA, 1, NEXT, 1);
        driver.descriptorAt(DATA - GUEST + 16, DATA, 1, 0, 0);
        driver.offer(0);
        assertEquals(Next.EMPTY, queue.next(chain));
        assertEquals(1, queue.rejectedChains());
    }

    @Test
    void B09_indirectTableIsServed() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(2, DATA, 48, INDIRECT | WRITE, 0); // the write flag has no meaning here
        driver.descriptorAt(DATA - GUEST, DATA + 256, 2, NEXT, 2);
        driver.descriptorAt(DATA - GUEST + 32, DATA + 300, 3, NEXT, 1);
        driver.descriptorAt(DATA - GUEST + 16, DATA + 400, 5, WRITE, 0);
        driver.offer(2);
        assertEquals(Next.REQUEST, queue.next(chain));
        assertEquals(5, chain.readableBytes());
        assertEquals(5, chain.writableBytes());
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0", // empty
        "15, 0, 0",
        "17, 0, 0",
        "144, 0, 0", // more entries than the queue has
        "0xfffffff0, 0, 0",
        "16, 1, 0", // and another descriptor after it
        "16, 0, 4", // a table in a table
        "32, 0, 1", // an entry that leads to itself
    })
    void B09_indirectTableThatCannotBeIsRejected(long length, int outerFlags, int innerFlags) {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, length, INDIRECT | outerFlags, 1);
        driver.descriptor(1, DATA + 512, 4, 0, 0);
        driver.descriptorAt(DATA - GUEST, DATA + 256, 16, innerFlags, 0);
        assertRejected(queue, 0);
    }

    @Test
    void B09_indirectTableOutsideMemoryOrNotNegotiatedIsRejected() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, GUEST + REGION + 4096 - 16, 32, INDIRECT, 0);
        assertRejected(queue, 0);
        SplitQueue without =
                SplitQueue.open(space, space, driver.addresses(USER), 256, 2, new QueueSettings(false, false, 1 << 20));
        driver.descriptor(0, DATA, 16, INDIRECT, 0);
        driver.descriptorAt(DATA - GUEST, DATA + 256, 4, 0, 0);
        driver.offer(0);
        assertEquals(Next.EMPTY, without.next(chain));
        assertEquals(1, without.rejectedChains());
    }

    @Test
    void B09_entryBehindTheTableIsRejected() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, 32, INDIRECT, 0);
        driver.descriptorAt(DATA - GUEST, DATA + 256, 4, NEXT, 2);
        driver.descriptorAt(DATA - GUEST + 32, DATA + 256, 4, 0, 0);
        assertRejected(queue, 0);
    }

    @Test
    void B10_emptyDescriptorsCountTowardsTheLimit() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, -1L, 0, NEXT, 1); // where nothing is does not matter
        driver.descriptor(1, DATA, 4, 0, 0);
        driver.offer(0);
        assertEquals(Next.REQUEST, queue.next(chain));
        assertEquals(4, read(chain).length);
        queue.complete(0, 0);
        queue.publish();
        driver.takeUsed();
        driver.descriptor(0, DATA, 0, NEXT, 1);
        driver.descriptor(1, DATA, 0, NEXT, 0);
        assertRejected(queue, 0);
    }

    @Test
    void B11_writableBeforeReadableIsRejectedUnwritten() {
        SplitQueue queue = open(PLAIN);
        first.set(ValueLayout.JAVA_INT, DATA - GUEST, 0x55555555);
        driver.descriptor(0, DATA, 4, WRITE | NEXT, 1);
        driver.descriptor(1, DATA + 64, 4, 0, 0);
        assertRejected(queue, 0);
        assertEquals(0x55555555, first.get(ValueLayout.JAVA_INT, DATA - GUEST));
    }

    @Test
    void B12_lengthsAreSummedIn64BitsAndCapped() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, 0xffff_ffffL, 0, 0);
        assertRejected(queue, 0);
        BufferMemory endless = new BufferMemory() {
            @Override
            public boolean accessible(long address, long lengthBytes, boolean write) {
                return true;
            }

            @Override
            public boolean copyIn(long address, MemorySegment to, long toOffset, long lengthBytes) {
                return true;
            }

            @Override
            public boolean copyOut(MemorySegment from, long fromOffset, long address, long lengthBytes) {
                return true;
            }
        };
        for (long cap : new long[] {0x1_0000_0003L, 0x1_0000_0004L}) {
            first.fill((byte) 0);
            DriverRing fresh = new DriverRing(first, 0, SIZE);
            SplitQueue wide =
                    SplitQueue.open(space, endless, fresh.addresses(USER), 256, 0, new QueueSettings(true, false, cap));
            fresh.descriptor(0, 0, 0xffff_ffffL, NEXT, 1);
            fresh.descriptor(1, 0, 5, WRITE, 0); // in 32 bits the sum is 4
            fresh.offer(0);
            assertEquals(cap == 0x1_0000_0003L ? Next.EMPTY : Next.REQUEST, wide.next(chain));
        }
    }

    @Test
    void B13_addressThatWrapsIsRejected() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, -4L, 8, 0, 0);
        assertRejected(queue, 0);
    }

    @Test
    void B14_bufferOverAHoleIsRejectedAndOverTwoRegionsServed() {
        SplitQueue queue = open(PLAIN);
        first.set(ValueLayout.JAVA_BYTE, REGION - 1, (byte) 11);
        second.set(ValueLayout.JAVA_BYTE, 0, (byte) 22);
        driver.descriptor(1, GUEST + REGION - 1, 2, 0, 0);
        driver.offer(1);
        assertEquals(Next.REQUEST, queue.next(chain));
        assertArrayEquals(new byte[] {11, 22}, read(chain));
        queue.complete(1, 0);
        queue.publish();
        driver.takeUsed();
        driver.descriptor(0, GUEST + REGION + 4000, 8192, 0, 0); // begins in the second, ends in the third
        assertRejected(queue, 0);
    }

    @Test
    void B15_requestInOneByteBuffersIsOneCopy() {
        SplitQueue queue = open(PLAIN);
        for (int i = 0; i < 7; i++) {
            first.set(ValueLayout.JAVA_BYTE, DATA - GUEST + i * 100L, (byte) (i + 1));
            driver.descriptor(i, DATA + i * 100L, 1, i == 6 ? WRITE : NEXT, i + 1);
        }
        driver.offer(0);
        assertEquals(Next.REQUEST, queue.next(chain));
        assertArrayEquals(new byte[] {1, 2, 3, 4, 5, 6}, read(chain));
        byte[] middle = new byte[3];
        chain.read(2, MemorySegment.ofArray(middle), 0, 3);
        assertArrayEquals(new byte[] {3, 4, 5}, middle);
        assertThrows(IndexOutOfBoundsException.class, () -> chain.read(4, MemorySegment.ofArray(middle), 0, 3));
        assertThrows(IndexOutOfBoundsException.class, () -> chain.write(1, MemorySegment.ofArray(middle), 0, 1));
    }

    @Test
    void B26_moreRequestsInFlightThanTheQueueHolds() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, 4, 0, 0);
        for (int i = 0; i < SIZE; i++) {
            driver.offer(0);
            assertEquals(Next.REQUEST, queue.next(chain));
        }
        driver.offer(0);
        assertBroken(queue);
    }

    /** A descriptor that another thread rewrites all the time is either one thing or the other, and never unchecked. */
    @Test
    void B27_descriptorsRewrittenDuringTheWalk() throws InterruptedException {
        SplitQueue queue = open(PLAIN);
        AtomicBoolean stop = new AtomicBoolean();
        driver.descriptor(0, DATA, 16, INDIRECT, 0);
        Thread mutator = Thread.ofPlatform().start(() -> {
            Random random = new Random(3);
            while (!stop.get()) {
                int i = random.nextInt(SIZE);
                long address = random.nextBoolean() ? DATA + random.nextInt(4096) : random.nextLong();
                driver.descriptor(i, address, random.nextInt(300), random.nextInt(8), random.nextInt(SIZE + 1));
            }
        });
        int served = 0;
        for (int i = 0; i < 200_000; i++) {
            driver.offer(i % SIZE);
            Next next = queue.next(chain);
            if (next == Next.REQUEST) {
                served++;
                byte[] in = read(chain); // throws when what was checked is not what is used
                chain.write(0, MemorySegment.ofArray(new byte[(int) chain.writableBytes()]), 0, chain.writableBytes());
                queue.complete(chain.head(), in.length);
            }
            assertEquals(null, queue.breakage());
            queue.publish();
        }
        stop.set(true);
        mutator.join();
        assertTrue(served > 0 && queue.rejectedChains() > 0, "served=" + served);
    }

    @Test
    void shouldNotifyByFlag() {
        SplitQueue queue = open(PLAIN);
        driver.descriptor(0, DATA, 4, 0, 0);
        driver.setAvailableFlags(1);
        driver.offer(0);
        assertEquals(Next.REQUEST, queue.next(chain));
        queue.complete(0, 0);
        assertFalse(queue.publish());
        queue.suppressNotifications();
        assertEquals(1, driver.usedFlags());
        assertFalse(queue.enableNotifications());
        assertEquals(0, driver.usedFlags());
        driver.offer(0);
        assertTrue(queue.hasRequests());
        assertTrue(queue.enableNotifications(), "a request that came first is not slept through");
    }

    @Test
    void shouldNotifyByIndexAcrossTheWrap() {
        SplitQueue queue = open(EVENTS);
        driver.descriptor(0, DATA, 4, 0, 0);
        for (int i = 0; i < 70_000; i++) {
            driver.setUsedEvent(i % 3 == 0 ? i : i % 3 == 1 ? i - 1 : i + 5); // this one, the last one, a later one
            driver.offer(0);
            assertEquals(Next.REQUEST, queue.next(chain));
            queue.complete(0, 0);
            assertEquals(i % 3 == 0, queue.publish(), "i=" + i);
            queue.enableNotifications();
            assertEquals((i + 1) & 0xffff, driver.availableEvent());
            queue.suppressNotifications();
            assertEquals(i & 0xffff, driver.availableEvent());
        }
    }

    @Test
    void shouldNotifyOnceForABatch() {
        SplitQueue queue = open(EVENTS);
        driver.descriptor(0, DATA, 4, 0, 0);
        driver.setUsedEvent(2);
        for (int i = 0; i < 5; i++) {
            driver.offer(0);
            assertEquals(Next.REQUEST, queue.next(chain));
            queue.complete(0, 0);
        }
        assertEquals(0, driver.usedIndex());
        assertTrue(queue.publish());
        assertEquals(5, driver.usedIndex());
    }

    @Test
    void shouldGoOnFromABase() {
        SplitQueue before = open(PLAIN);
        driver.descriptor(0, DATA, 4, 0, 0);
        driver.offer(0);
        assertEquals(Next.REQUEST, before.next(chain));
        before.complete(0, 0);
        before.publish();
        SplitQueue after = SplitQueue.open(space, space, driver.addresses(USER), 256, before.nextAvailable(), PLAIN);
        assertEquals(Next.EMPTY, after.next(chain));
        driver.offer(0);
        assertEquals(Next.REQUEST, after.next(chain));
        after.complete(0, 9);
        after.publish();
        driver.takeUsed();
        assertEquals(9L << 32, driver.takeUsed());
    }

    @Test
    void C09_regionsThatOverlapAreRefused() {
        MemorySegment memory = arena.allocate(8192);
        MemoryRegion region = new MemoryRegion(0, 0, memory);
        assertThrows(
                IllegalArgumentException.class,
                () -> new GuestSpace(List.of(region, new MemoryRegion(8191, 8192, memory))));
        assertThrows(
                IllegalArgumentException.class,
                () -> new GuestSpace(List.of(region, new MemoryRegion(8192, 8191, memory))));
        assertThrows(IllegalArgumentException.class, () -> new MemoryRegion(-8191, 0, memory));
        GuestSpace top = new GuestSpace(List.of(region, new MemoryRegion(-8192, -8192, memory)));
        assertTrue(top.accessible(-8192, 8192, true));
        assertFalse(top.accessible(-8192, 8193, true), "address 0 does not follow the last one");
    }
}
