package org.pviommu.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuStatus;

/**
 * The comparison is worth something only if both tables do the same work: random streams of batches get the same statuses
 * and leave the same entries in C, in ours, and in a map of the standard library.
 */
class ComparatorTest {
    private static final int BATCHES = 400;
    private static final int MAX_BATCH = 300;

    /** Around leaf and upper-level boundaries, at both ends of the aperture, and beyond it. */
    private static final long[] BASES = {
        0,
        (1L << 9) - 150,
        (1L << 18) - 150,
        5L << 20,
        PageTable.LAST_BFN - 300,
        PageTable.LAST_BFN - 100,
        Long.MAX_VALUE - 100,
        -200
    };

    private static final long[] MFNS = {0, 1L << 18, (1L << 40) - 150, Long.MAX_VALUE - 10, -1};
    private static final int[] FLAGS = {3, 3, 3, 3, 3, 1, 1, 0, 2, 4, 7, 0x8000_0003};

    @Test
    void shouldGiveTheSameStatusesAndEntriesInCAndJavaAndTheModel() {
        long seed = seed();
        System.out.println("ComparatorTest seed=" + seed);
        Random random = new Random(seed);
        Map<Long, Long> model = new HashMap<>();
        Set<Long> touched = new HashSet<>();
        Set<Integer> seen = new HashSet<>();
        try (Arena arena = Arena.ofConfined();
                PageTable c = PageTable.open("c");
                PageTable java = PageTable.open("java")) {
            MemorySegment inC = arena.allocate((long) MAX_BATCH * IommuMapOp.SIZE, 8);
            MemorySegment inJava = arena.allocate((long) MAX_BATCH * IommuMapOp.SIZE, 8);
            for (int batch = 0; batch < BATCHES; batch++) {
                boolean maps = random.nextInt(5) < 3;
                int n = 1 + random.nextInt(MAX_BATCH);
                fillRandomly(random, inC, n);
                MemorySegment.copy(inC, 0, inJava, 0, inC.byteSize());
                List<Integer> expected = apply(model, maps, inC, n, touched);
                seen.addAll(expected);

                run(c, maps, inC, n);
                run(java, maps, inJava, n);

                String where = "seed=" + seed + " batch=" + batch + (maps ? " map" : " unmap");
                assertEquals(expected, statuses(inC, n), "C " + where);
                assertEquals(expected, statuses(inJava, n), "Java " + where);
                assertEquals(-1, inC.mismatch(inJava), "bytes besides the statuses changed, " + where);
            }
            for (long bfn : touched) {
                long entry = model.getOrDefault(bfn, 0L);
                assertEquals(entry, c.entry(bfn), "C seed=" + seed + " bfn=" + bfn);
                assertEquals(entry, java.entry(bfn), "Java seed=" + seed + " bfn=" + bfn);
            }
        }
        Set<Integer> all = Set.of(
                IommuStatus.OK,
                IommuStatus.EINVAL,
                IommuStatus.ERANGE,
                IommuStatus.ENXIO,
                IommuStatus.EADDRINUSE,
                IommuStatus.ENOENT);
        assertEquals(all, seen, "statuses that occurred, seed=" + seed);
        assertTrue(model.size() > 100, "seed=" + seed + " mapped=" + model.size());
    }

    private static long seed() {
        String given = System.getProperty("seed", "");
        return given.isEmpty() ? System.nanoTime() : Long.parseLong(given);
    }

    /** Mostly runs, as guests send them, with single operations and bad ones in between. */
    private static void fillRandomly(Random random, MemorySegment operations, int n) {
        long bfn = 0;
        long mfn = 0;
        int flags = 3;
        for (int i = 0; i < n; i++) {
            if (i == 0 || random.nextInt(12) == 0) {
                bfn = BASES[random.nextInt(BASES.length)] + random.nextInt(300);
                mfn = MFNS[random.nextInt(MFNS.length)] + random.nextInt(300);
                flags = FLAGS[random.nextInt(FLAGS.length)];
            }
            long offset = (long) i * IommuMapOp.SIZE;
            IommuMapOp.putBfn(operations, offset, bfn++);
            IommuMapOp.putMfn(operations, offset, mfn++);
            IommuMapOp.putFlags(operations, offset, flags);
            IommuMapOp.putStatus(operations, offset, random.nextInt());
        }
    }

    private static List<Integer> apply(
            Map<Long, Long> model, boolean maps, MemorySegment operations, int n, Set<Long> touched) {
        List<Integer> statuses = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            long offset = (long) i * IommuMapOp.SIZE;
            long bfn = IommuMapOp.bfn(operations, offset);
            touched.add(bfn);
            statuses.add(
                    maps
                            ? mapInModel(
                                    model,
                                    bfn,
                                    IommuMapOp.mfn(operations, offset),
                                    IommuMapOp.flags(operations, offset))
                            : unmapInModel(model, bfn));
        }
        return statuses;
    }

    private static int mapInModel(Map<Long, Long> model, long bfn, long mfn, int flags) {
        if (flags != 1 && flags != 3) {
            return IommuStatus.EINVAL;
        }
        if (isOutside(bfn)) {
            return IommuStatus.ERANGE;
        }
        if (mfn < 0 || mfn >= 1L << 40) {
            return IommuStatus.ENXIO;
        }
        return model.putIfAbsent(bfn, mfn * 4096 + flags) == null ? IommuStatus.OK : IommuStatus.EADDRINUSE;
    }

    private static int unmapInModel(Map<Long, Long> model, long bfn) {
        if (isOutside(bfn)) {
            return IommuStatus.ERANGE;
        }
        return model.remove(bfn) == null ? IommuStatus.ENOENT : IommuStatus.OK;
    }

    private static boolean isOutside(long bfn) {
        return bfn < 0 || bfn > PageTable.LAST_BFN;
    }

    private static void run(PageTable table, boolean maps, MemorySegment operations, int n) {
        if (maps) {
            table.map(operations, n);
        } else {
            table.unmap(operations, n);
        }
    }

    private static List<Integer> statuses(MemorySegment operations, int n) {
        List<Integer> statuses = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            statuses.add(IommuMapOp.status(operations, (long) i * IommuMapOp.SIZE));
        }
        return statuses;
    }
}
