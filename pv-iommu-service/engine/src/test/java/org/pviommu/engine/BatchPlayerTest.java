package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.util.List;
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
}
