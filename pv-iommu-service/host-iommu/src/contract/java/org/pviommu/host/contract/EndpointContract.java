package org.pviommu.host.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.pviommu.host.contract.Bench.EBUSY;
import static org.pviommu.host.contract.Bench.PAGE_BYTES;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;

/** Which address space translates for a device, and that without one it reaches nothing. */
interface EndpointContract {
    Bench bench();

    @Test
    default void shouldBlockADeviceUntilItIsAttached() {
        HostAddressSpace space = bench().newSpace();
        GuestMemory memory = bench().newMemory(1);
        bench().map(space, 5, 1, memory, 0);

        bench().assertRefused(0, 5);
        assertFalse(bench().canWrite(0, 5));
        bench().attach(space, 0);
        bench().assertReaches(0, 5, memory, 0);
        bench().assertRefused(1, 5);
    }

    @Test
    default void shouldBlockADetachedDeviceAtOnceWhateverIsCached() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(1);
        bench().map(space, 5, 1, memory, 0);
        bench().assertReaches(0, 5, memory, 0);

        bench().detach(space, 0);

        bench().assertRefused(0, 5);
        assertFalse(bench().canWrite(0, 5));
    }

    @Test
    default void shouldServeTheOtherDevicesOfAnAddressSpaceAfterADetach() {
        HostAddressSpace space = bench().attachedSpace(0);
        bench().attach(space, 1);
        GuestMemory memory = bench().newMemory(1);
        bench().map(space, 5, 1, memory, 0);
        bench().assertReaches(0, 5, memory, 0);
        bench().assertReaches(1, 5, memory, 0);

        bench().detach(space, 0);

        bench().assertRefused(0, 5);
        bench().assertReaches(1, 5, memory, 0);
    }

    @Test
    default void shouldTranslateByTheNewAddressSpaceAfterAMove() {
        HostAddressSpace one = bench().attachedSpace(0);
        HostAddressSpace other = bench().newSpace();
        GuestMemory memory = bench().newMemory(2);
        bench().map(one, 5, 1, memory, 0);
        bench().map(one, 6, 1, memory, 0);
        bench().map(other, 5, 1, memory, 1);
        bench().assertReaches(0, 5, memory, 0);
        bench().assertReaches(0, 6, memory, 0);

        bench().detach(one, 0);
        bench().attach(other, 0);

        bench().assertReaches(0, 5, memory, 1);
        bench().assertRefused(0, 6);
    }

    @Test
    default void shouldNotTakeADeviceFromAnotherAddressSpace() {
        HostAddressSpace one = bench().attachedSpace(0);
        HostAddressSpace other = bench().newSpace();
        GuestMemory memory = bench().newMemory(2);
        bench().map(one, 5, 1, memory, 0);
        bench().map(other, 5, 1, memory, 1);

        assertEquals(-EBUSY, other.attach(bench().host().endpoint(0)));

        bench().assertReaches(0, 5, memory, 0);
    }

    @Test
    default void shouldShowNothingOfADestroyedAddressSpaceToALaterOne() {
        HostAddressSpace old = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(2);
        bench().map(old, 5, 1, memory, 0);
        bench().assertReaches(0, 5, memory, 0);
        assertEquals(1, old.unmap(5, 1));
        bench().detach(old, 0);
        bench().destroy(old);

        HostAddressSpace later = bench().attachedSpace(0);

        bench().assertRefused(0, 5);
        bench().map(later, 5, 1, memory, 1);
        bench().assertReaches(0, 5, memory, 1);
    }

    /** After a detach the memory may go to somebody else, so no access under way may outlast it. */
    @Test
    default void shouldLetNoDeviceSeeMemoryAfterItsDetach() {
        HostAddressSpace space = bench().attachedSpace(0);
        GuestMemory memory = bench().newMemory(1);
        MemorySegment frame = memory.segment().asSlice(0, PAGE_BYTES).fill((byte) 0);
        bench().map(space, 5, 1, memory, 0);
        try (Devices devices = new Devices(2, () -> assertSeesZeroes(bench().host()))) {
            for (int round = 0; round < bench().host().rounds(FlushContract.RACE_ROUNDS); round++) {
                bench().detach(space, 0);
                frame.fill(FlushContract.MARKER);
                if (round % 64 == 0) {
                    devices.awaitFullTurn();
                }
                frame.fill((byte) 0);
                bench().attach(space, 0);
                if (round % 16 == 0) {
                    devices.awaitFullTurn();
                }
            }
        }
    }

    private static void assertSeesZeroes(HostUnderTest host) {
        MemorySegment into = MemorySegment.ofArray(new byte[PAGE_BYTES]);
        host.dmaRead(host.endpoint(0), 5L * PAGE_BYTES, into);
        for (long at = 0; at < PAGE_BYTES; at += Long.BYTES) {
            assertEquals(0, into.get(ValueLayout.JAVA_LONG_UNALIGNED, at), "another's data");
        }
    }
}
