package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.abi.RingAbi;
import org.pviommu.engine.Change;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.Translation;
import org.pviommu.journal.Recovery;
import org.pviommu.journal.StoredRecords;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.natives.Errno;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;
import org.pviommu.server.IommuService;
import org.pviommu.server.Plant;
import org.pviommu.server.StartException;
import org.pviommu.server.config.DeviceConfig;
import org.pviommu.server.config.GuestSettings;
import org.pviommu.server.config.HostConfig;
import org.pviommu.server.config.ServiceSettings;

/** Guests that come back after the service was stopped and started, over the whole way from the socket to the device. */
@Timeout(120)
class ResumeTest {
    private static final int OWNER = 7;
    private static final int GRANTEE = 8;
    private static final long FIRST_MFN = 0x1000;
    private static final int PAGES = 64;
    private static final long BFN = 0x500;
    private static final long GRANTED_MFN = 0x9000;
    private static final long LAST_BFN = HostConfig.DEFAULT_LAST_BFN;

    @TempDir
    private Path directory;

    private final SharedMemory memory = SharedMemory.create("owner", (long) PAGES << 12, Seals.SHRINK);
    private final SharedMemory other = SharedMemory.create("other", (long) PAGES << 12, Seals.SHRINK);
    private IommuService service;

    @BeforeEach
    void start() {
        service = start(LAST_BFN, OWNER, GRANTEE);
    }

    @AfterEach
    void stop() {
        service.close();
        memory.close();
        other.close();
    }

    private IommuService start(long lastBfn, int... guests) {
        ServiceSettings defaults = ServiceSettings.defaults();
        Map<Integer, GuestSettings> named = new java.util.HashMap<>();
        for (int guest : guests) {
            named.put(
                    guest,
                    new GuestSettings(
                            GuestPolicy.permissive(),
                            List.of(new EndpointDescriptor(endpoint(guest), List.of())),
                            Set.of(OWNER)));
        }
        ServiceSettings settings = new ServiceSettings(
                0,
                null,
                null,
                HostConfig.simulated(lastBfn, true),
                defaults.journal(),
                GuestPolicy.permissive(),
                Set.of(),
                named,
                DeviceConfig.none());
        return IommuService.start(settings, ring(), directory.resolve("journal"), Plant.NONE);
    }

    private Path ring() {
        return directory.resolve("ring.sock");
    }

    private static int endpoint(int guest) {
        return guest << 16 | 8;
    }

    private void restart(long lastBfn, int... guests) {
        service.close();
        service = start(lastBfn, guests);
    }

    private void restart() {
        restart(LAST_BFN, OWNER, GRANTEE);
    }

    private RingTestClient joinWithMemory(int guestId, SharedMemory file) {
        RingTestClient client = RingTestClient.join(ring(), guestId, 1);
        assertEquals(0, client.register(FIRST_MFN, PAGES, 0, file.fd()).status());
        return client;
    }

    private static void map(RingTestClient client, SharedMemory file, long bfn, long mfn, int pages) {
        for (int i = 0; i < pages; i++) {
            long at = (long) i * IommuMapOp.SIZE;
            IommuMapOp.putBfn(file.segment(), at, bfn + i);
            IommuMapOp.putMfn(file.segment(), at, mfn + i);
            IommuMapOp.putFlags(file.segment(), at, IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
        }
        assertEquals(0, client.slot(0).call(IommuOp.MAP_PAGE, FIRST_MFN << 12, pages));
        for (int i = 0; i < pages; i++) {
            assertEquals(IommuStatus.OK, IommuMapOp.status(file.segment(), (long) i * IommuMapOp.SIZE));
        }
    }

    /** Admitted, and not back yet. */
    private RingTestClient returning(int guestId) {
        RingTestClient client = RingTestClient.connect(ring());
        client.send(Messages.with(Messages.hello(guestId, 1), RingAbi.HELLO_FLAGS_OFFSET, RingAbi.HELLO_RESUME));
        client.takeWelcome(client.receive());
        return client;
    }

    private static RingTestClient.Answer resume(RingTestClient client) {
        client.send(Messages.message(RingAbi.MSG_RESUME, RingAbi.RESUME_SIZE));
        return client.receive();
    }

    private RingTestClient comeBack(int guestId, SharedMemory file) {
        RingTestClient client = returning(guestId);
        assertEquals(0, client.register(FIRST_MFN, PAGES, 0, file.fd()).status());
        RingTestClient.Answer answer = resume(client);
        assertEquals(0, answer.status(), answer.text());
        return client;
    }

    private void requireRefusedHello(int guestId, int flags, int errno, String part) {
        try (RingTestClient client = RingTestClient.connect(ring())) {
            client.send(Messages.with(Messages.hello(guestId, 1), RingAbi.HELLO_FLAGS_OFFSET, flags));
            client.receive().requireRefusal(errno, part);
        }
    }

    private Recovery recovery() {
        return Objects.requireNonNull(service.recording().recovery());
    }

    private @Nullable Long reached(int guestId, long bfn) {
        Guest guest = Objects.requireNonNull(service.engine().guest(guestId));
        Translation found = guest.addressSpaces().getFirst().translate(bfn);
        return found == null ? null : found.mfn();
    }

    private long dma(int guestId, long bfn) {
        try (Arena arena = Arena.ofConfined()) {
            return service.simulated().dmaRead(endpoint(guestId), bfn << 12, arena.allocate(4096));
        }
    }

    @Test
    void shouldGoOnWithWhatItHad() {
        try (RingTestClient client = joinWithMemory(OWNER, memory)) {
            map(client, memory, BFN, FIRST_MFN + 8, 40);
            restart();
        }
        assertTrue(recovery().isWaiting(OWNER));
        assertEquals(0, dma(OWNER, BFN), "the device waits for its guest");
        try (RingTestClient client = comeBack(OWNER, memory)) {
            assertEquals(FIRST_MFN + 8 + 39, reached(OWNER, BFN + 39));
            assertEquals(4096, dma(OWNER, BFN));
            map(client, memory, BFN + 40, FIRST_MFN, 1);
            assertEquals(0, client.slot(0).call(IommuOp.UNMAP_PAGE, FIRST_MFN << 12, 1));
            client.unregister(FIRST_MFN, PAGES).requireRefusal(Errno.EBUSY, "still mapped");
            restart();
        }
        try (RingTestClient client = comeBack(OWNER, memory)) {
            assertEquals(FIRST_MFN + 8, reached(OWNER, BFN));
            assertNull(reached(OWNER, BFN + 40));
            assertEquals(1, client.slotCount());
        }
    }

    @Test
    void shouldServeNothingBeforeResume() {
        try (RingTestClient client = joinWithMemory(OWNER, memory)) {
            map(client, memory, BFN, FIRST_MFN, 4);
            restart();
        }
        try (RingTestClient client = returning(OWNER)) {
            client.slot(0).submit(IommuOp.UNMAP_PAGE, FIRST_MFN << 12, 1);
            client.unregister(FIRST_MFN, PAGES).requireRefusal(Errno.EINVAL, "type=4 before RESUME");
            client.grant(FIRST_MFN, 1, GRANTEE, 0, 3).requireRefusal(Errno.EINVAL, "type=6 before RESUME");
            client.revoke(GRANTEE, 0, 0).requireRefusal(Errno.EINVAL, "type=7 before RESUME");
            resume(client).requireRefusal(Errno.EINVAL, "regions=0 before=1");
            assertEquals(0, client.register(FIRST_MFN, PAGES, 0, memory.fd()).status());
            client.register(FIRST_MFN, PAGES, 0, memory.fd()).requireRefusal(Errno.EEXIST, "first_mfn=4096");
            assertNull(service.engine().guest(OWNER), "not there before RESUME");
            assertEquals(0, resume(client).status());
            assertEquals(0, client.slot(0).awaitResult());
            assertNull(reached(OWNER, BFN), "the call that waited was the first one");
            assertEquals(FIRST_MFN + 1, reached(OWNER, BFN + 1));
            client.send(Messages.message(RingAbi.MSG_RESUME, RingAbi.RESUME_SIZE));
            client.receive().requireRefusal(Errno.EINVAL, "RESUME of a guest that is there");
        }
    }

    @Test
    void shouldRefuseOtherMemoryAndKeepWaiting() {
        try (RingTestClient client = joinWithMemory(OWNER, memory)) {
            map(client, memory, BFN, FIRST_MFN, 4);
            restart();
        }
        try (RingTestClient client = returning(OWNER)) {
            assertEquals(0, client.register(FIRST_MFN, PAGES, 0, other.fd()).status());
            resume(client).requireRefusal(Errno.EINVAL, "mfn=4096 is another one");
        }
        try (RingTestClient client = returning(OWNER)) {
            assertEquals(
                    0, client.register(FIRST_MFN, PAGES - 1, 0, memory.fd()).status());
            resume(client).requireRefusal(Errno.EINVAL, "mfn=4096 is another one");
        }
        assertTrue(recovery().isWaiting(OWNER));
        comeBack(OWNER, memory).close();
    }

    @Test
    void shouldRefuseWhoIsNotWaitedForOrNotConfigured() {
        joinWithMemory(OWNER, memory).close();
        RingFixture.await("the guest is gone", () -> service.engine().guest(OWNER) == null);
        requireRefusedHello(OWNER, RingAbi.HELLO_RESUME, Errno.ENOENT, "guest=7 is not waited for");
        try (RingTestClient client = joinWithMemory(OWNER, memory)) {
            requireRefusedHello(OWNER, RingAbi.HELLO_RESUME, Errno.EBUSY, "guest=7 is in use");
            restart(LAST_BFN, GRANTEE);
            assertEquals(1, client.slotCount());
        }
        requireRefusedHello(-5, RingAbi.HELLO_RESUME, Errno.EPERM, "not configured");
        requireRefusedHello(-5, 0, Errno.EPERM, "not configured");
        assertTrue(recovery().isWaiting(OWNER));
    }

    @Test
    void shouldForgetAGuestThatComesAnew() {
        try (RingTestClient client = joinWithMemory(OWNER, memory)) {
            map(client, memory, BFN, FIRST_MFN, 4);
            restart();
        }
        try (RingTestClient late = returning(OWNER);
                RingTestClient fresh = joinWithMemory(OWNER, other)) {
            assertNull(reached(OWNER, BFN));
            assertEquals(0, late.register(FIRST_MFN, PAGES, 0, memory.fd()).status());
            resume(late).requireRefusal(Errno.ENOENT, "not waited for");
            late.requireEnd();
            map(fresh, other, BFN + 1, FIRST_MFN, 1);
            restart();
        }
        comeBack(OWNER, other).close();
    }

    @Test
    void shouldNotStartOnAnotherHostIommuWhileGuestsAreWaitedFor() {
        try (RingTestClient client = joinWithMemory(OWNER, memory)) {
            map(client, memory, BFN, FIRST_MFN, 4);
            service.close();
            StartException refusal = assertThrows(StartException.class, () -> start(BFN + 1, OWNER));
            assertTrue(String.valueOf(refusal.getMessage()).contains("on another host IOMMU: lastBfn=" + (BFN + 1)));
            service = start(LAST_BFN, OWNER, GRANTEE);
        }
        try (RingTestClient client = returning(OWNER)) {
            assertEquals(0, client.register(FIRST_MFN, PAGES, 0, memory.fd()).status());
            assertEquals(0, resume(client).status());
        }
    }

    @Test
    void shouldKeepADeviceForTheGuestThatMayComeBack() {
        try (RingTestClient client = RingTestClient.join(ring(), 9, 1)) {
            assertEquals(1, client.slotCount());
            service.close();
            GuestSettings taker = new GuestSettings(
                    GuestPolicy.permissive(), List.of(new EndpointDescriptor(endpoint(9), List.of())), Set.of());
            ServiceSettings defaults = ServiceSettings.defaults();
            service = IommuService.start(
                    new ServiceSettings(
                            0,
                            null,
                            null,
                            HostConfig.simulated(LAST_BFN, true),
                            defaults.journal(),
                            GuestPolicy.permissive(),
                            Set.of(),
                            Map.of(OWNER, taker),
                            DeviceConfig.none()),
                    ring(),
                    directory.resolve("journal"),
                    Plant.NONE);
        }
        requireRefusedHello(OWNER, 0, Errno.EBUSY, "belongs to guest=9, which has not come back");
        restart();
    }

    /** Both came to be, the grantee has mapped a frame of the owner; then a restart. */
    private void grantAndRestart() {
        try (RingTestClient owner = joinWithMemory(OWNER, memory);
                RingTestClient grantee = joinWithMemory(GRANTEE, other)) {
            assertEquals(
                    0, owner.grant(FIRST_MFN + 5, 2, GRANTEE, GRANTED_MFN, 3).status());
            map(grantee, other, BFN, GRANTED_MFN, 1);
            restart();
        }
    }

    @Test
    void shouldLetAGranteeComeBackOnlyAfterTheOwner() {
        grantAndRestart();
        try (RingTestClient grantee = returning(GRANTEE)) {
            assertEquals(0, grantee.register(FIRST_MFN, PAGES, 0, other.fd()).status());
            resume(grantee).requireRefusal(Errno.EBUSY, "guest=7");
            try (RingTestClient owner = comeBack(OWNER, memory)) {
                owner.unregister(FIRST_MFN, PAGES)
                        .requireRefusal(Errno.EBUSY, "guest=8, which may map it, is not back");
                owner.revoke(GRANTEE, GRANTED_MFN, RingAbi.REVOKE_FORCE)
                        .requireRefusal(Errno.EBUSY, "guest=8 is not back");
                assertEquals(0, resume(grantee).status());
                assertEquals(4096, dma(GRANTEE, BFN));
                assertEquals(
                        0,
                        owner.revoke(GRANTEE, GRANTED_MFN, RingAbi.REVOKE_FORCE).status());
                assertEquals(0, dma(GRANTEE, BFN));
                restart();
            }
        }
        comeBack(OWNER, memory).close();
    }

    /** Its frames are not the owner's next life's to give: whoever mapped them starts anew. */
    @Test
    void shouldForgetAGranteeWhoseOwnerHasLeft() {
        grantAndRestart();
        comeBack(OWNER, memory).close();
        RingFixture.await("the owner is gone", () -> service.engine().guest(OWNER) == null);
        try (RingTestClient again = joinWithMemory(OWNER, memory)) {
            requireRefusedHello(GRANTEE, RingAbi.HELLO_RESUME, Errno.ENOENT, "guest=8 is not waited for");
            assertEquals(0, dma(GRANTEE, BFN));
            map(again, memory, BFN, FIRST_MFN, 1);
            restart();
        }
        comeBack(OWNER, memory).close();
    }

    @Test
    void shouldRecordWhoCame() {
        try (RingTestClient client = joinWithMemory(OWNER, memory)) {
            assertEquals(1, client.slotCount());
            restart();
        }
        comeBack(OWNER, memory).close();
        service.close();
        String peer = "ring pid=" + ProcessHandle.current().pid() + " uid=";
        int seen = 0;
        try (StoredRecords records = StoredRecords.open(directory.resolve("journal"))) {
            while (records.next()) {
                JournalRecord record = RecordDecoder.decode(records.kind(), records.payload());
                if (record instanceof JournalRecord.GuestChange change
                        && (change.change() instanceof Change.GuestAdded
                                || change.change() instanceof Change.GuestReturned)) {
                    assertTrue(change.by().startsWith(peer), change.by());
                    seen++;
                }
            }
        }
        assertEquals(2, seen);
        start();
    }
}
