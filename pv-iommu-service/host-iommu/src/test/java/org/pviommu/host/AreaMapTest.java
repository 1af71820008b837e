package org.pviommu.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;
import org.pviommu.host.contract.ArenaMemory;
import org.pviommu.host.contract.Devices;

class AreaMapTest {
    private static final int PAGES = 48;
    private static final GuestMemory MEMORY = new ArenaMemory(1);

    @Test
    void shouldKeepTheOffsetOfEachPieceOfACutArea() {
        AreaMap map = new AreaMap(true);
        assertTrue(map.add(area(10, 14, 100)));

        assertEquals(1, map.remove(12, 12));

        assertEquals(2, map.areas().size());
        assertEquals(area(10, 11, 100), map.areas().get(0));
        assertEquals(area(13, 14, 103), map.areas().get(1));
    }

    @Test
    void shouldRefuseToCutAndChangeNothing() {
        AreaMap map = new AreaMap(false);
        assertTrue(map.add(area(10, 14, 100)));

        assertEquals(-HostErrno.EBUSY, map.remove(10, 13));
        assertEquals(-HostErrno.EBUSY, map.remove(11, 14));
        assertEquals(-HostErrno.EBUSY, map.remove(11, 20));

        assertEquals(area(10, 14, 100), map.areas().get(0));
        assertEquals(5, map.remove(10, 20));
        assertNull(map.find(10));
    }

    @Test
    void shouldAgreeWithAMapOfSinglePages() {
        runAgainstPages(RandomTest.random("shouldAgreeWithAMapOfSinglePages"), true);
    }

    @Test
    void shouldAgreeWithAMapOfSinglePagesWhenItDoesNotCut() {
        runAgainstPages(RandomTest.random("shouldAgreeWithAMapOfSinglePagesWhenItDoesNotCut"), false);
    }

    private static void runAgainstPages(SplittableRandom random, boolean cuts) {
        AreaMap map = new AreaMap(cuts);
        PageMap model = new PageMap(cuts);
        long ops = RandomTest.ops() / 4;
        for (long op = 0; op < ops; op++) {
            int first = random.nextInt(PAGES);
            int last = Math.min(PAGES - 1, first + random.nextInt(8));
            if (random.nextBoolean()) {
                Area area = area(first, last, random.nextInt(1 << 20));
                assertEquals(model.add(area), map.add(area), "op=" + op);
            } else {
                assertEquals(model.remove(first, last), map.remove(first, last), "op=" + op);
            }
            for (int bfn = 0; bfn < PAGES; bfn++) {
                Area found = map.find(bfn);
                assertEquals(model.offsets[bfn], found == null ? null : (Long) found.offsetOf(bfn), "op=" + op);
            }
        }
    }

    /** One array slot a page, and the number of the add() that a page came with. */
    private static final class PageMap {
        private final @Nullable Long[] offsets = new @Nullable Long[PAGES];
        private final long[] addedBy = new long[PAGES];
        private final boolean cuts;
        private long adds;

        PageMap(boolean cuts) {
            this.cuts = cuts;
        }

        boolean add(Area area) {
            for (long bfn = area.firstBfn(); bfn <= area.lastBfn(); bfn++) {
                if (offsets[(int) bfn] != null) {
                    return false;
                }
            }
            adds++;
            for (long bfn = area.firstBfn(); bfn <= area.lastBfn(); bfn++) {
                offsets[(int) bfn] = area.offsetOf(bfn);
                addedBy[(int) bfn] = adds;
            }
            return true;
        }

        long remove(int first, int last) {
            if (offsets[first] == null) {
                return -HostErrno.ENOENT;
            }
            int end = first;
            while (end <= last && offsets[end] != null) {
                int next = endOfArea(end);
                boolean wouldCut = beginsBefore(end) || next > last + 1;
                if (wouldCut && !cuts) {
                    break;
                }
                end = Math.min(next, last + 1);
            }
            for (int bfn = first; bfn < end; bfn++) {
                offsets[bfn] = null;
            }
            return end > first ? end - first : -HostErrno.EBUSY;
        }

        private boolean beginsBefore(int bfn) {
            return bfn > 0 && offsets[bfn - 1] != null && addedBy[bfn - 1] == addedBy[bfn];
        }

        private int endOfArea(int bfn) {
            int end = bfn;
            while (end < PAGES && offsets[end] != null && addedBy[end] == addedBy[bfn]) {
                end++;
            }
            return end;
        }
    }

    /**
     * Readers look the outer pages and the middle one of five up all the time while the two between are cut out, in
     * areas that are made afresh each round. A reader that lost a race between a node and its value would see a page
     * vanish that was mapped all along.
     */
    @Test
    void shouldFindNeighboursAtEveryMomentOfACut() {
        AreaMap map = new AreaMap(true);
        AtomicLong inUse = new AtomicLong(100);
        assertTrue(map.add(area(100, 104, 0)));
        try (Devices readers = new Devices(1, () -> lookUpNeighbours(map, inUse.get()))) {
            for (int round = 0; round < 20_000; round++) {
                long area = inUse.get();
                long next = 300 - area;
                assertEquals(1, map.remove(area + 1, area + 1));
                assertEquals(1, map.remove(area + 3, area + 3));
                assertTrue(map.add(area(next, next + 4, 0)));
                inUse.set(next);
                readers.awaitFullTurn();
                assertEquals(1, map.remove(area, area));
                assertEquals(1, map.remove(area + 2, area + 2));
                assertEquals(1, map.remove(area + 4, area + 4));
            }
        }
    }

    private static void lookUpNeighbours(AreaMap map, long firstBfn) {
        for (int again = 0; again < 20; again++) {
            for (long page = 4; page >= 0; page -= 2) {
                Area found = map.find(firstBfn + page);
                assertNotNull(found, "page " + page + " vanished");
                assertEquals(page * 4096, found.offsetOf(firstBfn + page));
            }
        }
    }

    @Test
    void shouldRefuseEveryOverlap() {
        AreaMap map = new AreaMap(true);
        assertTrue(map.add(area(10, 12, 0)));
        assertFalse(map.add(area(12, 14, 0)));
        assertFalse(map.add(area(8, 10, 0)));
        assertFalse(map.add(area(11, 11, 0)));
        assertFalse(map.add(area(5, 20, 0)));
        assertTrue(map.add(area(13, 13, 0)));
        assertTrue(map.add(area(9, 9, 0)));
    }

    private static Area area(long firstBfn, long lastBfn, long frame) {
        return new Area(firstBfn, lastBfn, MEMORY, frame * 4096, Access.READ_WRITE);
    }
}
