package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RadixTableTest {
    private static final long BFNS = 1L << 36;

    private final TableMemory memory = new TableMemory(4096);
    private final TableQuota quota = new TableQuota(4096, () -> {});
    private final ReaderGate readers = new ReaderGate();
    private final RadixTable table = new RadixTable(memory, quota, readers);

    @AfterEach
    void closeMemory() {
        memory.close();
    }

    private void put(long bfn, long mfn) {
        RawMemory.putLong(RadixTable.slot(table.leafForMap(bfn), bfn), PageEntry.mapped(mfn, Access.READ));
    }

    private void remove(long bfn) {
        RawMemory.putLong(RadixTable.slot(table.leaf(bfn), bfn), PageEntry.EMPTY);
        table.prune(bfn);
    }

    @Test
    void shouldFindWhatWasPutAtTheCornersOfAllLevels() {
        List<Long> corners = new ArrayList<>();
        for (int level = 0; level < RadixTable.LEVELS; level++) {
            long step = 1L << (level * RadixTable.INDEX_BITS);
            corners.addAll(List.of(step, step - 1, step * 511, step * 511 + step - 1));
        }
        corners.add(BFNS - 1);
        corners.stream().distinct().forEach(bfn -> put(bfn, bfn + 7));
        for (long bfn : corners) {
            assertEquals(bfn + 7, PageEntry.mfn(table.entry(bfn)), "bfn=" + bfn);
            assertEquals(table.entry(bfn), table.entryForWriter(bfn));
        }
        assertEquals(PageEntry.EMPTY, table.entry(2));
        assertEquals(PageEntry.EMPTY, table.entryForWriter(BFNS - 2));
    }

    @Test
    void shouldFreeTablesWhenTheyAreEmptyAllOverTheSpace() {
        long before = memory.availablePages();
        Random random = new Random(Seed.of("RadixTable.free", 0));
        for (int round = 0; round < 5; round++) {
            List<Long> bfns = new ArrayList<>();
            for (int i = 0; i < 800; i++) {
                long bfn = random.nextLong(BFNS);
                put(bfn, 1);
                bfns.add(bfn);
            }
            assertTrue(memory.availablePages() < before - 800);
            Collections.shuffle(bfns, random);
            bfns.forEach(this::remove);
            table.freeRetired();
            assertEquals(before, memory.availablePages());
            assertEquals(1, table.tablePages());
            assertEquals(1, quota.usedPages());
            assertEquals(-1, table.nextBfnWithLeaf(0));
        }
    }

    @Test
    void shouldHandOutZeroedPagesAgain() {
        for (int round = 0; round < 200; round++) {
            for (long bfn = 0; bfn < 512; bfn += 37) {
                put(bfn + round * 512L, bfn);
            }
            for (long bfn = 0; bfn < 512; bfn++) {
                assertEquals(bfn % 37 == 0, table.entry(bfn + round * 512L) != 0);
            }
            for (long bfn = 0; bfn < 512; bfn += 37) {
                remove(bfn + round * 512L);
            }
        }
    }

    @Test
    void shouldNotUseAStaleLeafAfterPruning() {
        put(5, 1);
        long leaf = table.leaf(5);
        assertNotEquals(0, leaf);
        remove(5);
        assertEquals(0, table.leaf(5));
        assertEquals(PageEntry.EMPTY, table.entryForWriter(5));
        put(1L << 30, 2); // takes the page over, once it is free
        assertEquals(PageEntry.EMPTY, table.entry(5));
    }

    @Test
    void shouldKeepATableWithOneEntryLeft() {
        for (long bfn = 0; bfn < 512; bfn++) {
            put(bfn, bfn);
        }
        for (long bfn = 0; bfn < 512; bfn++) {
            if (bfn != 300) {
                remove(bfn);
            }
        }
        assertEquals(300, PageEntry.mfn(table.entry(300)));
        assertEquals(4, table.tablePages());
    }

    @Test
    void shouldRefuseWithoutPagesAndKeepNothingHalfMade() {
        for (int max = 1; max <= 4; max++) {
            TableQuota small = new TableQuota(max, () -> {});
            RadixTable poor = new RadixTable(memory, small, readers);
            long leaf = poor.leafForMap(77);
            assertEquals(max == 4, leaf != 0);
            poor.freeRetired();
            assertEquals(max == 4 ? 4 : 1, small.usedPages());
        }
    }

    @Test
    void shouldTakeRetiredTablesBackBeforeRefusing() {
        TableQuota small = new TableQuota(4, () -> {});
        RadixTable poor = new RadixTable(memory, small, readers);
        for (int i = 0; i < 100; i++) {
            long bfn = i * (1L << 27) + i;
            long leaf = poor.leafForMap(bfn);
            assertNotEquals(0, leaf, "round " + i);
            poor.prune(bfn);
        }
    }

    @Test
    void shouldRefuseATableWithoutARoot() {
        EngineException refusal =
                assertThrows(EngineException.class, () -> new RadixTable(memory, new TableQuota(0, () -> {}), readers));
        assertEquals(EngineException.Kind.LIMIT, refusal.kind());
    }

    @Test
    void shouldFindTheNextLeafFromAnywhere() {
        Random random = new Random(Seed.of("RadixTable.next", 0));
        TreeMap<Long, Boolean> leaves = new TreeMap<>();
        for (int i = 0; i < 300; i++) {
            long bfn = random.nextInt(3) == 0 ? random.nextLong(BFNS) : random.nextLong(1 << 20);
            put(bfn, 1);
            leaves.put(bfn >>> 9, true);
        }
        for (int i = 0; i < 20_000; i++) {
            long from = random.nextInt(2) == 0 ? random.nextLong(BFNS) : random.nextLong(1 << 21);
            Long leaf = leaves.ceilingKey(from >>> 9);
            long expected = leaf == null ? -1 : Math.max(from, leaf << 9);
            assertEquals(expected, table.nextBfnWithLeaf(from), "from=" + from);
        }
        assertEquals(-1, table.nextBfnWithLeaf(BFNS));
        assertEquals(-1, table.nextBfnWithLeaf(-1));
    }

    @Test
    void shouldAgreeWithATreeMap() {
        for (int round = 0; round < 30; round++) {
            long seed = Seed.of("RadixTable.tree", round);
            Random random = new Random(seed);
            Map<Long, Long> model = new TreeMap<>();
            long range = random.nextBoolean() ? 2048 : BFNS;
            List<Long> used = new ArrayList<>();
            for (int step = 0; step < 3000; step++) {
                if (model.isEmpty() || random.nextInt(5) < 2) {
                    long bfn = random.nextLong(range);
                    long mfn = random.nextLong(PageEntry.LAST_MFN + 1);
                    put(bfn, mfn);
                    model.put(bfn, mfn);
                    used.add(bfn);
                } else {
                    long bfn = used.get(random.nextInt(used.size()));
                    if (model.remove(bfn) != null) {
                        remove(bfn);
                    }
                    assertEquals(PageEntry.EMPTY, table.entry(bfn), "seed " + seed);
                }
            }
            model.forEach((bfn, mfn) -> assertEquals(mfn, PageEntry.mfn(table.entry(bfn)), "seed " + seed));
            model.keySet().forEach(this::remove);
            table.freeRetired();
            assertEquals(1, table.tablePages(), "seed " + seed);
        }
    }

    /**
     * Bus frame b is only ever mapped to b + a multiple of 2^20, so a translation that mixes two tables, or reads a page
     * that was handed out again, is seen at once.
     */
    @Test
    void shouldNeverShowReadersATranslationThatWasNeverValid() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        AtomicLong hits = new AtomicLong();
        Callable<Void> reader = () -> {
            Random random = new Random(1);
            while (!done.get()) {
                long bfn = bfnOf(random.nextInt(4096));
                int section = readers.enter();
                try {
                    long entry = table.entry(bfn);
                    if (entry != PageEntry.EMPTY) {
                        assertTrue(PageEntry.isMapped(entry), "entry=" + Long.toHexString(entry));
                        assertEquals(bfn & 0xf_ffff, PageEntry.mfn(entry) & 0xf_ffff);
                        hits.incrementAndGet();
                    }
                } finally {
                    readers.exit(section);
                }
            }
            return null;
        };
        Callable<Void> writer = () -> {
            Random random = new Random(2);
            try {
                for (int step = 0; step < 300_000; step++) {
                    long bfn = bfnOf(random.nextInt(4096));
                    if (table.entryForWriter(bfn) == PageEntry.EMPTY) {
                        put(bfn, (bfn & 0xf_ffff) | (long) random.nextInt(1000) << 20);
                    } else {
                        remove(bfn);
                    }
                    if (step % 16 == 0) {
                        table.freeRetired(); // so that pages change hands quickly
                    }
                }
            } finally {
                done.set(true);
            }
            return null;
        };
        CatalogueARaceTest.together(List.of(reader, writer));
        assertTrue(hits.get() > 0);
    }

    /** Few enough leaves to be met again, in tables of their own. */
    private static long bfnOf(int random) {
        return ((long) (random & 63) << 18) + (random >>> 6);
    }

    @Test
    void shouldWaitForReadersBeforeAPageIsReused() throws Exception {
        put(5, 1);
        long available = memory.availablePages();
        int section = readers.enter();
        remove(5);
        Thread writer = Thread.ofPlatform().start(table::freeRetired);
        try {
            writer.join(30); // gives a table that does not wait the time to be wrong
            assertTrue(writer.isAlive());
            assertEquals(available, memory.availablePages());
        } finally {
            readers.exit(section);
        }
        writer.join(60_000);
        assertEquals(available + 3, memory.availablePages());
    }
}
