package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.TestMemory;

class BatchPlayerTest {
    private static final int OWNER = 9;
    private static final long OWNER_MFN = 0x20;
    private static final long GRANTED_MFN = 0x9000;

    /** A log makes room for a slice, and a record with more operations could be written but never read. */
    @Test
    void shouldTakeNoMoreOperationsThanASliceHas() {
        try (Bench bench = new Bench();
                BatchPlayer player = new BatchPlayer(bench.engine)) {
            int n = HypercallExecutor.SLICE_OPERATIONS;
            MemorySegment elements = MemorySegment.ofArray(new byte[(n + 1) * IommuMapOp.SIZE]);
            player.begin(bench.guest.id(), 0, IommuOp.UNMAP_PAGE, false);

            assertThrows(IndexOutOfBoundsException.class, () -> player.slice(elements, n + 1, true));
            player.slice(elements, n, true);
            player.finish();

            assertEquals(IommuStatus.ENOENT, player.status(n - 1));
            assertEquals(n, bench.log.last().operations());
        }
    }

    @Test
    void shouldTellThatTheLogHadNoRoom() {
        try (Bench bench = new Bench();
                BatchPlayer player = new BatchPlayer(bench.engine)) {
            MemorySegment zeroes = MemorySegment.ofArray(new byte[2 * IommuMapOp.SIZE]);
            bench.log.refuse(true, false);

            player.begin(bench.guest.id(), 0, IommuOp.MAP_PAGE, false);
            player.slice(zeroes, 2, true);
            assertTrue(player.hadNoRoom());
            assertFalse(player.finish());
            assertEquals(IommuStatus.EIO, player.status(0));
            assertEquals(IommuStatus.EIO, player.status(1));

            player.begin(bench.guest.id(), 0, IommuOp.MIXED, false);
            player.slice(zeroes, 1, true);
            assertFalse(player.hadNoRoom(), "removals have a reserve");
            player.finish();
        }
    }

    /** {@code deferredUnmap}: whether the grantee only owes the granted frame when its owner dies. */
    private static void dieAndRestart(Bench bench, boolean deferredUnmap) {
        Guest owner = bench.engine.addGuest(OWNER, GuestPolicy.permissive(), List.of());
        owner.registerMemory(OWNER_MFN, 16, new TestMemory(16));
        bench.engine.grant(OWNER, OWNER_MFN, 4, bench.guest.id(), GRANTED_MFN, Access.READ_WRITE);
        bench.driver.map(Op.rw(5, GRANTED_MFN));
        if (deferredUnmap) {
            bench.driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.at(5));
        }
        bench.engine.removeGuest(owner);
        assertNotNull(bench.engine.guest(OWNER), "its frame is held");
        try (BatchPlayer player = new BatchPlayer(bench.engine)) {
            player.restart();
        }
    }

    @Test
    void shouldKeepAGuestThatOnlyOwedFramesOfTheDead() {
        try (Bench bench = new Bench()) {
            dieAndRestart(bench, true);

            assertNull(bench.engine.guest(OWNER));
            assertEquals(bench.guest, bench.engine.guest(bench.guest.id()));
            assertEquals(0, bench.guest.heldFrames());
        }
    }

    @Test
    void shouldDropAGuestThatMapsFramesOfTheDead() {
        try (Bench bench = new Bench()) {
            dieAndRestart(bench, false);

            assertEquals(List.of(), bench.engine.guests());
        }
    }

    /** Whatever their numbers are: the order in which guests are looked at must not matter. */
    @Test
    void shouldDropThoseWhoMapFramesOfTheDropped() {
        for (int[] ids : new int[][] {{1, 2, 3}, {3, 2, 1}, {2, 3, 1}, {2, 1, 3}}) {
            try (Bench bench = new Bench();
                    BatchPlayer player = new BatchPlayer(bench.engine)) {
                for (int id : ids) {
                    bench.engine.addGuest(id, GuestPolicy.permissive(), List.of());
                    guest(bench, id).registerMemory(OWNER_MFN, 16, new TestMemory(16));
                }
                mapGranted(bench, player, ids[0], ids[1]);
                mapGranted(bench, player, ids[1], ids[2]);
                bench.engine.removeGuest(guest(bench, ids[0]));

                player.restart();

                assertEquals(List.of(bench.guest), bench.engine.guests());
            }
        }
    }

    private static Guest guest(Bench bench, int id) {
        return Objects.requireNonNull(bench.engine.guest(id));
    }

    private static void mapGranted(Bench bench, BatchPlayer player, int ownerId, int granteeId) {
        bench.engine.grant(ownerId, OWNER_MFN, 4, granteeId, GRANTED_MFN, Access.READ_WRITE);
        MemorySegment element = MemorySegment.ofArray(new long[IommuMapOp.SIZE / Long.BYTES]);
        new Op(1, GRANTED_MFN, Access.READ_WRITE).write(element, 0);
        player.begin(granteeId, 0, IommuOp.MAP_PAGE, false);
        player.slice(element, 1, true);
        player.finish();
        assertEquals(IommuStatus.OK, player.status(0));
    }
}
