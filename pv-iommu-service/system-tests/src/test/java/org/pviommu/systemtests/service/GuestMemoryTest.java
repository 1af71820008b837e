package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.natives.Errno;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.Natives;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/** Memory that a guest could take away under the service is refused, and what it can do to the rest harms nobody. */
class GuestMemoryTest {
    private static final int GUEST = 1;
    private static final long FIRST_MFN = 0x100;
    private static final int PAGES = 64;
    private static final int OPERATIONS = 512;
    private static final int HOLES = 20;
    private static final long PAGE_BYTES = 1L << IommuOp.PAGE_SHIFT;
    private static final Path FALLOCATE = Path.of("/usr/bin/fallocate");

    @TempDir
    private static Path directory;

    private static ServiceProcess service;

    @BeforeAll
    static void startService() {
        service = ServiceProcess.start(directory);
        service.warmUp();
    }

    @AfterAll
    static void stopService() {
        service.requireHealthy();
        service.close();
    }

    @Test
    void shouldRefuseMemoryThatCanShrink() {
        try (RingGuest guest = new RingGuest(service, GUEST, FIRST_MFN, PAGES);
                SharedMemory unsealed = SharedMemory.create("unsealed", 4 * PAGE_BYTES, Seals.GROW)) {
            Map<String, Integer> before = service.descriptors();

            guest.client().send(Messages.register(0x1000, 4, 0), unsealed.fd());

            guest.client().receive().requireRefusal(Errno.EINVAL, "lacks F_SEAL_SHRINK", "seals=0x4");
            service.awaitDescriptors(before);
            unsealed.fd().addSeals(Seals.SHRINK);
            guest.client().send(Messages.register(0x1000, 4, 0), unsealed.fd());
            guest.client().receive().requireOk();
        }
        service.rest().awaitGone(GUEST);
    }

    @Test
    void shouldRefuseMemoryThatIsSmallerThanDeclared() {
        try (RingGuest guest = new RingGuest(service, GUEST, FIRST_MFN, PAGES);
                SharedMemory small = SharedMemory.create("small", 4 * PAGE_BYTES, Seals.SHRINK)) {
            Map<String, Integer> before = service.descriptors();

            guest.client().send(Messages.register(0x1000, 5, 0), small.fd());
            guest.client().receive().requireRefusal(Errno.EINVAL, "size=16384", "fd_offset=0", "nr_pages=5");
            guest.client().send(Messages.register(0x1000, 4, PAGE_BYTES), small.fd());
            guest.client().receive().requireRefusal(Errno.EINVAL, "size=16384", "fd_offset=4096", "nr_pages=4");

            service.awaitDescriptors(before);
            guest.roundTrip(0, FIRST_MFN, PAGES);
        }
        service.rest().awaitGone(GUEST);
    }

    @Test
    void shouldServeOnWhenGuestTriesToTruncateItsMemory() throws IOException {
        try (RingGuest guest = new RingGuest(service, GUEST, FIRST_MFN, PAGES);
                FileChannel file = FileChannel.open(
                        pathOf(guest.memory().fd()), StandardOpenOption.READ, StandardOpenOption.WRITE)) {

            assertThrows(IOException.class, () -> file.truncate(PAGE_BYTES));

            assertEquals(PAGES * PAGE_BYTES, file.size());
            guest.roundTrip(0, FIRST_MFN, PAGES);
            service.requireHealthy();
        }
        service.rest().awaitGone(GUEST);
    }

    /** A hole reads as zeroes, and the kernel fills it again when the service writes a status. */
    @Test
    void shouldSurviveHolesPunchedIntoGuestMemory() {
        assumeTrue(Files.isExecutable(FALLOCATE), () -> FALLOCATE + " is needed to punch holes");
        try (RingGuest guest = new RingGuest(service, GUEST, FIRST_MFN, PAGES)) {
            try (Background calls = Background.repeat("calls", () -> mapAndUnmap(guest))) {
                for (int i = 0; i < HOLES; i++) {
                    punch(guest.memory().fd());
                }
                calls.awaitRounds(1);
                calls.end();
            }

            punch(guest.memory().fd());
            guest.call(IommuOp.UNMAP_PAGE, OPERATIONS); // all zeroes by now: bfn 0 again and again
            unmapEverything(guest);
            guest.roundTrip(0, FIRST_MFN, PAGES);
            assertEquals(0, service.rest().mappedPages(GUEST));
            service.requireHealthy();
        }
        service.rest().awaitGone(GUEST);
    }

    /** Only that the calls are answered matters here: where a hole was punched, anything may be in the array. */
    private static void mapAndUnmap(RingGuest guest) {
        for (int i = 0; i < OPERATIONS; i++) {
            guest.put(i, i, FIRST_MFN + i % PAGES, IommuMapOp.READABLE);
        }
        guest.call(IommuOp.MAP_PAGE, OPERATIONS);
        guest.call(IommuOp.UNMAP_PAGE, OPERATIONS);
    }

    private static void unmapEverything(RingGuest guest) {
        for (int i = 0; i < OPERATIONS; i++) {
            guest.put(i, i, 0, 0);
        }
        guest.call(IommuOp.UNMAP_PAGE, OPERATIONS);
    }

    private static void punch(FileDescriptor memory) {
        try (Child tool = Child.start(
                directory,
                "fallocate",
                List.of(
                        FALLOCATE.toString(),
                        "--punch-hole",
                        "--offset",
                        "0",
                        "--length",
                        Long.toString(PAGES * PAGE_BYTES),
                        pathOf(memory).toString()))) {
            assertEquals(0, tool.awaitExit(), tool::describe);
        }
    }

    /** For other processes, too. */
    private static Path pathOf(FileDescriptor fd) {
        return Path.of("/proc", Integer.toString(Natives.pid()), "fd", Integer.toString(fd.value()));
    }
}
