package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.DATA_PAGES;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;

/**
 * Row A33 of the fault catalogue: whatever a guest maps, a quota of its own stops it with -ENOSPC and the service's memory
 * stays bounded.
 */
class CatalogueAQuotaTest {
    private static int[] all(int n, int status) {
        int[] statuses = new int[n];
        Arrays.fill(statuses, status);
        return statuses;
    }

    // The worst a guest can do: each page needs a table of its own.

    /** 2 MiB of bus addresses in pages: what one leaf covers. */
    private static final long SLOT_PAGES = 512;
    /** How many such slots a 48-bit space has. */
    private static final long SLOTS = 1L << 27;

    private static final int BATCH = 4096;
    private static final int TABLE_QUOTA = GuestPolicy.DEFAULT_MAX_TABLE_PAGES;

    @Test
    void A33_onePageInEvery2MiBOfA48BitSpaceIsStoppedByTheTableQuota() {
        RecordingHost host = new RecordingHost(HostCapabilities.MAX_LAST_BFN, true);
        try (Bench bench = new Bench(Bench.policy(1 << 24, TABLE_QUOTA, 1 << 17), host, List.of())) {
            long before = bench.tables.availablePages();

            long mapped = 0;
            while (mapSlots(bench, mapped, index -> index) == BATCH) {
                mapped += BATCH;
                assertTrue(mapped < TABLE_QUOTA, "nothing stops it");
            }
            // The first refusal, then thousands of others, next to it and all over the space: nothing grows any more.
            long stopped = bench.space().mappedPages();
            for (long from = stopped; from < stopped + 4L * BATCH; from += BATCH) {
                assertEquals(0, mapSlots(bench, from, index -> index));
            }
            long stride = SLOTS / (2 * BATCH);
            assertEquals(0, mapSlots(bench, stopped / stride + 1, index -> index * stride));
            assertEquals(0, mapSlots(bench, SLOTS - BATCH, index -> index));

            assertEquals(stopped, bench.space().mappedPages());
            assertEquals(TABLE_QUOTA, bench.tablePages(), "all of the quota was to be had");
            assertEquals(
                    TABLE_QUOTA - 1, before - bench.tables.availablePages(), "pages taken from the pool, but the root");

            bench.driver.unmapRange(RangeOp.at(0, 1L << 36));
            assertEquals(0, bench.driver.status(0));
            bench.checkEmpty();
            assertEquals(before, bench.tables.availablePages());
        }
    }

    /** Maps one page in each of {@value #BATCH} slots; how many got it before all others were refused with -ENOSPC. */
    private static int mapSlots(Bench bench, long from, LongUnaryOperator slot) {
        for (int i = 0; i < BATCH; i++) {
            long index = from + i;
            Op op = Op.rw(slot.applyAsLong(index) * SLOT_PAGES, DATA_MFN + index % (DATA_PAGES - 1));
            bench.driver.writeOne(i, op, 1);
        }
        assertEquals(0, bench.driver.call(IommuOp.MAP_PAGE, BATCH));
        int mapped = 0;
        while (mapped < BATCH && bench.driver.status(mapped) == IommuStatus.OK) {
            mapped++;
        }
        for (int i = mapped; i < BATCH; i++) {
            assertEquals(IommuStatus.ENOSPC, bench.driver.status(i), "slot " + slot.applyAsLong(from + i));
        }
        assertTrue(bench.guest.stats().tablePages() <= TABLE_QUOTA, () -> "table pages " + bench.guest.stats());
        return mapped;
    }

    /** The guest is within its quota; the service has no table memory for anybody. */
    @Test
    void A33_noTableMemoryAtAllIsEnomemAndNotTheGuestsFault() {
        RecordingHost host = new RecordingHost(Bench.LAST_BFN, true);
        try (Bench bench = new Bench(Bench.policy(1 << 20, 1000, 64), host, List.of(), 6)) {
            bench.driver.map(Op.rw(0, DATA_MFN), Op.rw(512, DATA_MFN), Op.rw(1024, DATA_MFN), Op.rw(1536, DATA_MFN));
            assertArrayEquals(new int[] {0, 0, 0, IommuStatus.ENOMEM}, bench.driver.statuses());
            bench.driver.run(IommuOp.ALLOC_CONTEXT, ContextOp.any());
            assertEquals(IommuStatus.ENOMEM, bench.driver.status(0));

            bench.driver.unmapRun(1024, 1);
            bench.driver.map(Op.rw(1536, DATA_MFN));
            assertEquals(0, bench.driver.status(0));
        }
    }

    @Test
    void A33_mappedFramesAreAQuota() {
        try (Bench bench = new Bench(Bench.policy(10, 4096, 64))) {
            bench.driver.map(Op.rw(0, DATA_MFN).run(12));
            int[] expected = all(12, 0);
            expected[10] = IommuStatus.ENOSPC;
            expected[11] = IommuStatus.ENOSPC;
            assertArrayEquals(expected, bench.driver.statuses());
            assertEquals(0, bench.holds(DATA_MFN + 10));

            bench.driver.unmapRun(4, 1);
            bench.driver.map(Op.rw(20, DATA_MFN + 20), Op.rw(21, DATA_MFN + 21));
            assertArrayEquals(new int[] {0, IommuStatus.ENOSPC}, bench.driver.statuses());
        }
    }

    @Test
    void A33_tablePagesAreAQuotaAndComeBack() {
        int tables = 3 + 5; // root and two levels above the leaves, and five leaves
        try (Bench bench = new Bench(Bench.policy(1 << 20, tables, 64))) {
            Op[] sparse = new Op[8];
            Arrays.setAll(sparse, i -> Op.rw(i * 512L, DATA_MFN + i));
            for (int round = 0; round < 100; round++) {
                bench.driver.map(sparse);
                int[] expected = all(8, 0);
                Arrays.fill(expected, 5, 8, IommuStatus.ENOSPC);
                assertArrayEquals(expected, bench.driver.statuses(), "round " + round);
                assertEquals(tables, bench.guest.stats().tablePages());
                assertEquals(0, bench.holds(DATA_MFN + 5));

                bench.driver.unmap(sparse);
                Arrays.fill(expected, 5, 8, IommuStatus.ENOENT);
                assertArrayEquals(expected, bench.driver.statuses());
            }
            bench.checkEmpty();
        }
    }

    @Test
    void A33_aRunThatNeedsATableItCannotHaveEndsThere() {
        try (Bench bench = new Bench(Bench.policy(1 << 20, 4, 64))) {
            bench.driver.map(Op.rw(510, DATA_MFN).run(4));
            assertArrayEquals(new int[] {0, 0, IommuStatus.ENOSPC, IommuStatus.ENOSPC}, bench.driver.statuses());
            assertEquals(List.of(new Mapping(510, DATA_MFN, 2, Access.READ_WRITE)), bench.mappings());
        }
    }

    @Test
    void A33_holdsOfOneFrameAreLimited() {
        try (Bench bench = new Bench(Bench.policy(1 << 20, 4096, 1 << 17))) {
            int most = GuestRegion.MAX_HOLDS;
            int batch = 8192;
            for (int done = 0; done < most; done += batch) {
                int from = done;
                Op[] ops = new Op[Math.min(batch, most - done)];
                Arrays.setAll(ops, i -> Op.rw(from + i, DATA_MFN));
                assertEquals(0, bench.driver.map(ops));
                assertEquals(0, bench.driver.status(ops.length - 1));
            }
            assertEquals(most, bench.holds(DATA_MFN));
            // as the first and as a later element of a run
            bench.driver.map(Op.rw(0xe_0000, DATA_MFN));
            assertEquals(IommuStatus.ENOSPC, bench.driver.status(0));
            bench.driver.map(Op.rw(0xe_0000, DATA_MFN + 1));
            bench.driver.unmapRun(0, 1);
            bench.driver.map(Op.rw(0xe_0001, DATA_MFN));
            assertEquals(0, bench.driver.status(0));
        }
    }

    @Test
    void A33_aRunEndsBeforeAFrameWhoseHoldsAreUsedUp() {
        try (Bench bench = new Bench()) {
            GuestRegion region = Objects.requireNonNull(bench.guest.memory().find(DATA_MFN + 1));
            RawMemory.putShort(region.holdSlot(DATA_MFN + 1), (short) GuestRegion.MAX_HOLDS);
            bench.driver.map(Op.rw(0, DATA_MFN).run(3));
            assertArrayEquals(new int[] {0, IommuStatus.ENOSPC, 0}, bench.driver.statuses());
            assertEquals(GuestRegion.MAX_HOLDS, bench.holds(DATA_MFN + 1));
            RawMemory.putShort(region.holdSlot(DATA_MFN + 1), (short) 0);
        }
    }
}
