package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.abi.RingAbi;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Grant;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.host.FaultInjectingIommu;
import org.pviommu.host.HostCall;
import org.pviommu.host.SimulatedIommu;
import org.pviommu.natives.Errno;
import org.pviommu.natives.SharedMemory;
import org.pviommu.server.grants.Grants;

/**
 * GRANT and REVOKE from the owner's socket to the grantee's device. Guest 2 accepts grants from 1, 2, 3 and 5, the others from
 * nobody; each has 64 frames from 0 on.
 */
@Timeout(120)
class GrantMessagesTest {
    private static final int OWNER = 1;
    private static final int GRANTEE = 2;
    private static final int OTHER = 3;
    private static final int ABSENT = 5;
    private static final int PAGES = 64;
    private static final int QUOTA = 1024;
    private static final long GRANT_MFN = 0x100;
    private static final long BFN = 0x500;
    private static final int R = IommuMapOp.READABLE;
    private static final int RW = R | IommuMapOp.WRITEABLE;
    private static final long MAX_MFN = (1L << 40) - 1;

    @TempDir
    Path directory;

    private SimulatedIommu simulated;
    private FaultInjectingIommu host;
    private Engine engine;
    private RingServer server;
    private Path path;
    private TestGuest owner;
    private TestGuest grantee;

    @BeforeEach
    void start() {
        simulated = new SimulatedIommu(SimulatedIommu.Settings.defaults());
        host = new FaultInjectingIommu(simulated);
        engine = new Engine(host, BatchLog.none());
        path = directory.resolve("ring.sock");
        Grants grants = new Grants(
                engine, (to, from) -> to == GRANTEE && List.of(1, 2, 3, 5).contains(from));
        server = new RingServer(
                RingSettings.defaults(path),
                engine,
                GrantMessagesTest::policy,
                GrantMessagesTest::endpoints,
                grants,
                null);
        server.start();
        owner = new TestGuest(OWNER);
        grantee = new TestGuest(GRANTEE);
    }

    @AfterEach
    void stop() {
        host.behave();
        owner.close();
        grantee.close();
        server.close();
        assertEquals(0, server.stats().internalErrors());
        assertEquals(0, server.stats().protocolErrors());
        engine.close();
        assertTrue(engine.guests().isEmpty());
    }

    private static GuestPolicy policy(int guestId) {
        return new GuestPolicy(true, true, QUOTA, 1 << 20, 64, 64, 4, List.of(new FrameRange(60, 60)));
    }

    private static List<EndpointDescriptor> endpoints(int guestId) {
        return List.of(new EndpointDescriptor(guestId << 16, List.of()));
    }

    /** A guest with 64 frames, the last of which holds its operation, and one device. */
    private final class TestGuest implements AutoCloseable {
        private static final long ARRAY = (PAGES - 1L) << 12;

        private final int id;
        private final RingTestClient client;
        private final SharedMemory memory;

        TestGuest(int id) {
            this.id = id;
            client = RingTestClient.joinWhenFree(path, id, 1);
            memory = client.registerFresh(0, PAGES);
        }

        RingTestClient.Answer grant(int access) {
            return client.grant(4, 8, GRANTEE, GRANT_MFN, access);
        }

        void requireGrant(int access) {
            RingTestClient.Answer answer = grant(access);
            assertEquals(0, answer.status(), answer::text);
            assertEquals(RingAbi.MSG_GRANT, answer.request());
        }

        void requireRevoke(int flags) {
            RingTestClient.Answer answer = client.revoke(GRANTEE, GRANT_MFN, flags);
            assertEquals(0, answer.status(), answer::text);
            assertEquals(RingAbi.MSG_REVOKE, answer.request());
        }

        String map(long bfn, long mfn, int flags) {
            return operate(IommuOp.MAP_PAGE, bfn, mfn, flags);
        }

        String unmap(long bfn) {
            return operate(IommuOp.UNMAP_PAGE, bfn, 0, 0);
        }

        private String operate(int subOp, long bfn, long mfn, int flags) {
            MemorySegment array = memory.segment();
            IommuMapOp.putBfn(array, ARRAY, bfn);
            IommuMapOp.putMfn(array, ARRAY, mfn);
            IommuMapOp.putFlags(array, ARRAY, flags);
            assertEquals(0, client.slot(0).call(subOp, ARRAY, 1));
            return IommuStatus.name(IommuMapOp.status(array, ARRAY));
        }

        void put(long mfn, long value) {
            memory.segment().set(ValueLayout.JAVA_LONG, mfn << 12, value);
        }

        long get(long mfn) {
            return memory.segment().get(ValueLayout.JAVA_LONG, mfn << 12);
        }

        /** Bytes that its device moved. */
        long deviceWrites(long bfn, long value) {
            try (Arena arena = Arena.ofConfined()) {
                return simulated.dmaWrite(id << 16, bfn << 12, arena.allocateFrom(ValueLayout.JAVA_LONG, value));
            }
        }

        boolean deviceReads(long bfn, long expected) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment into = arena.allocate(8, 8);
                long moved = simulated.dmaRead(id << 16, bfn << 12, into);
                return moved == 8 && into.get(ValueLayout.JAVA_LONG, 0) == expected;
            }
        }

        @Override
        public void close() {
            client.close();
        }
    }

    @Test
    void shouldLetTheGranteesDeviceReachTheOwnersFrames() {
        owner.put(7, 0x1234567890L);
        owner.requireGrant(RingAbi.GRANT_READ_WRITE);

        assertEquals("OK", grantee.map(BFN, GRANT_MFN + 3, RW));

        assertTrue(grantee.deviceReads(BFN, 0x1234567890L));
        assertEquals(8, grantee.deviceWrites(BFN, 99));
        assertEquals(99, owner.get(7));
        assertEquals("ENXIO", grantee.map(BFN + 1, GRANT_MFN + 8, R), "one frame beyond");
        assertEquals(
                List.of(new Grant(OWNER, 4, 8, GRANTEE, GRANT_MFN, RW, false, 1)), engine.grants(), "as it is listed");
    }

    @Test
    void shouldNotLetTheGranteeWriteThroughAReadOnlyGrant() {
        owner.requireGrant(RingAbi.GRANT_READ);

        assertEquals("EPERM", grantee.map(BFN, GRANT_MFN, RW));
        assertEquals("OK", grantee.map(BFN, GRANT_MFN, R));

        assertEquals(0, grantee.deviceWrites(BFN, 99));
        assertEquals(0, owner.get(4));
    }

    @ParameterizedTest
    @ValueSource(ints = {OWNER, OTHER, 77, -1})
    void shouldRefuseWhatTheGranteeDoesNotAccept(int to) {
        grantee.client
                .grant(4, 8, to, GRANT_MFN, RingAbi.GRANT_READ)
                .requireRefusal(
                        Errno.EPERM,
                        "grantee_id=" + Integer.toUnsignedString(to) + " does not accept grants from guest=2");
        assertEquals(List.of(), engine.grants());
    }

    static Stream<Arguments> refused() {
        return Stream.of(
                Arguments.of(4, 0, GRANT_MFN, 1, Errno.EINVAL, "pages=0 min=1 max=1099511627776"),
                Arguments.of(4, -1, GRANT_MFN, 1, Errno.EINVAL, "pages=-1 min=1"),
                Arguments.of(4, 1L << 41, GRANT_MFN, 1, Errno.EINVAL, "pages=2199023255552 min=1"),
                Arguments.of(-1, 8, GRANT_MFN, 1, Errno.EINVAL, "firstMfn=18446744073709551615 max="),
                Arguments.of(MAX_MFN, 2, GRANT_MFN, 1, Errno.EINVAL, "firstMfn=1099511627775 max=1099511627774"),
                Arguments.of(4, 8, -1, 1, Errno.EINVAL, "firstMfn=18446744073709551615 max="),
                Arguments.of(4, 8, MAX_MFN - 6, 1, Errno.EINVAL, "firstMfn=1099511627769 max=1099511627768"),
                Arguments.of(4, 8, Long.MIN_VALUE, 1, Errno.EINVAL, "firstMfn=9223372036854775808"),
                Arguments.of(4, 8, GRANT_MFN, 0, Errno.EINVAL, "access=0x0 known: 0x1 read, 0x3"),
                Arguments.of(4, 8, GRANT_MFN, 2, Errno.EINVAL, "access=0x2 known"),
                Arguments.of(4, 8, GRANT_MFN, -1, Errno.EINVAL, "access=0xffffffff known"),
                Arguments.of(58, 4, GRANT_MFN, 1, Errno.EINVAL, "mfn=60 belongs to the hypervisor"),
                Arguments.of(63, 2, GRANT_MFN, 1, Errno.ENOENT, "guest=1 has no region with mfns 63 pages=2"),
                Arguments.of(0x1000, 1, GRANT_MFN, 1, Errno.ENOENT, "guest=1 has no region with mfns 4096"),
                Arguments.of(4, 8, 63, 1, Errno.EEXIST, "overlap registered mfns 0..63"));
    }

    @ParameterizedTest(name = "{5}")
    @MethodSource("refused")
    void shouldNameWhatIsWrong(long firstMfn, long pages, long to, int access, int errno, String text) {
        owner.client.grant(firstMfn, pages, GRANTEE, to, access).requireRefusal(errno, text);

        assertEquals(List.of(), engine.grants());
        owner.requireGrant(RingAbi.GRANT_READ);
    }

    @Test
    void shouldRefuseGrantsToOneselfAndGrantsOfGrants() {
        grantee.grant(RingAbi.GRANT_READ).requireRefusal(Errno.EINVAL, "owner=2 grantee=2");
        try (TestGuest other = new TestGuest(OTHER)) {
            engine.grant(GRANTEE, 4, 8, OTHER, GRANT_MFN, R);
            other.client
                    .grant(GRANT_MFN, 1, GRANTEE, GRANT_MFN, RingAbi.GRANT_READ)
                    .requireRefusal(Errno.EINVAL, "mfn=256 is itself granted");
        }
    }

    @Test
    void shouldCountGrantsAgainstTheGranteesQuota() {
        long room = QUOTA - PAGES;
        try (SharedMemory big = SharedMemory.create("test", room << 12, org.pviommu.natives.Seals.SHRINK)) {
            assertEquals(0, owner.client.register(0x1000, room, 0, big.fd()).status());
        }
        assertEquals(0, owner.client.grant(0x1000, room, GRANTEE, GRANT_MFN, 1).status());
        owner.client
                .grant(0, 1, GRANTEE, GRANT_MFN + room, 1)
                .requireRefusal(Errno.ENOSPC, "pages=1 registered=1024 max=1024");
    }

    @Test
    void shouldBoundTheGrantsOfOneGrantee() {
        try (TestGuest other = new TestGuest(OTHER)) {
            for (int i = 0; i < Grants.MAX_RECEIVED; i++) {
                TestGuest giver = i % 2 == 0 ? owner : other;
                assertEquals(
                        0, giver.client.grant(1, 1, GRANTEE, GRANT_MFN + i, 1).status());
            }
            long next = GRANT_MFN + Grants.MAX_RECEIVED;
            owner.client.grant(1, 1, GRANTEE, next, 1).requireRefusal(Errno.ENOSPC, "grants=128 max=128 of guest=2");

            owner.requireRevoke(0);
            owner.client.grant(1, 1, GRANTEE, next, 1).requireRefusal(Errno.ENOSPC, "grants=128 max=128");
            assertEquals(0, owner.client.grant(2, 1, GRANTEE, GRANT_MFN, 1).status(), "replaces the one taken back");
        }
    }

    @Test
    void shouldSayThatTheGranteeIsGone() {
        owner.requireGrant(RingAbi.GRANT_READ);
        grantee.close();
        RingFixture.await("grantee is gone", () -> engine.guest(GRANTEE) == null);

        owner.grant(RingAbi.GRANT_READ).requireRefusal(Errno.ENOENT, "guest=2 is not there");
        owner.client.revoke(GRANTEE, GRANT_MFN, 0).requireRefusal(Errno.ENOENT, "has granted nothing at mfn=256");
        assertEquals(0, owner.client.unregister(0, PAGES).status(), "nobody has it any more");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, RingAbi.REVOKE_FORCE})
    void shouldLetNobodyElseRevoke(int flags) {
        owner.put(4, 42);
        owner.requireGrant(RingAbi.GRANT_READ);
        assertEquals("OK", grantee.map(BFN, GRANT_MFN, R));
        try (TestGuest other = new TestGuest(OTHER)) {
            String text = " has granted nothing at mfn=256 of guest=2";
            other.client.revoke(GRANTEE, GRANT_MFN, flags).requireRefusal(Errno.ENOENT, "guest=3" + text);
            grantee.client.revoke(GRANTEE, GRANT_MFN, flags).requireRefusal(Errno.ENOENT, "guest=2" + text);
            owner.client.revoke(GRANTEE, GRANT_MFN + 1, flags).requireRefusal(Errno.ENOENT, "mfn=257");
            owner.client.revoke(ABSENT, GRANT_MFN, flags).requireRefusal(Errno.ENOENT, "guest=5");
            owner.client.revoke(-1, -1, flags).requireRefusal(Errno.ENOENT, "guest=1 has granted nothing");
        }
        assertTrue(grantee.deviceReads(BFN, 42));
        assertEquals("OK", grantee.map(BFN + 1, GRANT_MFN + 1, R));
    }

    @Test
    void shouldStopNewMapsAndKeepWhatIsMapped() {
        owner.put(4, 42);
        owner.requireGrant(RingAbi.GRANT_READ);
        assertEquals("OK", grantee.map(BFN, GRANT_MFN, R));
        owner.client.unregister(0, PAGES).requireRefusal(Errno.EBUSY, "is granted to another guest");

        owner.requireRevoke(0);
        owner.requireRevoke(0);

        assertEquals("EPERM", grantee.map(BFN + 1, GRANT_MFN + 1, R));
        assertTrue(grantee.deviceReads(BFN, 42));
        owner.client.unregister(0, PAGES).requireRefusal(Errno.EBUSY, "is granted to another guest");
        assertEquals("OK", grantee.unmap(BFN));
        assertEquals(0, owner.client.unregister(0, PAGES).status());
    }

    @Test
    void shouldTakeAwayWhatIsMappedWhenForced() {
        owner.requireGrant(RingAbi.GRANT_READ_WRITE);
        grantee.put(1, 43);
        assertEquals("OK", grantee.map(BFN, GRANT_MFN, RW));
        assertEquals("OK", grantee.map(BFN + 1, 1, RW));
        assertTrue(grantee.deviceReads(BFN, 0)); // the IOTLB knows it now

        owner.requireRevoke(RingAbi.REVOKE_FORCE);

        assertEquals(0, grantee.deviceWrites(BFN, 99));
        assertEquals(0, owner.get(4));
        assertTrue(grantee.deviceReads(BFN + 1, 43), "a mapping of its own memory is gone");
        assertEquals("ENOENT", grantee.unmap(BFN));
        assertEquals(0, owner.client.unregister(0, PAGES).status());
    }

    @Test
    void shouldSayWhenNotAllCouldBeFlushed() {
        owner.requireGrant(RingAbi.GRANT_READ_WRITE);
        assertEquals("OK", grantee.map(BFN, GRANT_MFN, RW));
        host.failRandomly(HostCall.Kind.FLUSH, 1.0, 5);

        owner.client
                .revoke(GRANTEE, GRANT_MFN, RingAbi.REVOKE_FORCE)
                .requireRefusal(Errno.EIO, "did not let go of all frames of the grant at mfn=256");
        owner.client.unregister(0, PAGES).requireRefusal(Errno.EBUSY, "granted");
        assertEquals("EPERM", grantee.map(BFN + 1, GRANT_MFN, R));

        host.behave();
        owner.requireRevoke(RingAbi.REVOKE_FORCE);
        assertEquals(0, owner.client.unregister(0, PAGES).status());
    }

    /** Its number and its memory stay until the last device has lost its way there. */
    @Test
    void shouldKeepADeadOwnersNumberUntilTheGranteeLetsGo() {
        owner.put(4, 42);
        owner.requireGrant(RingAbi.GRANT_READ);
        assertEquals("OK", grantee.map(BFN, GRANT_MFN, R));

        owner.close();
        RingFixture.await("owner has left", () -> server.stats().activeConnections() == 1);

        assertTrue(grantee.deviceReads(BFN, 42));
        assertEquals("EPERM", grantee.map(BFN + 1, GRANT_MFN + 1, R), "the owner's death revokes");
        requireNumberTaken();
        assertEquals("OK", grantee.unmap(BFN));
        try (TestGuest again = new TestGuest(OWNER)) {
            again.requireGrant(RingAbi.GRANT_READ_WRITE);
            assertEquals("OK", grantee.map(BFN, GRANT_MFN, RW));
            assertTrue(grantee.deviceReads(BFN, 0));
        }
    }

    private void requireNumberTaken() {
        try (RingTestClient again = RingTestClient.connect(path)) {
            again.send(Messages.hello(OWNER, 1));
            again.receive().requireRefusal(Errno.EBUSY, "guest=1 is in use");
        }
    }
}
