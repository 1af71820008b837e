package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** docs/operating.md: one service per run directory; a dead one is in nobody's way. */
class RunDirectoryTest {
    private static final int EXIT_REFUSED = 1;

    @TempDir
    private Path directory;

    @Test
    void shouldRefuseSecondServiceOnSameRunDirectory() {
        try (ServiceProcess first = ServiceProcess.start(directory);
                RingGuest guest = new RingGuest(first, 1, 0, 64);
                ServiceProcess second = ServiceProcess.launch(directory)) {

            assertEquals(EXIT_REFUSED, second.awaitExit(), second::describe);

            assertTrue(second.log().contains("in use by another service (pid=" + first.pid() + ")"), second::log);
            assertTrue(second.log().contains(first.runDirectory().toString()), second::log);
            guest.roundTrip(0, 0x10, 16);
            Dom0Guest.requireGoodRun(first, 2, "--memory", "16M");
            first.requireHealthy();
        }
    }

    @Test
    void shouldStartAgainWhereServiceWasKilled() {
        try (ServiceProcess first = ServiceProcess.start(directory)) {
            first.kill();
            assertTrue(Files.exists(first.ring()));
        }
        try (ServiceProcess second = ServiceProcess.start(directory)) {
            Dom0Guest.requireGoodRun(second, 1, "--memory", "16M");
            second.requireHealthy();
        }
    }
}
