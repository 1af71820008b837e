package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.server.run.RunFiles;

/** docs/operating.md: SIGTERM ends the service in good order, whatever its guests do. */
class GracefulStopTest {
    @TempDir
    private Path directory;

    @Test
    void shouldStopInGoodOrderUnderLoad() {
        try (ServiceProcess service = ServiceProcess.start(directory);
                Dom0Guest guest = Dom0Guest.start(service, 1, "--memory", "64M", "--load-ops", Dom0Guest.WITHOUT_END)) {
            guest.awaitPhase("map");
            long callsBefore = service.rest().counter(1, "calls");
            Guard.eventually(
                    "the load runs", () -> service.rest().counter(1, "calls") > callsBefore, guest.process()::describe);

            service.terminate();

            assertEquals(0, service.awaitExit(), service::describe);
            assertEquals(Dom0Guest.EXIT_UNREACHABLE, guest.process().awaitExit(), guest.process()::describe);
            assertTrue(guest.process().errors().contains("(GONE)"), guest.process()::describe);
            // The call that got no answer, and no other.
            assertTrue(guest.process().output().strip().endsWith("\"failed\":1}"), guest.process()::describe);
            for (String name :
                    List.of(RunFiles.READY, RunFiles.API_SOCKET, RunFiles.RING_SOCKET, RunFiles.PID, RunFiles.TOKEN)) {
                assertFalse(Files.exists(service.runDirectory().resolve(name)), name);
            }
        }
    }
}
