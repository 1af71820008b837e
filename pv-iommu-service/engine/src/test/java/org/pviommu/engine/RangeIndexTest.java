package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.engine.RangeIndex.Insertion;

class RangeIndexTest {
    private static final int PAGES = 1 << 14;
    private static final long LAST = -1L;
    private static final RangeIndex.Sink IGNORED = (first, last, target, attributes) -> {};

    private record Range(long last, long target, long attributes) {}

    private final TableMemory memory = new TableMemory(PAGES);
    private final TableQuota quota = new TableQuota(PAGES, () -> {});
    private final ReaderGate readers = new ReaderGate();
    private final RangeIndex index = new RangeIndex(memory, quota, readers);

    @AfterEach
    void closeMemory() {
        memory.close();
    }

    private void map(long first, long last) {
        assertEquals(Insertion.DONE, index.insert(first, last, first + 1000, Access.READ));
    }

    private String state() {
        StringBuilder text = new StringBuilder();
        for (long entry = index.findAtOrAfter(0); entry != 0; entry = next(index, entry)) {
            text.append('[').append(Long.toUnsignedString(RangeIndex.first(entry)));
            text.append(',')
                    .append(Long.toUnsignedString(RangeIndex.last(entry)))
                    .append(']');
        }
        return text.toString();
    }

    private static long next(RangeIndex index, long entry) {
        long last = RangeIndex.last(entry);
        return last == LAST ? 0 : index.findAtOrAfter(last + 1);
    }

    /** C63, C64, C65: the seven examples of the specification; ranges in units of one byte. */
    @ParameterizedTest(name = "example {0}")
    @CsvSource(delimiter = '|', textBlock = """
        1 | ''           | 0 | 4  | 0  | ''
        2 | [0,9]        | 0 | 9  | 1  | ''
        3 | [0,4][5,9]   | 0 | 9  | 2  | ''
        4 | [0,9]        | 0 | 4  | -1 | [0,9]
        5 | [0,4][5,9]   | 0 | 4  | 1  | [5,9]
        6 | [0,4]        | 0 | 9  | 1  | ''
        7 | [0,4][10,14] | 0 | 14 | 2  | ''
        """)
    void C65_unmapExample(int number, String before, long first, long last, int removed, String after) {
        Matcher ranges = Pattern.compile("(\\d+),(\\d+)").matcher(before);
        while (ranges.find()) {
            map(Long.parseLong(ranges.group(1)), Long.parseLong(ranges.group(2)));
        }
        assertEquals(removed, index.remove(first, last, IGNORED));
        assertEquals(after, state());
    }

    @Test
    void C64_nothingIsRemovedWhenAMappingFurtherOnWouldBeCut() {
        map(0, 4);
        map(10, 14);
        assertEquals(RangeIndex.SPLIT, index.remove(0, 12, IGNORED));
        assertEquals(RangeIndex.SPLIT, index.remove(2, 20, IGNORED));
        assertEquals(RangeIndex.SPLIT, index.remove(11, 12, IGNORED));
        assertEquals(RangeIndex.SPLIT, index.remove(3, 11, IGNORED));
        assertEquals("[0,4][10,14]", state());
    }

    @Test
    void B19_theWholeSpaceIsOneRange() {
        map(0, LAST);
        assertEquals(Insertion.OVERLAP, index.insert(LAST, LAST, 0, 0));
        assertEquals(LAST, RangeIndex.last(index.find(Long.MIN_VALUE)));
        assertEquals(1, index.remove(0, LAST, IGNORED));
        map(LAST, LAST);
        map(0, 0);
        map(Long.MAX_VALUE, Long.MIN_VALUE); // the middle, where the sign changes
        assertEquals(
                "[0,0][9223372036854775807,9223372036854775808][18446744073709551615,18446744073709551615]", state());
        assertEquals(3, index.remove(0, LAST, IGNORED));
        assertEquals("", state());
    }

    @Test
    void C48_overlapIsRefusedAtEachByteAndAdjacentIsNot() {
        map(10, 19);
        for (long first = 0; first < 30; first++) {
            for (long last = first; last < 30; last++) {
                boolean free = last < 10 || first > 19;
                assertEquals(!free, index.overlaps(first, last));
                if (!free) {
                    assertEquals(Insertion.OVERLAP, index.insert(first, last, 0, 0));
                }
            }
        }
        map(9, 9);
        map(20, 20);
        assertEquals("[9,9][10,19][20,20]", state());
        assertThrows(IllegalArgumentException.class, () -> index.insert(2, 1, 0, 0));
    }

    @Test
    void C56_bytesBesideAMappingAreNotInIt() {
        map(0x1000, 0x1fff);
        assertEquals(0, index.find(0xfff));
        assertEquals(0, index.find(0x2000));
        assertEquals(0x1000 + 1000, RangeIndex.target(index.find(0x1000)));
        assertNotEquals(0, index.find(0x1fff));
    }

    /** 2 million operations against a sorted map of Java, over spaces from crowded to wide. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void shouldAgreeWithANaiveModelOnRandomOperations(int round) {
        long seed = Seed.of("RangeIndex.model", round);
        long before = memory.availablePages() + index.tablePages();
        Model model = new Model(index, new Random(seed), round);
        for (int i = 0; i < 500_000; i++) {
            model.step();
            if (i % 20_000 == 0) {
                model.compareAll("seed=" + seed + " operation=" + i);
            }
        }
        model.compareAll("seed=" + seed);
        assertEquals(model.ranges.size(), index.remove(0, LAST, IGNORED));
        index.freeRetired();
        assertTrue(index.tablePages() <= RangeIndex.KEPT_NODES / 8 + 8, "pages=" + index.tablePages());
        index.destroy();
        assertEquals(before, memory.availablePages());
        assertEquals(0, quota.usedPages());
        assertEquals(0, index.find(0));
    }

    /** What the index has to agree with, as simple as can be; keys are unsigned. */
    private static final class Model {
        private final NavigableMap<Long, Range> ranges = new TreeMap<>(Long::compareUnsigned);
        private final RangeIndex index;
        private final Random random;
        private final long spaceMask;
        private final int maxLength;
        private long digest;
        private long indexDigest;
        private boolean shrinking;

        Model(RangeIndex index, Random random, int round) {
            this.index = index;
            this.random = random;
            spaceMask = new long[] {0x3ff, 0xffff, 0xffffff, LAST}[round];
            maxLength = new int[] {12, 100, 500, 1000}[round];
        }

        void step() {
            if (random.nextInt(50_000) == 0) {
                shrinking = !shrinking;
            }
            long first = random.nextLong() & spaceMask;
            long last = first + random.nextInt(maxLength);
            last = Long.compareUnsigned(last, first) < 0 ? LAST : last;
            int kind = random.nextInt(10);
            if (kind < (shrinking ? 2 : 5)) {
                insert(first, last);
            } else if (kind < 7) {
                removeOne(first);
            } else if (kind < 8) {
                remove(first, last);
            } else {
                find(first);
            }
        }

        private void insert(long first, long last) {
            Map.Entry<Long, Range> before = ranges.floorEntry(last);
            boolean overlaps = before != null && Long.compareUnsigned(before.getValue().last, first) >= 0;
            Range range = new Range(last, random.nextLong(), random.nextInt(4));
            assertEquals(
                    overlaps ? Insertion.OVERLAP : Insertion.DONE,
                    index.insert(first, last, range.target, range.attributes));
            if (!overlaps) {
                ranges.put(first, range);
                digest += number(first, range);
                indexDigest += RangeDigest.of(1, first, last, range.target, range.attributes);
            }
        }

        /** What exists is removed often, alone or with those after it: random ranges seldom fit. */
        private void removeOne(long near) {
            Map.Entry<Long, Range> chosen = ranges.ceilingEntry(near);
            if (chosen == null) {
                return;
            }
            Map.Entry<Long, Range> end = chosen;
            for (int i = random.nextInt(40) - 20; i > 0; i--) {
                Map.Entry<Long, Range> higher = ranges.higherEntry(end.getKey());
                end = higher == null ? end : higher;
            }
            remove(chosen.getKey(), end.getValue().last);
        }

        private void remove(long first, long last) {
            NavigableMap<Long, Range> within = ranges.subMap(first, true, last, true);
            Map.Entry<Long, Range> lower = ranges.lowerEntry(first);
            boolean split = lower != null && Long.compareUnsigned(lower.getValue().last, first) >= 0;
            split |=
                    !within.isEmpty() && Long.compareUnsigned(within.lastEntry().getValue().last, last) > 0;
            int removed = index.remove(
                    first,
                    last,
                    (from, to, target, attributes) -> indexDigest -= RangeDigest.of(1, from, to, target, attributes));
            assertEquals(split ? RangeIndex.SPLIT : within.size(), removed);
            if (!split) {
                within.forEach((from, range) -> digest -= number(from, range));
                within.clear();
            }
            assertEquals(digest, indexDigest);
        }

        private void find(long iova) {
            Map.Entry<Long, Range> floor = ranges.floorEntry(iova);
            boolean inside = floor != null && Long.compareUnsigned(floor.getValue().last, iova) >= 0;
            long entry = index.find(iova);
            assertEquals(inside, entry != 0);
            if (inside) {
                compare(floor, entry, "");
            }
            Map.Entry<Long, Range> next = inside ? floor : ranges.ceilingEntry(iova);
            long found = index.findAtOrAfter(iova);
            assertEquals(next == null, found == 0);
            if (next != null) {
                compare(next, found, "");
            }
        }

        private static long number(long first, Range range) {
            return RangeDigest.of(1, first, range.last, range.target, range.attributes);
        }

        void compareAll(String message) {
            assertEquals(ranges.size(), index.size(), message);
            long entry = index.findAtOrAfter(0);
            for (Map.Entry<Long, Range> each : ranges.entrySet()) {
                compare(each, entry, message);
                entry = next(index, entry);
            }
            assertEquals(0, entry, message);
        }

        private static void compare(Map.Entry<Long, Range> expected, long entry, String message) {
            assertEquals(expected.getKey(), RangeIndex.first(entry), message);
            assertEquals(expected.getValue().last, RangeIndex.last(entry), message);
            assertEquals(expected.getValue().target, RangeIndex.target(entry), message);
            assertEquals(expected.getValue().attributes, RangeIndex.attributes(entry), message);
        }
    }

    /**
     * A reader that looks all the time: a mapping that stays is always found with its own target, whatever comes and goes next to
     * it, and what comes and goes is either not there or whole.
     */
    @Test
    void shouldShowReadersWholeMappingsWhileTheyChange() throws InterruptedException {
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong looks = new AtomicLong();
        AtomicReference<String> wrong = new AtomicReference<>("");
        for (long slot = 0; slot < 4096; slot += 64) {
            map(slot * 16, slot * 16 + 15); // these stay
        }
        Thread reader = Thread.ofPlatform().start(() -> {
            Random random = new Random(7);
            while (!stop.get() && wrong.get().isEmpty()) {
                wrong.set(look(random.nextInt(4096 * 16)));
                looks.incrementAndGet();
            }
        });
        long seed = Seed.of("RangeIndex.readers", 0);
        Random random = new Random(seed);
        while (looks.get() < 300_000 && wrong.get().isEmpty()) {
            long slot = random.nextInt(4096);
            if (slot % 64 != 0) {
                long first = slot * 16;
                if (index.insert(first, first + 15, first + 1000, Access.READ) == Insertion.OVERLAP) {
                    assertEquals(1, index.remove(first, first + 15, IGNORED));
                }
            }
            if (random.nextInt(200) == 0) {
                long group = random.nextInt(64) * 64L;
                index.remove((group + 1) * 16, (group + 64) * 16 - 1, IGNORED);
            }
        }
        stop.set(true);
        reader.join();
        assertEquals("", wrong.get(), "seed=" + seed);
    }

    private String look(long iova) {
        int section = readers.enter();
        try {
            long entry = index.find(iova);
            if (entry == 0) {
                return iova / 16 % 64 == 0 ? "iova=" + iova + " is mapped and was not found" : "";
            }
            long first = RangeIndex.first(entry);
            boolean whole = first == iova / 16 * 16
                    && RangeIndex.last(entry) == first + 15
                    && RangeIndex.target(entry) == first + 1000;
            return whole ? "" : "iova=" + iova + " first=" + first + " last=" + RangeIndex.last(entry);
        } finally {
            readers.exit(section);
        }
    }

    @Test
    void A33_quotaBoundsMemoryAndRemovalNeedsNone() {
        TableQuota small = new TableQuota(12, () -> {});
        RangeIndex limited = new RangeIndex(memory, small, readers);
        Random random = new Random(Seed.of("RangeIndex.quota", 0));
        List<Long> mapped = new ArrayList<>();
        for (int round = 0; round < 20; round++) {
            for (int refused = 0; refused < 10; ) {
                long first = random.nextInt(1 << 20) * 16L;
                Insertion done = limited.insert(first, first + 15, first, 0);
                refused += done == Insertion.NO_MEMORY ? 1 : 0;
                if (done == Insertion.DONE) {
                    mapped.add(first);
                }
            }
            assertEquals(mapped.size(), limited.size());
            assertTrue(small.usedPages() <= 12);
            for (int i = mapped.size() / 2; i > 0; i--) {
                long first = mapped.remove(random.nextInt(mapped.size()));
                assertEquals(1, limited.remove(first, first + 15, IGNORED));
            }
            mapped.forEach(first -> assertNotEquals(0, limited.find(first)));
        }
        assertEquals(mapped.size(), limited.remove(0, LAST, IGNORED));
        limited.destroy();
        assertEquals(0, small.usedPages());
        assertThrows(EngineException.class, () -> new RangeIndex(memory, new TableQuota(0, () -> {}), readers));
    }

    @Test
    void shouldTakeNoMoreMemoryThanPeersPerMapping() {
        Random random = new Random(Seed.of("RangeIndex.memory", 0));
        while (index.size() < 100_000) {
            long first = (random.nextLong() & 0x3fffffffffL) & -4096L;
            index.insert(first, first + 4095, first, 0);
        }
        long bytes = (long) index.tablePages() * TableMemory.PAGE_BYTES;
        assertTrue(bytes <= 80 * index.size(), "bytes a mapping=" + bytes / index.size());
    }

    @Test
    void shouldNotAllocateOnTheHeapInSteadyState() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long allocated = Long.MAX_VALUE;
        for (int attempt = 0; attempt < 200 && allocated > 4096; attempt++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 20_000; i++) {
                long first = (i * 0x9e3779b97f4a7c15L) >>> 30;
                index.insert(first, first, first, 0);
                index.find(first);
                index.remove(first, first, IGNORED);
            }
            allocated = threads.getCurrentThreadAllocatedBytes() - before;
        }
        assertTrue(allocated <= 4096, "bytes=" + allocated);
    }

    @Test
    void shouldTellBoundariesApartInTheDigest() {
        long one = RangeDigest.of(5, 0, 9, 100, 1);
        long two = RangeDigest.of(5, 0, 4, 100, 1) + RangeDigest.of(5, 5, 9, 105, 1);
        assertNotEquals(one, two);
        assertFalse(RangeDigest.of(6, 0, 9, 100, 1) == one);
    }
}
