package org.pviommu.host.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.host.contract.Bench.PAGE_BYTES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.IotlbGather;

/** A removed translation may be used until the flush that covers it, and never after. */
interface FlushContract {
    /** How often a frame changes hands in the race tests. */
    int RACE_ROUNDS = 3000;

    Bench bench();

    @Test
    default void shouldRefuseARemovedPageFromTheFlushOn() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(1);
        bench().map(space, 5, 1, memory, 0);
        bench().assertReaches(0, 5, memory, 0);

        assertEquals(1, space.unmap(5, 1));
        bench().assertStale(0, 5, memory, 0);
        bench().assertStale(0, 5, memory, 0);
        bench().flush(space, 5, 5);

        bench().assertRefused(0, 5);
    }

    @Test
    default void shouldFlushTheRangesOfTheGatherAndNoOthers() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(10);
        useAndRemove(space, memory, 10);
        IotlbGather gather = new IotlbGather();
        gather.add(102, 2);
        gather.add(107, 1);

        assertEquals(0, space.flush(gather));

        for (long page = 0; page < 10; page++) {
            if (page == 2 || page == 3 || page == 7) {
                bench().assertRefused(0, 100 + page);
            } else {
                bench().assertStale(0, 100 + page, memory, page);
            }
        }
        bench().flush(space, 100, 109);
        for (long bfn = 100; bfn < 110; bfn++) {
            bench().assertRefused(0, bfn);
        }
    }

    @Test
    default void shouldFlushTheWholeAddressSpaceAndNoOther() {
        HostAddressSpace space = bench().attachedSpace(0);
        HostAddressSpace other = bench().attachedSpace(1);
        GuestMemory memory = bench().newMemory(100);
        bench().map(other, 100, 1, memory, 50);
        bench().assertReaches(1, 100, memory, 50);
        assertEquals(1, other.unmap(100, 1));
        useAndRemove(space, memory, 100);

        bench().flushWholeSpace(space);

        for (long bfn = 100; bfn < 200; bfn++) {
            bench().assertRefused(0, bfn);
        }
        bench().assertStale(1, 100, memory, 50);
    }

    @Test
    default void shouldAcceptAFlushOfMoreThanWasRemoved() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(3);
        for (int page = 0; page < 3; page++) {
            bench().map(space, 10 + page, 1, memory, page);
            bench().assertReaches(0, 10 + page, memory, page);
        }
        assertEquals(1, space.unmap(11, 1));

        bench().flush(space, 0, bench().iommu().capabilities().lastBfn());

        bench().assertReaches(0, 10, memory, 0);
        bench().assertRefused(0, 11);
        bench().assertReaches(0, 12, memory, 2);
    }

    @Test
    default void shouldReachTheNewFrameAfterTheFlush() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(2);
        bench().map(space, 5, 1, memory, 0);
        bench().assertReaches(0, 5, memory, 0);
        assertEquals(1, space.unmap(5, 1));

        bench().map(space, 5, 1, memory, 1);
        bench().flush(space, 5, 5);

        bench().assertReaches(0, 5, memory, 1);
    }

    @Test
    default void shouldForbidWritingFromTheFlushOn() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(1);
        bench().map(space, 5, 1, memory, 0);
        assertTrue(bench().canWrite(0, 5));
        assertEquals(1, space.unmap(5, 1));

        assertEquals(0, space.map(5, 1, memory, 0, Access.READ));
        bench().flush(space, 5, 5);

        assertFalse(bench().canWrite(0, 5));
        bench().assertReaches(0, 5, memory, 0);
    }

    /**
     * The race a flush has to win: devices look a translation up, are delayed, and cache it or go on copying after it
     * was removed. When the flush has returned the frame belongs to someone else, who writes a marker into all of it;
     * no device may ever see one. Catalogue I1, XSA-346.
     */
    @Test
    default void shouldLetNoDeviceSeeAFrameAfterItsFlush() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(1);
        MemorySegment frame = memory.segment().asSlice(0, PAGE_BYTES).fill((byte) 0);
        bench().map(space, 5, 1, memory, 0);
        try (Devices devices = new Devices(2, () -> assertSeesNoMarker(bench().host()))) {
            for (int round = 0; round < bench().host().rounds(RACE_ROUNDS); round++) {
                assertEquals(1, space.unmap(5, 1));
                bench().flush(space, 5, 5);
                frame.fill(MARKER);
                if (round % 64 == 0) {
                    devices.awaitFullTurn();
                }
                frame.fill((byte) 0);
                bench().map(space, 5, 1, memory, 0);
                if (round % 16 == 0) {
                    devices.awaitFullTurn();
                }
            }
        }
    }

    /** The same for writes: what a device writes never lands in a frame after its flush. */
    @Test
    default void shouldLetNoDeviceWriteToAFrameAfterItsFlush() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(1);
        MemorySegment frame = memory.segment().asSlice(0, PAGE_BYTES);
        MemorySegment clean = MemorySegment.ofArray(new byte[PAGE_BYTES]);
        MemorySegment dirt = MemorySegment.ofArray(new byte[PAGE_BYTES]).fill(MARKER);
        HostUnderTest host = bench().host();
        bench().map(space, 5, 1, memory, 0);
        try (Devices devices = new Devices(2, () -> host.dmaWrite(host.endpoint(0), 5L * PAGE_BYTES, dirt))) {
            for (int round = 0; round < bench().host().rounds(RACE_ROUNDS); round++) {
                assertEquals(1, space.unmap(5, 1));
                bench().flush(space, 5, 5);
                frame.fill((byte) 0);
                if (round % 64 == 0) {
                    devices.awaitFullTurn();
                }
                assertEquals(-1, frame.mismatch(clean), "written after the flush");
                bench().map(space, 5, 1, memory, 0);
                if (round % 16 == 0) {
                    devices.awaitFullTurn();
                }
            }
        }
    }

    /** In no frame of a device's own. */
    byte MARKER = 0x5A;

    private static void assertSeesNoMarker(HostUnderTest host) {
        byte[] page = new byte[PAGE_BYTES];
        MemorySegment into = MemorySegment.ofArray(page);
        if (host.dmaRead(host.endpoint(0), 5L * PAGE_BYTES, into) == 0) {
            return;
        }
        for (long at = 0; at < PAGE_BYTES; at += Long.BYTES) {
            assertEquals(0, into.get(ValueLayout.JAVA_LONG_UNALIGNED, at), "another's data");
        }
    }

    /** Maps page by page from bus frame 100 on, lets the device use each page, and removes them without a flush. */
    private void useAndRemove(HostAddressSpace space, GuestMemory memory, int pages) {
        for (int page = 0; page < pages; page++) {
            bench().map(space, 100 + page, 1, memory, page);
            bench().assertReaches(0, 100 + page, memory, page);
        }
        assertEquals(pages, space.unmap(100, pages));
    }
}
