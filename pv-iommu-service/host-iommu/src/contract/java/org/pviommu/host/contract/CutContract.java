package org.pviommu.host.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.pviommu.host.contract.Bench.EBUSY;
import static org.pviommu.host.contract.Bench.ENOENT;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;

/** Removal of a part of what was mapped together: it concerns that part alone, or is refused and concerns nothing. */
interface CutContract {
    /** Areas up to this size are tried with each possible part. */
    int SMALL_AREA_PAGES = 5;
    /** Where areas begin. */
    long AREA_BFN = 1000;
    /** How often neighbours are disturbed. */
    int NEIGHBOUR_ROUNDS = 3000;

    Bench bench();

    @Test
    default void shouldTakeEveryPartOutOfEverySmallArea() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(SMALL_AREA_PAGES);
        GuestMemory other = bench().newMemory(SMALL_AREA_PAGES);
        for (int pages = 1; pages <= SMALL_AREA_PAGES; pages++) {
            for (int first = 0; first < pages; first++) {
                for (int last = first; last < pages; last++) {
                    takePart(space, memory, other, pages, first, last);
                }
            }
        }
    }

    private void takePart(
            HostAddressSpace space, GuestMemory memory, GuestMemory other, int pages, int first, int last) {
        bench().map(space, AREA_BFN, pages, memory, 0);
        long count = last - first + 1L;
        boolean removable = bench().cuts() || count == pages;

        assertEquals(removable ? count : -EBUSY, space.unmap(AREA_BFN + first, count));
        bench().flush(space, AREA_BFN + first, AREA_BFN + last);

        for (int page = -1; page <= pages; page++) {
            boolean removed = removable && first <= page && page <= last;
            if (removed || page < 0 || page == pages) {
                bench().assertRefused(0, AREA_BFN + page);
            } else {
                bench().assertReaches(0, AREA_BFN + page, memory, page);
            }
        }
        if (removable) {
            fillTheHole(space, memory, other, pages, first, last);
        }
        bench().unmapAndFlush(space, AREA_BFN, pages);
    }

    private void fillTheHole(
            HostAddressSpace space, GuestMemory memory, GuestMemory other, int pages, int first, int last) {
        bench().map(space, AREA_BFN + first, last - first + 1L, other, first);
        for (int page = 0; page < pages; page++) {
            boolean replaced = first <= page && page <= last;
            bench().assertReaches(0, AREA_BFN + page, replaced ? other : memory, page);
        }
    }

    @Test
    default void shouldTakeAnAreaApartPageByPage() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(16);
        bench().map(space, 32, 16, memory, 0);
        int[] order = {7, 0, 15, 3, 8, 1, 14, 11, 2, 12, 6, 9, 13, 4, 10, 5};
        for (int removed = 0; removed < order.length; removed++) {
            long outcome = space.unmap(32 + order[removed], 1);
            if (!bench().cuts()) {
                assertEquals(-EBUSY, outcome);
                bench().assertReaches(0, 32 + order[removed], memory, order[removed]);
                continue;
            }
            assertEquals(1, outcome);
            bench().flush(space, 32 + order[removed], 32 + order[removed]);
            for (int i = 0; i < order.length; i++) {
                if (i <= removed) {
                    bench().assertRefused(0, 32 + order[i]);
                } else {
                    bench().assertReaches(0, 32 + order[i], memory, order[i]);
                }
            }
        }
    }

    @Test
    default void shouldRemoveSeveralAreasAtOnce() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(9);
        bench().map(space, 50, 3, memory, 6);
        bench().map(space, 53, 1, memory, 5);
        bench().map(space, 54, 5, memory, 0);

        bench().unmapAndFlush(space, 50, 9);

        for (long bfn = 49; bfn <= 59; bfn++) {
            bench().assertRefused(0, bfn);
        }
    }

    @Test
    default void shouldStopAtAHoleAndSayHowFarItCame() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(8);
        bench().map(space, 50, 2, memory, 0);
        bench().map(space, 53, 2, memory, 3);

        boolean stops = bench().host().stopsAtHoles();

        assertEquals(stops ? 2 : 4, space.unmap(50, 5));
        assertEquals(-ENOENT, space.unmap(52, 3));

        bench().flush(space, 50, 54);
        bench().assertRefused(0, 50);
        bench().assertRefused(0, 51);
        if (stops) {
            bench().assertReaches(0, 53, memory, 3);
            bench().assertReaches(0, 54, memory, 4);
        } else {
            bench().assertRefused(0, 53);
            bench().assertRefused(0, 54);
        }
    }

    @Test
    default void shouldRemoveTheLeadingAreasWhenTheLastOneCannotBeCut() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(8);
        bench().map(space, 50, 2, memory, 0);
        bench().map(space, 52, 1, memory, 2);
        bench().map(space, 53, 4, memory, 3);

        long removed = space.unmap(50, 5);

        assertEquals(bench().cuts() ? 5 : 3, removed);
        bench().flush(space, 50, 54);
        for (long bfn = 50; bfn <= 56; bfn++) {
            if (bfn < 50 + removed) {
                bench().assertRefused(0, bfn);
            } else {
                bench().assertReaches(0, bfn, memory, bfn - 50);
            }
        }
    }

    /**
     * A device reads three pages of an area all the time while the pages between them are taken out. Not one of its
     * reads may fault or reach another frame. On a host that does not cut, each page is an area of its own.
     */
    @Test
    default void shouldNotDisturbNeighboursThatADeviceUses() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(5);
        AtomicLong areaInUse = new AtomicLong(AREA_BFN);
        mapFivePages(space, AREA_BFN, memory);
        try (Devices devices = new Devices(1, () -> readNeighbours(areaInUse.get(), memory))) {
            for (int round = 0; round < bench().host().rounds(NEIGHBOUR_ROUNDS); round++) {
                long area = areaInUse.get();
                long nextArea = 2 * AREA_BFN + 100 - area;
                boolean upwards = round % 2 == 0;
                bench().unmapAndFlush(space, area + (upwards ? 1 : 3), 1);
                bench().unmapAndFlush(space, area + (upwards ? 3 : 1), 1);
                mapFivePages(space, nextArea, memory);
                areaInUse.set(nextArea);
                devices.awaitFullTurn();
                for (long page = 0; page < 5; page += 2) {
                    bench().unmapAndFlush(space, area + page, 1);
                }
            }
        }
    }

    private void readNeighbours(long area, GuestMemory memory) {
        for (long page = 0; page < 5; page += 2) {
            bench().assertReaches(0, area + page, memory, page);
        }
    }

    private void mapFivePages(HostAddressSpace space, long area, GuestMemory memory) {
        if (bench().cuts()) {
            bench().map(space, area, 5, memory, 0);
            return;
        }
        for (int page = 0; page < 5; page++) {
            bench().map(space, area + page, 1, memory, page);
        }
    }
}
