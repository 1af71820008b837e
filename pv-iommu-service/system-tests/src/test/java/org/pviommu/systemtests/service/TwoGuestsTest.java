package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.systemtests.service.Rest.Reach;

/** Guests do not see, reach or disturb each other. */
class TwoGuestsTest {
    private static final int FIRST = 1;
    private static final int SECOND = 2;

    /** Memory of the first guest, inclusive: 64 MiB; it maps them 1:1. */
    private static final long FIRST_MFN = 0x10000;

    private static final long FIRST_LAST_MFN = FIRST_MFN + 0x3fff;

    /** The second guest's memory, and bus frames of its own choice. */
    private static final long SECOND_MFN = 0x50000;

    private static final long SECOND_LAST_MFN = SECOND_MFN + 0xff;
    private static final long SECOND_BFN = 0x100;
    private static final int PAGES = 128;
    private static final int ROUNDS_AFTER_KILL = 500;

    @TempDir
    private Path directory;

    @Test
    void shouldKeepGuestsApartWhileOneIsKilled() {
        try (ServiceProcess service = ServiceProcess.start(directory);
                Dom0Guest first = startFirst(service);
                RingGuest second = new RingGuest(service, SECOND, SECOND_MFN, 256)) {
            first.awaitPhase("map");
            assertEquals(List.of((long) FIRST, (long) SECOND), service.rest().guests());
            requireNoReachToOthers(second);
            second.mapRun(SECOND_BFN, SECOND_MFN, PAGES);
            requireOwnMappingsOnly(service);
            try (Background load = Background.repeat("load", () -> unmapAndMap(second))) {
                load.awaitRounds(10);

                first.process().kill();
                service.rest().awaitGone(FIRST);

                load.awaitRounds(ROUNDS_AFTER_KILL);
                load.end();
            }
            assertEquals(List.of((long) SECOND), service.rest().guests());
            assertEquals(mapped(SECOND_BFN, SECOND_MFN, PAGES), service.rest().mappings(SECOND));
            service.requireHealthy();
        }
    }

    @Test
    void shouldFinishLoadOfOneGuestWhenAnotherIsKilled() {
        try (ServiceProcess service = ServiceProcess.start(directory);
                Dom0Guest first = startFirst(service);
                Dom0Guest second = Dom0Guest.start(
                        service, SECOND, "--first-mfn", "0x50000", "--memory", "64M", "--load-ops", "4000000")) {
            first.awaitPhase("map");
            second.awaitPhase("map");

            first.process().kill();

            assertEquals(Dom0Guest.EXIT_EXPECTED, second.process().awaitExit(), second.process()::describe);
            service.rest().awaitGone(FIRST);
            service.requireHealthy();
        }
    }

    private static Dom0Guest startFirst(ServiceProcess service) {
        return Dom0Guest.start(
                service, FIRST, "--first-mfn", "0x10000", "--memory", "64M", "--load-ops", Dom0Guest.WITHOUT_END);
    }

    /** The first guest's frames are nothing to the second one, and nothing is mapped where the first one maps. */
    private static void requireNoReachToOthers(RingGuest second) {
        for (int i = 0; i < PAGES; i++) {
            second.put(i, SECOND_BFN + i, FIRST_MFN + i, RingGuest.READ_WRITE);
        }
        second.call(IommuOp.MAP_PAGE, PAGES);
        second.requireStatuses(PAGES, IommuStatus.ENXIO);
        for (int subOp : new int[] {IommuOp.LOOKUP_PAGE, IommuOp.UNMAP_PAGE}) {
            for (int i = 0; i < PAGES; i++) {
                second.put(i, FIRST_MFN + i, 0, 0);
            }
            second.call(subOp, PAGES);
            second.requireStatuses(PAGES, IommuStatus.ENOENT);
        }
    }

    private static void requireOwnMappingsOnly(ServiceProcess service) {
        Map<Long, Reach> firsts = service.rest().mappings(FIRST);
        firsts.forEach((bfn, reach) -> {
            assertTrue(bfn >= FIRST_MFN && bfn <= FIRST_LAST_MFN, () -> "guest 1 bfn=" + bfn);
            assertTrue(reach.mfn() >= FIRST_MFN && reach.mfn() <= FIRST_LAST_MFN, () -> "guest 1 " + reach);
        });
        Map<Long, Reach> seconds = service.rest().mappings(SECOND);
        assertEquals(mapped(SECOND_BFN, SECOND_MFN, PAGES), seconds);
        seconds.forEach((bfn, reach) -> assertTrue(reach.mfn() <= SECOND_LAST_MFN, () -> "guest 2 " + reach));
        assertNull(service.rest().translate(FIRST, SECOND_BFN));
        assertNull(service.rest().translate(SECOND, FIRST_MFN));
    }

    private static Map<Long, Reach> mapped(long bfn, long mfn, int pages) {
        Map<Long, Reach> expected = new TreeMap<>();
        for (int i = 0; i < pages; i++) {
            expected.put(bfn + i, new Reach(mfn + i, "rw"));
        }
        return expected;
    }

    /** Every status must be the right one. */
    private static void unmapAndMap(RingGuest guest) {
        guest.unmapRun(SECOND_BFN, PAGES);
        guest.mapRun(SECOND_BFN, SECOND_MFN, PAGES);
    }
}
