package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuCaps;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.host.SimulatedIommu;
import org.pviommu.natives.Errno;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;
import org.pviommu.server.grants.Grants;

/** The whole way: a guest's slot, this transport, the real engine, the simulated IOMMU, and a device's DMA at the end. */
@Timeout(120)
class EngineRingTest {
    private static final int GUEST = 7;
    private static final int DENIED_GUEST = 8;
    private static final int ENDPOINT = 0x0100;
    private static final int PAGE = 4096;
    private static final int PAGES = 512;
    private static final long FIRST_MFN = 0x1000;
    /** The array of operations lies in the last page of the guest's memory but one, and spans both. */
    private static final long ARRAY_OFFSET = (PAGES - 2L) * PAGE;

    private static final int OPS = 300;
    private static final int LONG_CALL_OPS = 40_000;

    @TempDir
    Path directory;

    private SimulatedIommu iommu;
    private Engine engine;
    private RingServer server;
    private Path path;

    @BeforeEach
    void startService() {
        iommu = new SimulatedIommu(SimulatedIommu.Settings.defaults());
        engine = new Engine(iommu, BatchLog.none());
        path = directory.resolve("ring.sock");
        server = new RingServer(
                RingSettings.defaults(path),
                engine,
                EngineRingTest::policy,
                EngineRingTest::endpoints,
                new Grants(engine, (grantee, owner) -> false),
                null);
        server.start();
    }

    @AfterEach
    void stopService() {
        server.close();
        assertEquals(0, server.stats().internalErrors());
        engine.close(); // guests that were connected are left to it
        assertTrue(engine.guests().isEmpty());
    }

    private static @Nullable GuestPolicy policy(int guestId) {
        return switch (guestId) {
            case GUEST -> GuestPolicy.permissive();
            case DENIED_GUEST -> new GuestPolicy(true, false, 16, 16, 16, 16, 1, List.of());
            default -> null;
        };
    }

    private static List<EndpointDescriptor> endpoints(int guestId) {
        return guestId == GUEST ? List.of(new EndpointDescriptor(ENDPOINT, List.of())) : List.of();
    }

    private static void fill(SharedMemory memory, long firstBfn, int flags) {
        for (int i = 0; i < OPS; i++) {
            long at = ARRAY_OFFSET + (long) i * IommuMapOp.SIZE;
            IommuMapOp.putBfn(memory.segment(), at, firstBfn + i);
            IommuMapOp.putMfn(memory.segment(), at, FIRST_MFN + OPS - i);
            IommuMapOp.putFlags(memory.segment(), at, flags);
            IommuMapOp.putStatus(memory.segment(), at, 12345);
        }
    }

    /** Nothing in it is contiguous, so the host is asked for each element: milliseconds of work. */
    private static void fillLong(SharedMemory memory) {
        for (int i = 0; i < LONG_CALL_OPS; i++) {
            long at = (long) i * IommuMapOp.SIZE;
            IommuMapOp.putBfn(memory.segment(), at, 0x500 + i);
            IommuMapOp.putMfn(memory.segment(), at, FIRST_MFN + PAGES - 1 - i % PAGES);
            IommuMapOp.putFlags(memory.segment(), at, IommuMapOp.READABLE);
        }
    }

    private static long call(RingTestClient client, int subOp, int count) {
        return client.slot(0).call(subOp, (FIRST_MFN << 12) + ARRAY_OFFSET, count);
    }

    private static void requireStatuses(SharedMemory memory, int expected) {
        for (int i = 0; i < OPS; i++) {
            assertEquals(
                    IommuStatus.name(expected),
                    IommuStatus.name(IommuMapOp.status(memory.segment(), ARRAY_OFFSET + (long) i * IommuMapOp.SIZE)));
        }
    }

    @Test
    void shouldMapLookUpAndUnmapBatches() {
        try (RingTestClient client = RingTestClient.join(path, GUEST, 2)) {
            SharedMemory memory = client.registerFresh(FIRST_MFN, PAGES);
            fill(memory, 0x500, IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
            assertEquals(0, call(client, IommuOp.MAP_PAGE, OPS));
            requireStatuses(memory, IommuStatus.OK);
            fill(memory, 0x500, 0);
            IommuMapOp.putMfn(memory.segment(), ARRAY_OFFSET, 0);
            assertEquals(0, call(client, IommuOp.LOOKUP_PAGE, OPS));
            requireStatuses(memory, IommuStatus.OK);
            assertEquals(FIRST_MFN + OPS, IommuMapOp.mfn(memory.segment(), ARRAY_OFFSET));
            IommuMapOp.putFlags(memory.segment(), ARRAY_OFFSET, 0);
            assertEquals(0, call(client, IommuOp.MAP_PAGE, 1), "no access at all is the element's mistake");
            assertEquals(IommuStatus.EINVAL, IommuMapOp.status(memory.segment(), ARRAY_OFFSET));
            assertEquals(OPS, guest().stats().mappedFrames());
            assertEquals(0, call(client, IommuOp.UNMAP_PAGE, OPS));
            requireStatuses(memory, IommuStatus.OK);
            assertEquals(0, call(client, IommuOp.UNMAP_PAGE, OPS));
            requireStatuses(memory, IommuStatus.ENOENT);
            assertEquals(0, guest().stats().mappedFrames());
        }
    }

    private Guest guest() {
        return Objects.requireNonNull(engine.guest(GUEST));
    }

    @Test
    void shouldLetADeviceReachExactlyWhatIsMapped() {
        try (RingTestClient client = RingTestClient.join(path, GUEST, 1);
                Arena arena = Arena.ofConfined()) {
            SharedMemory memory = client.registerFresh(FIRST_MFN, PAGES);
            fill(memory, 0x500, IommuMapOp.READABLE | IommuMapOp.WRITEABLE);
            assertEquals(0, call(client, IommuOp.MAP_PAGE, OPS));
            MemorySegment data = arena.allocate(2 * PAGE);
            data.fill((byte) 0x5a);
            assertEquals(2 * PAGE, iommu.dmaWrite(ENDPOINT, 0x500L << 12, data));
            byte[] frame = memory.segment().asSlice((long) OPS * PAGE, PAGE).toArray(ValueLayout.JAVA_BYTE);
            assertArrayEquals(data.asSlice(0, PAGE).toArray(ValueLayout.JAVA_BYTE), frame);
            assertEquals(0, iommu.dmaWrite(ENDPOINT, (0x500L + OPS) << 12, data), "one page beyond");
            assertEquals(0, call(client, IommuOp.UNMAP_PAGE, OPS));
            assertEquals(0, iommu.dmaRead(ENDPOINT, 0x500L << 12, data), "flushed before the call returned");
        }
    }

    @Test
    void shouldAnswerCallsThatCannotBeMade() {
        try (RingTestClient client = RingTestClient.join(path, GUEST, 1)) {
            SharedMemory memory = client.registerFresh(FIRST_MFN, PAGES);
            SlotCaller slot = client.slot(0);
            long array = FIRST_MFN << 12;
            assertEquals(IommuStatus.EOPNOTSUPP, slot.call(200, array, 1));
            assertEquals(IommuStatus.ENOENT, slot.call(IommuOp.cmd(IommuOp.MAP_PAGE, 0, 3), array, 1));
            assertEquals(IommuStatus.EINVAL, slot.call(IommuOp.MAP_PAGE, array + 4, 1));
            assertEquals(IommuStatus.EINVAL, slot.call(IommuOp.MAP_PAGE, array, -1));
            assertEquals(IommuStatus.EFAULT, slot.call(IommuOp.MAP_PAGE, 0, 1));
            assertEquals(IommuStatus.EFAULT, slot.call(IommuOp.LOOKUP_PAGE, array, Integer.MAX_VALUE));
            assertEquals(0, slot.call(IommuOp.QUERY_CAPS, array, 1));
            assertEquals(IommuOp.ABI_VERSION, IommuCaps.abiVersion(memory.segment(), 0));
        }
    }

    @Test
    void shouldLetTheEngineRefuseMemory() {
        try (RingTestClient client = RingTestClient.join(path, GUEST, 1)) {
            SharedMemory memory = client.registerFresh(FIRST_MFN, PAGES);
            client.register(FIRST_MFN + PAGES - 1, 1, 0, memory.fd()).requireRefusal(Errno.EEXIST, "overlap");
            client.unregister(FIRST_MFN, 1).requireRefusal(Errno.ENOENT, "pages=1");
            fill(memory, 0x500, IommuMapOp.READABLE);
            assertEquals(0, call(client, IommuOp.MAP_PAGE, OPS));
            client.unregister(FIRST_MFN, PAGES).requireRefusal(Errno.EBUSY, "still mapped, holds=" + OPS);
            assertEquals(0, call(client, IommuOp.UNMAP_PAGE, OPS));
            assertEquals(0, client.unregister(FIRST_MFN, PAGES).status());
            assertEquals(IommuStatus.EFAULT, call(client, IommuOp.MAP_PAGE, 1), "the array was there, too");
        }
    }

    @Test
    void shouldRefuseGuestsByPolicy() {
        try (RingTestClient stranger = RingTestClient.connect(path)) {
            stranger.send(Messages.hello(99, 1));
            stranger.receive().requireRefusal(Errno.EPERM, "guest_id=99 is not configured");
        }
        try (RingTestClient denied = RingTestClient.join(path, DENIED_GUEST, 1);
                SharedMemory memory = SharedMemory.create("test", 17L * PAGE, Seals.SHRINK)) {
            assertEquals(IommuStatus.EPERM, denied.slot(0).call(IommuOp.MAP_PAGE, 0, 1));
            denied.register(0, 17, 0, memory.fd()).requireRefusal(Errno.ENOSPC, "nr_pages=17 max=16");
            assertEquals(0, denied.register(0, 10, 0, memory.fd()).status());
            denied.register(10, 7, 0, memory.fd()).requireRefusal(Errno.ENOSPC, "max=16");
        }
    }

    @Test
    void shouldRefuseAGuestIdInUse() {
        try (RingTestClient first = RingTestClient.join(path, GUEST, 1);
                RingTestClient second = RingTestClient.connect(path)) {
            second.send(Messages.hello(GUEST, 1));
            second.receive().requireRefusal(Errno.EBUSY, "guest=7 is in use");
            assertEquals(IommuStatus.EFAULT, first.slot(0).call(IommuOp.MAP_PAGE, 0, 1));
        }
    }

    /** Killed while its call is under way or about to be: whichever it was, nothing of the guest is left. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
    void C19_deathInMidCallLeavesNoMappingAndNoDescriptor(int round) {
        RingTestClient.join(path, GUEST, 1).close();
        awaitNoGuest();
        long before = RingFixture.openDescriptors();
        try (RingTestClient client = RingTestClient.join(path, GUEST, 1);
                Arena arena = Arena.ofConfined()) {
            SharedMemory memory = client.registerFresh(FIRST_MFN, PAGES);
            AddressSpace space = guest().addressSpaces().getFirst();
            fillLong(memory);
            client.slot(0).submit(IommuOp.MAP_PAGE, FIRST_MFN << 12, LONG_CALL_OPS);
            if (round % 2 == 0) {
                RingFixture.await("the first is mapped", () -> space.translate(0x500) != null);
            }
            client.closeSocket();
            awaitNoGuest();
            assertNull(engine.guest(GUEST));
            assertEquals(0, iommu.dmaRead(ENDPOINT, 0x500L << 12, arena.allocate(PAGE)), "blocked and unmapped");
        }
        RingFixture.awaitDescriptors(before);
        try (RingTestClient again = RingTestClient.join(path, GUEST, 1)) {
            assertNotNull(again.registerFresh(FIRST_MFN, PAGES));
            assertEquals(0, guest().stats().mappedFrames());
        }
        awaitNoGuest();
    }

    private void awaitNoGuest() {
        RingFixture.await("guest is gone", () -> server.stats().activeConnections() == 0);
    }

    @Test
    void stopShouldLeaveEveryGuestToTheEngine() {
        try (RingTestClient client = RingTestClient.join(path, GUEST, 1)) {
            SharedMemory memory = client.registerFresh(FIRST_MFN, PAGES);
            fill(memory, 0x500, IommuMapOp.READABLE);
            assertEquals(0, call(client, IommuOp.MAP_PAGE, OPS));
            server.close();
            assertTrue(client.slot(0).isServiceGone());
            client.requireEnd();
            assertEquals(OPS, guest().stats().mappedFrames(), "it may come back after the next start");
            engine.removeGuest(guest());
        }
    }
}
