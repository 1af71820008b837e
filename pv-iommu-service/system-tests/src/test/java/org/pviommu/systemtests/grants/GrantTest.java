package org.pviommu.systemtests.grants;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Access;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.host.FaultInjectingIommu;
import org.pviommu.host.HostCall;
import org.pviommu.host.SimulatedIommu;

/** Frames of guest 1 that guest 2 may map, seen from outside: by statuses and by DMA of guest 2's device. */
class GrantTest {
    private static final long PAGES = 64;
    private static final long GRANT_MFN = 0x1000;
    private static final int RW = IommuMapOp.READABLE | IommuMapOp.WRITEABLE;

    private final SimulatedIommu simulated = new SimulatedIommu(SimulatedIommu.Settings.defaults());
    private final FaultInjectingIommu host = new FaultInjectingIommu(simulated);
    private final Engine engine = new Engine(host, BatchLog.none());
    private final TestGuest owner = new TestGuest(1, List.of(new FrameRange(40, 41)));
    private final TestGuest grantee = new TestGuest(2, List.of());

    @AfterEach
    void closeEngine() {
        host.behave();
        engine.close();
        assertTrue(owner.memory.closed && grantee.memory.closed, "memory was not given back");
    }

    @Test
    void shouldLetTheGranteesDeviceReachTheOwnersFrame() {
        owner.memory.put(7, 0x1234567890L);
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);

        assertEquals(IommuStatus.OK, grantee.map(100, GRANT_MFN + 3, RW));

        assertEquals(0x1234567890L, grantee.dmaRead(100));
    }

    @Test
    void shouldRefuseToWriteThroughAReadOnlyGrant() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ);

        assertEquals(IommuStatus.EPERM, grantee.map(100, GRANT_MFN, RW));
        assertEquals(IommuStatus.OK, grantee.map(100, GRANT_MFN, IommuMapOp.READABLE));
    }

    @Test
    void shouldStopNewMapsOnRevocationAndKeepWhatIsMapped() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);
        assertEquals(IommuStatus.OK, grantee.map(100, GRANT_MFN, RW));

        engine.revoke(2, GRANT_MFN, false);

        assertEquals(IommuStatus.EPERM, grantee.map(101, GRANT_MFN + 1, RW));
        assertNotNull(grantee.guest.ownSpace().translate(100));
        assertEquals(IommuStatus.OK, grantee.unmap(100));
        assertEquals(IommuStatus.EPERM, grantee.map(100, GRANT_MFN, RW));
    }

    @Test
    void shouldUnmapAndFlushOnForcedRevocation() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);
        grantee.map(100, GRANT_MFN, RW);
        grantee.map(101, 0, RW);
        grantee.dmaRead(100); // the IOTLB knows it now

        engine.revoke(2, GRANT_MFN, true);

        assertNull(grantee.guest.ownSpace().translate(100));
        assertFalse(grantee.canRead(100), "the device still reaches a frame that was taken back");
        assertTrue(grantee.canRead(101), "a mapping of the guest's own memory is gone");
        owner.guest.unregisterMemory(0, PAGES);
        owner.guest.registerMemory(0, PAGES, owner.memory.again());
    }

    @Test
    void shouldSayWhenAForcedRevocationCouldNotBeFlushedAndFinishLater() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);
        grantee.map(100, GRANT_MFN, RW);
        host.failRandomly(HostCall.Kind.FLUSH, 1.0, 5);

        EngineException refused = assertThrows(EngineException.class, () -> engine.revoke(2, GRANT_MFN, true));
        assertEquals(EngineException.Kind.HOST, refused.kind());
        assertBusy(() -> owner.guest.unregisterMemory(0, PAGES));

        host.behave();
        engine.revoke(2, GRANT_MFN, true);
        owner.guest.unregisterMemory(0, PAGES);
        owner.guest.registerMemory(0, PAGES, owner.memory.again());
    }

    @Test
    void shouldKeepGrantedMemoryRegistered() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);

        assertBusy(() -> owner.guest.unregisterMemory(0, PAGES));
    }

    @Test
    void shouldKeepTheMemoryAndTheNumberOfADeadOwnerUntilTheGranteeLetsGo() {
        owner.memory.put(4, 77);
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);
        grantee.map(100, GRANT_MFN, RW);

        engine.removeGuest(owner.guest);

        assertFalse(owner.memory.closed, "memory was given back while another guest's device reaches it");
        assertEquals(77, grantee.dmaRead(100));
        assertEquals(IommuStatus.EPERM, grantee.map(101, GRANT_MFN, RW), "the owner's death revokes");
        assertBusy(() -> engine.addGuest(1, GuestPolicy.permissive(), List.of()));

        assertEquals(IommuStatus.OK, grantee.unmap(100));
        engine.addGuest(1, GuestPolicy.permissive(), List.of());
        assertTrue(owner.memory.closed);
    }

    @Test
    void shouldLetADeadOwnerGoWhenTheGranteeDiesToo() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);
        grantee.map(100, GRANT_MFN, RW);
        engine.removeGuest(owner.guest);

        engine.removeGuest(grantee.guest);

        assertNull(engine.guest(1));
        assertTrue(owner.memory.closed);
    }

    @Test
    void shouldRefuseFramesOfTheHypervisorGrantsOfGrantsAndStrangers() {
        assertEquals(EngineException.Kind.INVALID, refusal(() -> engine.grant(1, 36, 8, 2, GRANT_MFN, Access.READ)));
        assertEquals(EngineException.Kind.NOT_FOUND, refusal(() -> engine.grant(1, 60, 8, 2, GRANT_MFN, Access.READ)));
        assertEquals(EngineException.Kind.NOT_FOUND, refusal(() -> engine.grant(9, 0, 1, 2, GRANT_MFN, Access.READ)));
        assertEquals(EngineException.Kind.EXISTS, refusal(() -> engine.grant(1, 0, 8, 2, 60, Access.READ)));
        assertEquals(EngineException.Kind.INVALID, refusal(() -> engine.grant(1, 0, 1, 1, GRANT_MFN, Access.READ)));
        assertEquals(EngineException.Kind.INVALID, refusal(() -> engine.grant(1, 0, 1, 2, GRANT_MFN, Access.WRITE)));
        assertEquals(EngineException.Kind.NOT_FOUND, refusal(() -> engine.revoke(2, 0, true)));
        engine.grant(1, 0, 8, 2, GRANT_MFN, Access.READ);
        assertEquals(
                EngineException.Kind.INVALID, refusal(() -> engine.grant(2, GRANT_MFN, 1, 1, GRANT_MFN, Access.READ)));
    }

    @Test
    void shouldReuseTheNumbersOfARevokedGrant() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ);
        engine.revoke(2, GRANT_MFN, false);

        engine.grant(1, 20, 4, 2, GRANT_MFN, Access.READ_WRITE);

        assertEquals(IommuStatus.OK, grantee.map(100, GRANT_MFN, RW));
        assertEquals(IommuStatus.ENXIO, grantee.map(101, GRANT_MFN + 5, RW));
    }

    @Test
    void shouldChangeNothingWhenAGrantIsRefused() {
        engine.grant(1, 4, 2, 2, GRANT_MFN, Access.READ);
        engine.revoke(2, GRANT_MFN, false);
        engine.grant(1, 8, 2, 2, GRANT_MFN + 2, Access.READ);

        assertEquals(EngineException.Kind.EXISTS, refusal(() -> engine.grant(1, 20, 4, 2, GRANT_MFN, Access.READ)));

        assertEquals(IommuStatus.EPERM, grantee.map(100, GRANT_MFN, RW), "still the number of a revoked grant");
    }

    @Test
    void shouldNotLetTheFramesOfADeadOwnerBeGranted() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);
        grantee.map(100, GRANT_MFN, RW);
        engine.removeGuest(owner.guest);

        assertEquals(
                EngineException.Kind.NOT_FOUND, refusal(() -> engine.grant(1, 20, 4, 2, GRANT_MFN + 8, Access.READ)));
    }

    /** The page next to the granted one goes with it: it is owed and flushed like what was asked for (catalogue D10). */
    @Test
    void shouldFlushWhatTheHostRemovesUnaskedOnForcedRevocation() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);
        grantee.map(100, GRANT_MFN, RW);
        grantee.map(101, 0, RW);
        grantee.dmaRead(100);
        grantee.dmaRead(101); // the IOTLB knows both now
        host.extendNthUnmap(1, 1);

        engine.revoke(2, GRANT_MFN, true);

        assertFalse(grantee.canRead(101), "the device uses a translation that is gone");
        assertNull(grantee.guest.ownSpace().translate(101));
        assertEquals(IommuStatus.OK, grantee.map(101, 0, RW));
    }

    @Test
    void shouldNotTakeArraysFromGrantedMemory() {
        engine.grant(1, 4, 8, 2, GRANT_MFN, Access.READ_WRITE);

        assertEquals(
                IommuStatus.EFAULT, grantee.executor.call(IommuOp.cmd(IommuOp.MAP_PAGE, 0, 0), GRANT_MFN << 12, 1));
    }

    private static EngineException.Kind refusal(Runnable action) {
        return assertThrows(EngineException.class, action::run).kind();
    }

    private static void assertBusy(Runnable action) {
        assertEquals(EngineException.Kind.BUSY, refusal(action));
    }

    /** A guest with {@value #PAGES} frames from 0 on, the last of which holds its arrays, and one device. */
    private final class TestGuest {
        private static final long ARRAY_MFN = PAGES - 1;

        final Memory memory = new Memory();
        final Guest guest;
        final HypercallExecutor executor;
        final int endpoint;

        TestGuest(int id, List<FrameRange> reserved) {
            GuestPolicy policy = new GuestPolicy(true, true, 1 << 20, 1 << 20, 64, 64, 4, reserved);
            endpoint = 0x100 + id;
            guest = engine.addGuest(id, policy, List.of(new EndpointDescriptor(endpoint, List.of())));
            guest.registerMemory(0, PAGES, memory);
            executor = new HypercallExecutor(engine, guest);
        }

        int map(long bfn, long mfn, int flags) {
            return call(IommuOp.MAP_PAGE, bfn, mfn, flags);
        }

        int unmap(long bfn) {
            return call(IommuOp.UNMAP_PAGE, bfn, 0, 0);
        }

        private int call(int subOp, long bfn, long mfn, int flags) {
            long offset = ARRAY_MFN << 12;
            IommuMapOp.putBfn(memory.segment, offset, bfn);
            IommuMapOp.putMfn(memory.segment, offset, mfn);
            IommuMapOp.putFlags(memory.segment, offset, flags);
            assertEquals(IommuStatus.OK, executor.call(IommuOp.cmd(subOp, 0, 0), offset, 1));
            return IommuMapOp.status(memory.segment, offset);
        }

        boolean canRead(long bfn) {
            try (Arena arena = Arena.ofConfined()) {
                return simulated.dmaRead(endpoint, bfn << 12, arena.allocate(8, 8)) == 8;
            }
        }

        long dmaRead(long bfn) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment into = arena.allocate(8, 8);
                assertEquals(8, simulated.dmaRead(endpoint, bfn << 12, into));
                return into.get(ValueLayout.JAVA_LONG, 0);
            }
        }
    }

    private static final class Memory implements GuestMemory {
        private Arena arena = Arena.ofShared();
        private MemorySegment segment = arena.allocate(PAGES << 12, 4096);
        private boolean closed;

        void put(long frame, long value) {
            segment.set(ValueLayout.JAVA_LONG, frame << 12, value);
        }

        /** Fresh memory behind the same object, after it was closed. */
        Memory again() {
            arena = Arena.ofShared();
            segment = arena.allocate(PAGES << 12, 4096);
            closed = false;
            return this;
        }

        @Override
        public MemorySegment segment() {
            return segment;
        }

        @Override
        public int fileDescriptor() {
            return -1;
        }

        @Override
        public long fileOffsetBytes() {
            return 0;
        }

        @Override
        public void close() {
            closed = true;
            arena.close();
        }
    }
}
