package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.IommuOp;

/** A guest's process that is killed takes nothing with it and leaves nothing behind. */
class KilledGuestTest {
    private static final int GUEST = 1;
    private static final int WARM_UP_KILLS = 4;
    private static final int KILLS = 10;
    private static final int MOST_MS_BEFORE_KILL = 40;

    /**
     * How many more lines the memory map may have for the JVM's own reasons (heap, compiled code and the C library's arenas
     * grow in pieces). What a guest that is not let go costs comes on top, at least two per kill: ring and memory.
     */
    private static final long SLACK_MAPPINGS = 2 * KILLS - 1;

    /** One call on all of the memory takes much longer than preparing it, so most kills hit a call. */
    private static final String[] BUSY = {"--memory", "256M", "--batch", "65000", "--load-ops", Dom0Guest.WITHOUT_END};

    private static final long FIRST_MFN = 0x1000;
    private static final int PAGES = 1024;
    private static final int OPERATIONS = 40_000;

    @TempDir
    private Path directory;

    @Test
    void shouldForgetGuestKilledInMidCall() {
        Random random = new Random(Guard.seed("shouldForgetGuestKilledInMidCall"));
        try (ServiceProcess service = ServiceProcess.start(directory)) {
            service.warmUp();
            for (int i = 0; i < WARM_UP_KILLS; i++) {
                killAndReturn(service, random);
            }
            Map<String, Integer> descriptors = service.descriptors();
            long mappings = service.mappings().all();

            for (int i = 0; i < KILLS; i++) {
                killAndReturn(service, random);
            }

            service.awaitDescriptors(descriptors);
            assertEquals(0, service.mappings().memfds());
            long now = service.mappings().all();
            assertTrue(now <= mappings + SLACK_MAPPINGS, () -> "mappings before=" + mappings + " after=" + now);
            service.requireHealthy();
        }
    }

    /** The call is submitted and nobody waits for it: what a killed process looks like, here for certain in mid-call. */
    @Test
    void shouldFinishCallOfGuestThatIsGone() {
        try (ServiceProcess service = ServiceProcess.start(directory)) {
            service.warmUp();
            Map<String, Integer> descriptors = service.descriptors();
            for (int i = 0; i < KILLS; i++) {
                try (RingGuest guest = new RingGuest(service, GUEST, FIRST_MFN, PAGES)) {
                    for (int op = 0; op < OPERATIONS; op++) {
                        guest.put(op, op, FIRST_MFN + op % PAGES, RingGuest.READ_WRITE);
                    }
                    guest.submit(IommuOp.MAP_PAGE, FIRST_MFN << IommuOp.PAGE_SHIFT, OPERATIONS);
                }
                service.rest().awaitGone(GUEST);
            }
            service.awaitDescriptors(descriptors);
            assertEquals(0, service.mappings().memfds());
            Dom0Guest.requireGoodRun(service, GUEST, "--memory", "64M", "--load-ops", "20000");
            service.requireHealthy();
        }
    }

    /** One life that ends by SIGKILL, and one of the same number that does all that a guest can do. */
    private static void killAndReturn(ServiceProcess service, Random random) {
        try (Dom0Guest guest = Dom0Guest.start(service, GUEST, BUSY)) {
            guest.awaitPhase(random.nextBoolean() ? "connect" : "map");
            assertTrue(service.rest().hasGuest(GUEST));
            Guard.pause(random.nextInt(MOST_MS_BEFORE_KILL));
            assertTrue(guest.process().isAlive(), guest.process()::describe);
            guest.process().kill();
        }
        service.rest().awaitGone(GUEST);
        Dom0Guest.requireGoodRun(service, GUEST, "--memory", "64M", "--load-ops", "20000");
        service.rest().awaitGone(GUEST);
    }
}
