package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.DATA_MFN;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;

/** The parts of the engine one by one. */
class EnginePartsTest {

    @Nested
    class OfTableMemory {
        @Test
        void shouldHandOutDistinctZeroedPagesUntilItIsEmpty() {
            try (TableMemory memory = new TableMemory(5)) {
                Set<Long> pages = new HashSet<>();
                for (int i = 0; i < 5; i++) {
                    assertEquals(5 - i, memory.availablePages());
                    long page = memory.allocate();
                    assertEquals(0, page % TableMemory.PAGE_BYTES);
                    assertEquals(0, RawMemory.getLong(page));
                    assertTrue(pages.add(page));
                }
                assertEquals(0, memory.allocate());
                assertEquals(0, memory.availablePages());
                pages.forEach(memory::free);
                assertEquals(5, memory.availablePages());
                for (int i = 0; i < 5; i++) {
                    long page = memory.allocate();
                    assertTrue(pages.remove(page), "handed out once");
                    for (int word = 0; word < 512; word++) {
                        assertEquals(0, RawMemory.getLong(page + word * 8L));
                    }
                }
                assertEquals(0, memory.allocate());
            }
        }
    }

    @Nested
    class OfIotlbGather {
        private final IotlbGather gather = new IotlbGather();

        @Test
        void shouldJoinNeighboursInBothDirections() {
            gather.add(10, 2);
            gather.add(12, 1);
            gather.add(9, 1);
            gather.add(5, 4);
            assertEquals(1, gather.rangeCount());
            assertEquals(5, gather.firstBfn(0));
            assertEquals(12, gather.lastBfn(0));
            gather.add(14, 1);
            gather.add(3, 1);
            assertEquals(3, gather.rangeCount());
        }

        @Test
        void shouldCoverExactlyItsRanges() {
            gather.add(10, 3);
            gather.add(20, 1);
            for (long bfn = 0; bfn < 30; bfn++) {
                assertEquals((bfn >= 10 && bfn <= 12) || bfn == 20, gather.covers(bfn), "bfn=" + bfn);
            }
        }

        @Test
        void shouldBecomeTheWholeSpacePastTheThreshold() {
            for (int i = 0; i < IotlbGather.MAX_RANGES; i++) {
                gather.add(i * 2L, 1);
            }
            assertFalse(gather.isWholeSpace());
            gather.add(2L * IotlbGather.MAX_RANGES - 1, 1); // extends the newest, so there is room
            assertFalse(gather.isWholeSpace());
            gather.add(1000, 1);
            assertTrue(gather.isWholeSpace());
            assertEquals(0, gather.rangeCount());
            assertTrue(gather.covers(0) && gather.covers(1L << 40));
            gather.add(5000, 1);
            assertEquals(0, gather.rangeCount());
            assertFalse(gather.isEmpty());
        }

        @Test
        void shouldForgetWhenCleared() {
            gather.addWholeSpace();
            assertFalse(gather.isEmpty());
            gather.clear();
            assertTrue(gather.isEmpty());
            gather.add(1, 1);
            assertFalse(gather.covers(2));
            gather.clear();
            assertFalse(gather.covers(1));
        }

        /** Never less than was added (catalogue I3), and more only when it is everything. */
        @Test
        void shouldCoverWhatWasAddedAndNothingElse() {
            for (int round = 0; round < 300; round++) {
                long seed = Seed.of("IotlbGather", round);
                Random random = new Random(seed);
                IotlbGather some = new IotlbGather();
                boolean[] added = new boolean[400];
                for (int i = random.nextInt(100); i > 0; i--) {
                    int first = random.nextInt(390);
                    int pages = 1 + random.nextInt(10);
                    some.add(first, pages);
                    Arrays.fill(added, first, first + pages, true);
                }
                for (int bfn = 0; bfn < 400; bfn++) {
                    assertEquals(added[bfn] || some.isWholeSpace(), some.covers(bfn), "seed " + seed);
                }
            }
        }
    }

    @Nested
    class OfReaderGate {
        private final ReaderGate gate = new ReaderGate();

        @Test
        void shouldNotWaitWithoutReaders() {
            for (int i = 0; i < 1000; i++) {
                gate.awaitReaders();
            }
        }

        @Test
        void shouldNotWaitForSectionsThatAreClosedOrNested() {
            int outer = gate.enter();
            int inner = gate.enter();
            gate.exit(inner);
            gate.exit(outer);
            gate.awaitReaders();
        }

        /**
         * The writer retires a value by making it invalid after a grace period: a reader that got it inside a section must
         * not see that before it leaves.
         */
        @Test
        void shouldProtectWhatAReaderUses() throws Exception {
            AtomicLong current = new AtomicLong(1);
            AtomicLong retiredUpTo = new AtomicLong();
            AtomicBoolean done = new AtomicBoolean();
            Callable<Void> reader = () -> {
                while (!done.get()) {
                    int section = gate.enter();
                    long mine = current.get();
                    for (int i = 0; i < 50; i++) {
                        assertTrue(retiredUpTo.get() < mine, "used after its grace period");
                    }
                    gate.exit(section);
                }
                return null;
            };
            Callable<Void> writer = () -> {
                try {
                    for (int i = 0; i < 20_000; i++) {
                        long old = current.getAndIncrement();
                        gate.awaitReaders();
                        retiredUpTo.set(old);
                    }
                } finally {
                    done.set(true);
                }
                return null;
            };
            CatalogueARaceTest.together(List.of(reader, reader, writer));
        }
    }

    @Nested
    class OfOwedFrames {
        @Test
        void shouldJoinRunsAndRefuseBeyondItsRoom() {
            try (OwedFrames owed = new OwedFrames(2)) {
                assertTrue(owed.add(10, 100, 3));
                assertTrue(owed.add(13, 103, 2)); // continues in both
                assertEquals(1, owed.runs());
                for (int i = 0; i < 4; i++) {
                    assertTrue(owed.add(40 + 2 * i, 300, 1), "three times the bound");
                }
                assertTrue(owed.add(15, 200, 1));
                assertFalse(owed.add(16, 300, 1)); // bfns continue, frames do not
                assertFalse(owed.add(17, 201, 1)); // frames continue, bfns do not
                assertEquals(6, owed.runs());
                assertEquals(10, owed.frames());
                assertTrue(owed.add(16, 201, 5), "an extension needs no room");
                assertEquals(List.of(10L, 100L, 5L), run(owed, 0));
                assertEquals(List.of(15L, 200L, 6L), run(owed, 5));
                assertEquals(15, owed.frames());
                owed.clear();
                assertEquals(0, owed.runs());
                assertEquals(0, owed.frames());
                assertTrue(owed.add(21, 206, 1));
                assertEquals(List.of(21L, 206L, 1L), run(owed, 0));
            }
        }

        @Test
        void shouldListUnaskedFramesUpToTheBoundAndAlwaysWhatIsThereAlready() {
            try (OwedFrames owed = new OwedFrames(2)) {
                assertTrue(owed.addUnasked(10, 100));
                assertTrue(owed.addUnasked(20, 200));
                assertFalse(owed.addUnasked(30, 300), "its entry in the table tells of it");
                assertTrue(owed.addUnasked(10, 300), "one entry could not tell of two");
                assertEquals(3, owed.runs());
            }
        }

        private static List<Long> run(OwedFrames owed, int run) {
            return List.of(owed.bfn(run), owed.mfn(run), owed.pages(run));
        }
    }

    @Nested
    class OfGuestRegion {
        @Test
        void shouldCountHoldsPerFrameUpToTheLimit() {
            GuestRegion region = new GuestRegion(100, 10, new TestMemory(10));
            for (int i = 0; i < GuestRegion.MAX_HOLDS; i++) {
                assertTrue(region.tryHold(105));
            }
            assertFalse(region.tryHold(105));
            assertEquals(GuestRegion.MAX_HOLDS, region.holds(105));
            assertFalse(region.isReserved(105), "the limit is not the mark of a reserved frame");
            assertEquals(0, region.holds(104));
            assertEquals(0, region.holds(106));
            assertEquals(GuestRegion.MAX_HOLDS, region.totalHolds());
            region.release(105, 1);
            assertTrue(region.tryHold(105));
            region.close();
        }

        @Test
        void shouldNeverLetACountGoBelowZero() {
            GuestRegion region = new GuestRegion(100, 10, new TestMemory(10));
            assertThrows(IllegalStateException.class, () -> region.release(100, 1));
            assertTrue(region.tryHold(100));
            assertThrows(IllegalStateException.class, () -> region.release(100, 2));
            region.reserve(new FrameRange(109, 109));
            assertThrows(IllegalStateException.class, () -> region.release(109, 1));
            region.close();
        }

        @Test
        void shouldReserveTheFramesThatItHas() {
            GuestRegion region = new GuestRegion(100, 10, new TestMemory(10));
            region.reserve(new FrameRange(0, 101));
            region.reserve(new FrameRange(108, FrameRange.MAX_FRAME));
            region.reserve(new FrameRange(200, 300));
            for (long mfn = 100; mfn < 110; mfn++) {
                assertEquals(mfn <= 101 || mfn >= 108, region.isReserved(mfn), "mfn=" + mfn);
                assertEquals(!region.isReserved(mfn), region.tryHold(mfn));
            }
            assertEquals(6, region.totalHolds());
            region.close();
        }

        @Test
        void shouldKnowItsBorders() {
            GuestRegion region = new GuestRegion(100, 10, new TestMemory(10));
            assertEquals(109, region.lastMfn());
            assertEquals(10, region.pages());
            assertTrue(region.contains(100) && region.contains(109));
            assertFalse(region.contains(99) || region.contains(110));
            assertEquals(9 * 4096, region.offsetBytes(109));
            region.close();
        }
    }

    @Nested
    class OfGuestMemoryMap {
        private final GuestMemoryMap map = new GuestMemoryMap(List.of());
        private final TestMemory low = new TestMemory(2);
        private final TestMemory high = new TestMemory(1);
        private final TestMemory far = new TestMemory(1);

        private GuestMemoryMap withRegions() {
            map.add(new GuestRegion(50, 1, far));
            map.add(new GuestRegion(12, 1, high));
            map.add(new GuestRegion(10, 2, low));
            return map;
        }

        @Test
        void shouldFindTheRegionOfAFrame() {
            withRegions();
            for (long mfn = 0; mfn < 60; mfn++) {
                GuestRegion region = map.find(mfn);
                boolean there = (mfn >= 10 && mfn <= 12) || mfn == 50;
                assertEquals(there, region != null, "mfn=" + mfn);
                assertTrue(region == null || region.contains(mfn));
            }
            assertNull(map.find(-1));
            assertNull(map.find(Long.MAX_VALUE));
            assertNull(map.find(Long.MIN_VALUE));
            assertEquals(4, map.registeredFrames());
            assertEquals(
                    List.of(10L, 12L, 50L),
                    map.regions().stream().map(GuestRegion::firstMfn).toList());
        }

        @Test
        void shouldFindOverlaps() {
            withRegions();
            assertEquals(List.of(), map.overlapping(0, 9));
            assertEquals(List.of(), map.overlapping(13, 49));
            assertEquals(List.of(), map.overlapping(51, 1000));
            List<GuestRegion> all = map.regions();
            assertEquals(all, map.overlapping(0, 1000));
            assertEquals(all.subList(0, 1), map.overlapping(0, 10));
            assertEquals(all.subList(0, 1), map.overlapping(11, 11));
            assertEquals(all.subList(0, 2), map.overlapping(11, 12));
            assertEquals(all.subList(1, 2), map.overlapping(12, 49));
            assertEquals(all.subList(1, 3), map.overlapping(12, 50));
            assertEquals(all.subList(2, 3), map.overlapping(50, 50));
        }

        @Test
        void shouldForgetARemovedRegion() {
            withRegions();
            GuestRegion region = map.regions().get(1);
            map.remove(region);
            assertNull(map.find(12));
            assertEquals(3, map.registeredFrames());
        }

        @ParameterizedTest
        @CsvSource({
            "40960,12288,12288",
            "40960,12289,12288",
            "45056,100000,8192",
            "53247,2,1",
            "53248,1,0",
            "0,1,0",
            "204800,4096,4096",
            "204801,4096,4095",
            "40968,51539607528,12280",
            "40960,0,0"
        })
        void shouldTellHowMuchIsAccessible(long address, long lengthBytes, long expected) {
            assertEquals(expected, withRegions().accessibleBytes(address, lengthBytes));
        }

        @Test
        void shouldFindNothingAtTheEndOfAllAddresses() {
            assertEquals(0, withRegions().accessibleBytes(-4096, 4096));
            assertEquals(0, map.accessibleBytes(Long.MIN_VALUE, 8));
        }

        @Test
        void shouldCopyAcrossNeighbouringRegions() {
            withRegions();
            byte[] pattern = new byte[3 * 4096];
            new Random(3).nextBytes(pattern);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, pattern);
                MemorySegment to = arena.allocate(pattern.length);
                map.copyOut(from.address(), 10 << 12, pattern.length);
                assertArrayEquals(Arrays.copyOf(pattern, 8192), low.segment().toArray(ValueLayout.JAVA_BYTE));
                assertArrayEquals(
                        Arrays.copyOfRange(pattern, 8192, 12288), high.segment().toArray(ValueLayout.JAVA_BYTE));
                map.copyIn((10 << 12) + 100, to.address(), 12000);
                assertArrayEquals(
                        Arrays.copyOfRange(pattern, 100, 12100),
                        to.asSlice(0, 12000).toArray(ValueLayout.JAVA_BYTE));
            }
        }

        @Test
        void shouldPublishStatusesAcrossNeighbouringRegionsAndNothingElse() {
            withRegions();
            for (int offset = 0; offset < 24; offset += 4) {
                int n = 300;
                long first = (10L << 12) + 4096 + offset;
                low.segment().fill((byte) 0x77);
                high.segment().fill((byte) 0x77);
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment statuses = arena.allocate(n);
                    for (int i = 0; i < n; i++) {
                        statuses.set(ValueLayout.JAVA_BYTE, i, (byte) (i % 100));
                    }
                    map.publishStatuses(statuses.address(), n, first, 24);
                }
                int[] words = IntStream.concat(
                                Arrays.stream(low.segment().toArray(ValueLayout.JAVA_INT)),
                                Arrays.stream(high.segment().toArray(ValueLayout.JAVA_INT)))
                        .toArray();
                for (int word = 0; word < words.length; word++) {
                    int distance = word * 4 - 4096 - offset;
                    boolean mine = distance >= 0 && distance % 24 == 0 && distance / 24 < n;
                    assertEquals(mine ? -(distance / 24 % 100) : 0x7777_7777, words[word], "word=" + word);
                }
            }
        }

        @Test
        void shouldRefuseAnAddressThatWasNotValidated() {
            assertThrows(IllegalStateException.class, () -> withRegions().hostAddress(13 << 12));
        }
    }

    @Nested
    class OfRawMemory {
        @Test
        void shouldAgreeWithBoundsCheckedAccess() {
            Random random = new Random(Seed.of("RawMemory", 0));
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment segment = arena.allocate(4096, 8);
                for (int i = 0; i < 100_000; i++) {
                    long value = random.nextLong();
                    int at = random.nextInt(4096 - 7);
                    long address = segment.address() + at;
                    switch (random.nextInt(5)) {
                        case 0 -> {
                            RawMemory.putLong(address, value);
                            assertEquals(value, segment.get(ValueLayout.JAVA_LONG_UNALIGNED, at));
                        }
                        case 1 -> {
                            RawMemory.putInt(address, (int) value);
                            assertEquals((int) value, segment.get(ValueLayout.JAVA_INT_UNALIGNED, at));
                        }
                        case 2 -> {
                            RawMemory.putShort(address, (short) value);
                            assertEquals((short) value, segment.get(ValueLayout.JAVA_SHORT_UNALIGNED, at));
                        }
                        case 3 -> {
                            RawMemory.putByte(address, (byte) value);
                            assertEquals((byte) value, segment.get(ValueLayout.JAVA_BYTE, at));
                        }
                        default -> {
                            RawMemory.putLongRelease(address & -8, value);
                            assertEquals(value, segment.get(ValueLayout.JAVA_LONG, at & -8));
                            assertEquals(value, RawMemory.getLongAcquire(address & -8));
                        }
                    }
                    assertEquals(segment.get(ValueLayout.JAVA_LONG_UNALIGNED, at), RawMemory.getLong(address));
                    assertEquals(segment.get(ValueLayout.JAVA_INT_UNALIGNED, at), RawMemory.getInt(address));
                    assertEquals(segment.get(ValueLayout.JAVA_SHORT_UNALIGNED, at), RawMemory.getShort(address));
                    assertEquals(segment.get(ValueLayout.JAVA_BYTE, at), RawMemory.getByte(address));
                }
            }
        }

        @Test
        void shouldCopyExactlyTheBytesAskedFor() {
            Random random = new Random(Seed.of("RawMemory.copy", 0));
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment from = arena.allocate(1024);
                byte[] bytes = new byte[1024];
                random.nextBytes(bytes);
                from.copyFrom(MemorySegment.ofArray(bytes));
                for (int i = 0; i < 2000; i++) {
                    MemorySegment to = arena.allocate(1024);
                    int length = random.nextInt(512);
                    int source = random.nextInt(512);
                    int target = random.nextInt(512);
                    RawMemory.copy(from.address() + source, to.address() + target, length);
                    byte[] expected = new byte[1024];
                    System.arraycopy(bytes, source, expected, target, length);
                    assertArrayEquals(expected, to.toArray(ValueLayout.JAVA_BYTE));
                }
            }
        }
    }

    @Nested
    class OfMappings {
        /** Listing, translation and a TreeMap tell the same, whatever was mapped and unmapped. */
        @Test
        void shouldListWhatIsMapped() {
            for (int round = 0; round < 15; round++) {
                long seed = Seed.of("mappings", round);
                Random random = new Random(seed);
                try (Bench bench = new Bench()) {
                    TreeMap<Long, Op> model = new TreeMap<>();
                    for (int call = 0; call < 40; call++) {
                        Op first = new Op(
                                random.nextInt(3000), DATA_MFN + random.nextInt(900), random.nextBoolean() ? 1 : 3);
                        apply(bench, model, random.nextBoolean(), first.run(1 + random.nextInt(100)));
                    }
                    assertEquals(runsOf(model), bench.mappings(), "seed " + seed);
                    assertPagesOfTheListing(bench, model, random);
                }
            }
        }

        private static void apply(Bench bench, Map<Long, Op> model, boolean map, Op[] ops) {
            assertEquals(0, map ? bench.driver.map(ops) : bench.driver.unmap(ops));
            for (int i = 0; i < ops.length; i++) {
                boolean expected =
                        map ? model.putIfAbsent(ops[i].bfn(), ops[i]) == null : model.remove(ops[i].bfn()) != null;
                assertEquals(expected, bench.driver.status(i) == 0);
            }
        }

        private static List<Mapping> runsOf(NavigableMap<Long, Op> model) {
            List<Mapping> runs = new ArrayList<>();
            for (Op op : model.values()) {
                Mapping last = runs.isEmpty() ? new Mapping(-9, -9, 1, 0) : runs.getLast();
                boolean extendsLast = last.firstBfn() + last.pages() == op.bfn()
                        && last.firstMfn() + last.pages() == op.mfn()
                        && last.access() == op.flags();
                if (extendsLast) {
                    runs.set(
                            runs.size() - 1,
                            new Mapping(last.firstBfn(), last.firstMfn(), last.pages() + 1, last.access()));
                } else {
                    runs.add(new Mapping(op.bfn(), op.mfn(), 1, op.flags()));
                }
            }
            return runs;
        }

        /** A listing in pieces is the listing as a whole. */
        private static void assertPagesOfTheListing(Bench bench, NavigableMap<Long, Op> model, Random random) {
            List<Mapping> all = new ArrayList<>();
            long from = 0;
            while (true) {
                int limit = 1 + random.nextInt(5);
                List<Mapping> piece = bench.space().mappings(from, limit);
                assertTrue(piece.size() <= limit);
                all.addAll(piece);
                if (piece.size() < limit) {
                    break;
                }
                from = piece.getLast().firstBfn() + piece.getLast().pages();
            }
            assertEquals(runsOf(model), all);
        }

        @Test
        void shouldListNothingForSenselessQuestions() {
            try (Bench bench = new Bench()) {
                bench.driver.map(Op.rw(5, DATA_MFN));
                assertEquals(List.of(), bench.space().mappings(6, 10));
                assertEquals(List.of(), bench.space().mappings(0, 0));
                assertEquals(List.of(), bench.space().mappings(-1, 10));
                assertEquals(List.of(), bench.space().mappings(Bench.LAST_BFN + 1, 10));
                assertEquals(
                        List.of(new Mapping(5, DATA_MFN, 1, 3)), bench.space().mappings(5, 1));
            }
        }

        @Test
        void shouldListTheLastBfn() {
            try (Bench bench = new Bench()) {
                bench.driver.map(Op.rw(Bench.LAST_BFN, DATA_MFN));
                assertEquals(List.of(new Mapping(Bench.LAST_BFN, DATA_MFN, 1, 3)), bench.mappings());
            }
        }
    }

    @Nested
    class OfValues {
        @Test
        void shouldRefuseRangesAndLimitsThatCannotBe() {
            assertThrows(IllegalArgumentException.class, () -> new FrameRange(-1, 5));
            assertThrows(IllegalArgumentException.class, () -> new FrameRange(6, 5));
            assertThrows(IllegalArgumentException.class, () -> new FrameRange(0, FrameRange.MAX_FRAME + 1));
            assertEquals(1, new FrameRange(5, 5).count());
            assertThrows(IllegalArgumentException.class, () -> new HostCapabilities("x", -1, 4096, true));
            assertThrows(IllegalArgumentException.class, () -> new HostCapabilities("x", 1L << 36, 4096, true));
            assertThrows(IllegalArgumentException.class, () -> new HostCapabilities("x", 5, 8192, true));
            assertThrows(IllegalArgumentException.class, () -> Bench.policy(-1, 4, 1));
            assertThrows(IllegalArgumentException.class, () -> Bench.policy(1, 3, 1));
            assertThrows(IllegalArgumentException.class, () -> Bench.policy(1, 4, 0));
        }

        @Test
        void shouldKeepEveryFieldOfAnEntryApart() {
            for (long mfn : new long[] {0, 1, 0x12345, PageEntry.LAST_MFN}) {
                for (int access = 1; access <= 3; access++) {
                    long entry = PageEntry.mapped(mfn, access);
                    assertTrue(PageEntry.isMapped(entry) && !PageEntry.isOwed(entry));
                    assertEquals(mfn, PageEntry.mfn(entry));
                    assertEquals(access, PageEntry.access(entry));
                    long owed = PageEntry.removed(entry, PageEntry.OWED);
                    assertTrue(PageEntry.isOwed(owed) && !PageEntry.isMapped(owed));
                    assertEquals(mfn, PageEntry.mfn(owed));
                    assertEquals(0, PageEntry.access(owed));
                    assertNotEquals(PageEntry.EMPTY, owed);
                }
            }
        }

        @Test
        void shouldNameAccess() {
            assertEquals("rw", Access.name(Access.READ_WRITE));
            assertEquals("r-", Access.name(Access.READ));
            assertEquals("-w", Access.name(Access.WRITE));
            assertEquals("--", Access.name(0));
        }

        @Test
        void shouldNotLetARecordBeReadBeyondItsOperations() {
            AtomicLong records = new AtomicLong();
            BatchLog log = new BatchLog() {
                @Override
                public void commitDomains(DomainRecord batch) {}

                @Override
                public void changed(Guest guest, Change change, boolean endOfCall) {}

                @Override
                public boolean reserve(int operations, boolean removal) {
                    return true;
                }

                @Override
                public void commit(SliceRecord slice) {
                    records.incrementAndGet();
                    assertThrows(IndexOutOfBoundsException.class, () -> slice.bfn(slice.operations()));
                    assertThrows(IndexOutOfBoundsException.class, () -> slice.status(-1));
                }
            };
            try (Engine engine = new Engine(new RecordingHost(100, true), log)) {
                Guest guest = engine.addGuest(1, GuestPolicy.permissive(), List.of());
                guest.registerMemory(0, 1, new TestMemory(1));
                try (HypercallExecutor executor = new HypercallExecutor(engine, guest)) {
                    executor.call(IommuOp.MAP_PAGE, 0, 3);
                }
            }
            assertEquals(1, records.get());
        }
    }
}
