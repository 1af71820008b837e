package org.pviommu.host.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.pviommu.natives.Errno;

class AreaIndexTest {
    private static final int BFNS = 200;
    private static final int STEPS = 50_000;

    private final AreaIndex index = new AreaIndex();

    /** Compared page by page with a map of pages, each with the number of the area it was mapped with. */
    @Test
    void shouldAgreeWithPages() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        NavigableMap<Long, long[]> pages = new TreeMap<>(); // bfn -> area, address
        long areas = 0;
        for (int step = 0; step < STEPS; step++) {
            long bfn = random.nextInt(BFNS);
            long length = random.nextLong(1, 13);
            String where = "seed=" + seed + " step=" + step;
            boolean taken = !pages.subMap(bfn, true, bfn + length - 1, true).isEmpty();
            assertEquals(taken, index.overlaps(bfn, length), where);
            if (!taken && random.nextBoolean()) {
                index.add(bfn, length, bfn << 20, 3);
                areas++;
                for (long page = 0; page < length; page++) {
                    pages.put(bfn + page, new long[] {areas, (bfn << 20) + (page << 12)});
                }
            } else if (random.nextInt(3) == 0) {
                index.remove(bfn, length);
                pages.subMap(bfn, true, bfn + length - 1, true).clear();
                areas = renumber(pages, areas);
            } else {
                assertEquals(removable(pages, bfn, length), index.removable(bfn, length), where);
            }
            long probe = random.nextInt(BFNS);
            int found = index.find(probe);
            long @Nullable [] page = pages.get(probe);
            assertEquals(page != null, found >= 0, where);
            if (page != null) {
                assertEquals(page[1], index.address(found) + ((probe - index.firstBfn(found)) << 12), where);
            }
        }
        assertTrue(areas > 1000, "areas=" + areas);
    }

    /** After a removal in the middle the parts are areas of their own. */
    private static long renumber(NavigableMap<Long, long[]> pages, long last) {
        long areas = last;
        long before = -2;
        long oldArea = -1;
        for (var entry : pages.entrySet()) {
            long area = entry.getValue()[0];
            if (entry.getKey() != before + 1 || area != oldArea) {
                areas++;
            }
            oldArea = area;
            before = entry.getKey();
            entry.getValue()[0] = areas;
        }
        return areas;
    }

    private static long removable(NavigableMap<Long, long[]> pages, long bfn, long length) {
        if (!pages.containsKey(bfn)) {
            return -Errno.ENOENT;
        }
        if (sameArea(pages, bfn - 1, bfn)) {
            return -Errno.EBUSY;
        }
        long whole = 0;
        for (long page = 1; page <= length && pages.containsKey(bfn + page - 1); page++) {
            if (!sameArea(pages, bfn + page - 1, bfn + page)) {
                whole = page;
            }
        }
        return whole == 0 ? -Errno.EBUSY : whole;
    }

    private static boolean sameArea(NavigableMap<Long, long[]> pages, long one, long other) {
        long[] a = pages.get(one);
        long[] b = pages.get(other);
        return a != null && b != null && a[0] == b[0];
    }
}
