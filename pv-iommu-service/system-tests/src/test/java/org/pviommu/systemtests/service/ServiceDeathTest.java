package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.Errno;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/** The service dies or is stopped, and its guests go on with the next one (docs/operating.md, docs/ring-transport.md). */
class ServiceDeathTest {
    private static final int GUEST = 1;
    private static final String ENDPOINT = "0001:00:01.0";
    private static final int MEMORY_PAGES = 4096;
    /** Maps its memory 1:1 and works behind it. */
    private static final String[] LOAD = {"--memory", "16M", "--batch", "1000"};

    private static final int FULL_CYCLES = 10;
    private static final long FIRST_MFN = 0x1000;
    private static final int PAGES = 64;
    private static final long BFN = 0x500;

    @TempDir
    private Path directory;

    private WorkLog log;

    @BeforeEach
    void openLog() {
        log = new WorkLog(directory.resolve("work.log"));
    }

    private InteractiveGuest startWorking(ServiceProcess service) {
        return InteractiveGuest.startWorking(
                service.ring(), GUEST, directory.resolve("work.log"), directory.resolve("guest.err"), LOAD);
    }

    private void awaitWork(InteractiveGuest guest) {
        log.await("batches are acknowledged", () -> log.doneSinceBack() >= 20, guest);
    }

    /** The guest stands still until its device was looked at. */
    private ServiceProcess nextService(Supplier<ServiceProcess> start, InteractiveGuest guest) {
        guest.freeze(true);
        ServiceProcess next = start.get();
        assertEquals(0, next.rest().dmaReadable(ENDPOINT, 5), "before its guest is back a device reaches nothing");
        assertEquals("waiting", next.rest().guestState(GUEST));
        int verified = log.verified();
        guest.freeze(false);
        log.await("the guest is back with all it had", () -> log.verified() > verified, guest);
        assertEquals("running", next.rest().guestState(GUEST));
        assertEquals(8, next.rest().dmaReadable(ENDPOINT, 5), "after that it reaches what was mapped");
        return next;
    }

    /** The guest has stopped working: the service says the same as the guest's log. */
    private void requireSameDump(ServiceProcess service, InteractiveGuest guest) {
        guest.endWork();
        log.update();
        assertTrue(log.ended());
        Map<Long, Rest.Reach> dump = service.rest().mappings(GUEST);
        log.requireSame(dump, MEMORY_PAGES);
        for (long page = 0; page < MEMORY_PAGES; page++) {
            assertEquals(new Rest.Reach(page, "rw"), dump.get(page));
        }
    }

    @Test
    void shouldGoOnAfterSigkill() {
        ServiceProcess service = ServiceProcess.start(directory);
        try (InteractiveGuest guest = startWorking(service)) {
            for (int i = 0; i < FULL_CYCLES; i++) {
                awaitWork(guest);
                service.kill();
                service.close();
                service = nextService(() -> ServiceProcess.start(directory), guest);
            }
            awaitWork(guest);
            requireSameDump(service, guest);
        } finally {
            service.close();
        }
    }

    @Test
    void shouldGoOnAfterSigterm() {
        ServiceProcess service = ServiceProcess.start(directory);
        try (InteractiveGuest guest = startWorking(service)) {
            awaitWork(guest);
            service.terminate();
            assertEquals(0, service.awaitExit(), service::describe);
            service.close();
            service = nextService(() -> ServiceProcess.start(directory), guest);
            awaitWork(guest);
            requireSameDump(service, guest);
        } finally {
            service.close();
        }
    }

    /** In a container the service is process 1 each time: a lock or ready file of the last 1 must not stop the next. */
    @Test
    void E03_shouldGoOnAsFirstProcessOfANamespace() {
        assumeTrue(canMakeNamespace(), "skipped: unshare --pid needs root (CAP_SYS_ADMIN)");
        ServiceProcess service = ServiceProcess.startAsFirstProcess(directory);
        try (InteractiveGuest guest = startWorking(service)) {
            awaitWork(guest);
            service.kill();
            service.close();
            service = nextService(() -> ServiceProcess.startAsFirstProcess(directory), guest);
            awaitWork(guest);
            requireSameDump(service, guest);
            service.kill();
        } finally {
            service.close();
        }
    }

    private static boolean canMakeNamespace() {
        try {
            return new ProcessBuilder("unshare", "--pid", "--fork", "--mount-proc", "true")
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException noSuchProgram) {
            return false;
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", stopped);
        }
    }

    @Test
    void shouldForgetAGuestThatComesAnew() {
        try (ServiceProcess first = ServiceProcess.start(directory);
                RingGuest guest = new RingGuest(first, GUEST, FIRST_MFN, PAGES)) {
            guest.mapRun(BFN, FIRST_MFN, PAGES);
            first.kill();
        }
        try (ServiceProcess second = ServiceProcess.start(directory);
                RingGuest fresh = new RingGuest(second, GUEST, FIRST_MFN, PAGES)) {
            assertEquals(Map.of(), second.rest().mappings(GUEST));
            fresh.roundTrip(BFN, FIRST_MFN, PAGES);
        }
    }

    @Test
    void shouldRefuseOtherMemory() {
        try (ServiceProcess first = ServiceProcess.start(directory);
                RingGuest guest = new RingGuest(first, GUEST, FIRST_MFN, PAGES)) {
            guest.mapRun(BFN, FIRST_MFN, PAGES);
            first.kill();
            try (ServiceProcess second = ServiceProcess.start(directory)) {
                comeBackWithOtherMemory(second);
                assertEquals("waiting", second.rest().guestState(GUEST));
                comeBack(second, guest.memory());
            }
        }
    }

    private static void comeBackWithOtherMemory(ServiceProcess service) {
        try (SharedMemory other = SharedMemory.create("other", (long) PAGES << 12, Seals.SHRINK);
                RingClient client = RingClient.connect(service.ring())) {
            client.send(Messages.helloAgain(GUEST, 1));
            assertEquals(RingAbi.MSG_WELCOME, closed(client.receive()).type());
            client.send(Messages.register(FIRST_MFN, PAGES, 0), other.fd());
            client.receive().requireOk();
            client.send(Messages.resume());
            client.receive().requireRefusal(Errno.EINVAL, "mfn=" + FIRST_MFN + " is another one");
        }
    }

    private static void comeBack(ServiceProcess service, SharedMemory memory) {
        try (RingClient client = RingClient.connect(service.ring())) {
            client.send(Messages.helloAgain(GUEST, 1));
            assertEquals(RingAbi.MSG_WELCOME, closed(client.receive()).type());
            client.send(Messages.register(FIRST_MFN, PAGES, 0), memory.fd());
            client.receive().requireOk();
            client.send(Messages.resume());
            client.receive().requireOk();
            assertEquals(new Rest.Reach(FIRST_MFN + 3, "rw"), service.rest().translate(GUEST, BFN + 3));
        }
    }

    private static RingClient.Answer closed(RingClient.Answer answer) {
        answer.fds().forEach(fd -> fd.close());
        return answer;
    }
}
