package org.pviommu.host.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.host.contract.Bench.EEXIST;
import static org.pviommu.host.contract.Bench.ENOENT;
import static org.pviommu.host.contract.Bench.PAGE_BYTES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;

/** Mapping and what devices reach by it. */
interface MappingContract {
    Bench bench();

    @Test
    default void shouldReachWhatIsMappedAndNothingElse() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(8);

        bench().map(space, 100, 3, memory, 2);

        bench().assertRefused(0, 99);
        bench().assertReaches(0, 100, memory, 2);
        bench().assertReaches(0, 101, memory, 3);
        bench().assertReaches(0, 102, memory, 4);
        bench().assertRefused(0, 103);
    }

    @Test
    default void shouldWriteWhereItReads() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(2);
        bench().map(space, 7, 1, memory, 1);
        HostUnderTest host = bench().host();

        int moved = host.dmaWrite(
                host.endpoint(0), 7L * PAGE_BYTES + 24, MemorySegment.ofArray(new long[] {0x1122_3344_5566_7788L}));

        assertEquals(8, moved);
        assertEquals(0x1122_3344_5566_7788L, memory.segment().get(ValueLayout.JAVA_LONG, PAGE_BYTES + 24));
        assertEquals(0, memory.segment().get(ValueLayout.JAVA_LONG, 24));
    }

    @Test
    default void shouldCrossFromOneRegionIntoAnother() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory one = bench().newMemory(4);
        GuestMemory other = bench().newMemory(4);
        bench().map(space, 10, 2, one, 2);
        bench().map(space, 12, 2, other, 1);
        fill(one, 3, (byte) 0x11);
        fill(other, 1, (byte) 0x22);
        byte[] read = new byte[200];
        HostUnderTest host = bench().host();

        int moved = host.dmaRead(host.endpoint(0), 12L * PAGE_BYTES - 100, MemorySegment.ofArray(read));

        assertEquals(200, moved);
        for (int i = 0; i < 200; i++) {
            assertEquals(i < 100 ? 0x11 : 0x22, read[i], "byte " + i);
        }
    }

    @Test
    default void shouldMoveManyPagesInOneAccess() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(40);
        bench().map(space, 64, 20, memory, 0);
        bench().map(space, 84, 20, memory, 20);
        byte[] read = new byte[40 * PAGE_BYTES];
        HostUnderTest host = bench().host();

        int moved = host.dmaRead(host.endpoint(0), 64L * PAGE_BYTES, MemorySegment.ofArray(read));

        assertEquals(read.length, moved);
        assertEquals(-1, MemorySegment.ofArray(read).mismatch(memory.segment()));
    }

    @Test
    default void shouldMoveWhatLiesBeforeTheFirstRefusedPage() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(2);
        bench().map(space, 20, 1, memory, 0);
        bench().map(space, 22, 1, memory, 1);
        HostUnderTest host = bench().host();

        int moved = host.dmaRead(
                host.endpoint(0), 20L * PAGE_BYTES + 96, MemorySegment.ofArray(new byte[3 * PAGE_BYTES - 96]));

        assertEquals(PAGE_BYTES - 96, moved);
    }

    @Test
    default void shouldKeepReadAndWriteApart() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(2);
        assertEquals(0, space.map(1, 1, memory, 0, Access.READ));
        bench().map(space, 2, 1, memory, 1);

        bench().assertReaches(0, 1, memory, 0);
        assertFalse(bench().canWrite(0, 1));
        assertEquals(0, memory.segment().get(ValueLayout.JAVA_LONG, 8));
        assertTrue(bench().canWrite(0, 2));
    }

    @Test
    default void shouldRefuseToMapOverAnything() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(8);
        GuestMemory other = bench().newMemory(8);
        bench().map(space, 10, 4, memory, 0);

        for (long firstBfn = 7; firstBfn <= 13; firstBfn++) {
            for (long pages = 1; pages <= 8; pages++) {
                if (firstBfn + pages > 10) {
                    assertEquals(-EEXIST, space.map(firstBfn, pages, other, 0, Access.READ_WRITE));
                }
            }
        }

        for (long bfn = 0; bfn < 24; bfn++) {
            if (bfn >= 10 && bfn <= 13) {
                bench().assertReaches(0, bfn, memory, bfn - 10);
            } else {
                bench().assertRefused(0, bfn);
            }
        }
    }

    @Test
    default void shouldUseTheApertureToItsLastPageAndNoFurther() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(4);
        long lastBfn = bench().iommu().capabilities().lastBfn();

        assertTrue(space.map(lastBfn, 2, memory, 0, Access.READ_WRITE) < 0);
        assertTrue(space.map(lastBfn + 1, 1, memory, 0, Access.READ_WRITE) < 0);
        assertTrue(space.map(-1, 1, memory, 0, Access.READ_WRITE) < 0);
        assertTrue(space.map(0, 0, memory, 0, Access.READ_WRITE) < 0);
        assertTrue(space.map(1, Long.MAX_VALUE, memory, 0, Access.READ_WRITE) < 0);
        bench().map(space, lastBfn, 1, memory, 3);

        bench().assertReaches(0, lastBfn, memory, 3);
        bench().assertRefused(0, lastBfn + 1);
        bench().assertRefused(0, 0);
        bench().unmapAndFlush(space, lastBfn, 1);
        bench().assertRefused(0, lastBfn);
    }

    @Test
    default void shouldRefuseToUnmapWhatIsNotMapped() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(2);
        bench().map(space, 6, 1, memory, 0);

        assertEquals(-ENOENT, space.unmap(5, 1));
        assertEquals(-ENOENT, space.unmap(7, 1));
        bench().assertReaches(0, 6, memory, 0);
    }

    @Test
    default void shouldKeepAddressSpacesApart() {
        HostAddressSpace one = bench().attachedSpace(0);
        HostAddressSpace other = bench().attachedSpace(1);
        GuestMemory memory = bench().newMemory(4);
        bench().map(one, 5, 1, memory, 0);
        bench().map(one, 6, 1, memory, 1);
        bench().map(other, 6, 1, memory, 2);

        bench().assertReaches(0, 5, memory, 0);
        bench().assertRefused(1, 5);
        bench().assertReaches(0, 6, memory, 1);
        bench().assertReaches(1, 6, memory, 2);
        bench().unmapAndFlush(one, 6, 1);
        bench().assertRefused(0, 6);
        bench().assertReaches(1, 6, memory, 2);
    }

    private static void fill(GuestMemory memory, long frame, byte value) {
        memory.segment().asSlice(frame * PAGE_BYTES, PAGE_BYTES).fill(value);
    }
}
