package org.pviommu.systemtests.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/**
 * A guest with one slot, memory at frames {@code [firstMfn, firstMfn + pages - 1]}, and an operation array at the start of
 * it. One thread makes calls; any thread may write the memory, as in a real guest.
 */
final class RingGuest implements AutoCloseable {
    /** Status that no operation yields: shows whether an element was reached. */
    static final int UNTOUCHED = 1;

    static final int READ_WRITE = IommuMapOp.READABLE | IommuMapOp.WRITEABLE;

    private static final int PAGE_SHIFT = IommuOp.PAGE_SHIFT;
    private static final VarHandle U32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle U64 =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final long SLOT = RingAbi.slotOffset(0);

    private final RingClient client;
    private final List<AutoCloseable> owned = new ArrayList<>();
    private final MemorySegment ring;
    private final EventFd kick;
    private final EventFd done;
    private final SharedMemory memory;
    private final long firstMfn;
    private int generation;

    /** Joins, and registers fresh memory. */
    RingGuest(ServiceProcess service, int guestId, long firstMfn, long pages) {
        client = own(RingClient.connect(service.ring()));
        client.send(Messages.hello(guestId, 1));
        RingClient.Answer welcome = client.receive();
        if (welcome.type() != RingAbi.MSG_WELCOME) {
            fail("guest " + guestId + " refused: " + welcome.text());
        }
        long ringBytes = welcome.bytes().get(Messages.U64, RingAbi.WELCOME_RING_BYTES_OFFSET);
        ring = own(SharedMemory.map(welcome.fds().get(0), 0, ringBytes)).segment();
        kick = own(EventFd.adopt(welcome.fds().get(1)));
        done = own(EventFd.adopt(welcome.fds().get(2)));
        memory = own(SharedMemory.create("guest-memory", pages << PAGE_SHIFT, Seals.SHRINK));
        this.firstMfn = firstMfn;
        client.send(Messages.register(firstMfn, pages, 0), memory.fd());
        client.receive().requireOk();
    }

    private <T extends AutoCloseable> T own(T resource) {
        owned.add(resource);
        return resource;
    }

    RingClient client() {
        return client;
    }

    SharedMemory memory() {
        return memory;
    }

    /** The operation array, and everything behind it. */
    MemorySegment operations() {
        return memory.segment();
    }

    /** Writes element {@code index}, with a status that shows whether it was reached. */
    void put(int index, long bfn, long mfn, int flags) {
        long offset = (long) index * IommuMapOp.SIZE;
        IommuMapOp.putBfn(operations(), offset, bfn);
        IommuMapOp.putMfn(operations(), offset, mfn);
        IommuMapOp.putFlags(operations(), offset, flags);
        IommuMapOp.putStatus(operations(), offset, UNTOUCHED);
    }

    int status(int index) {
        return IommuMapOp.status(operations(), (long) index * IommuMapOp.SIZE);
    }

    /** A call on the first {@code count} elements that must return 0. */
    void call(int subOp, int count) {
        assertEquals(0, callAt(subOp, firstMfn << PAGE_SHIFT, count), () -> IommuOp.name(subOp) + " count=" + count);
    }

    /** Maps {@code pages} pages from {@code bfn} and {@code mfn} on; each must succeed. */
    void mapRun(long bfn, long mfn, int pages) {
        for (int i = 0; i < pages; i++) {
            put(i, bfn + i, mfn + i, READ_WRITE);
        }
        call(IommuOp.MAP_PAGE, pages);
        requireStatuses(pages, IommuStatus.OK);
    }

    /** Unmaps {@code pages} pages from {@code bfn} on; each must succeed. */
    void unmapRun(long bfn, int pages) {
        for (int i = 0; i < pages; i++) {
            put(i, bfn + i, 0, 0);
        }
        call(IommuOp.UNMAP_PAGE, pages);
        requireStatuses(pages, IommuStatus.OK);
    }

    /** Maps, looks up, unmaps, and looks again; every status must be the right one. */
    void roundTrip(long bfn, long mfn, int pages) {
        mapRun(bfn, mfn, pages);
        for (int i = 0; i < pages; i++) {
            put(i, bfn + i, 0, 0);
        }
        call(IommuOp.LOOKUP_PAGE, pages);
        requireStatuses(pages, IommuStatus.OK);
        for (int i = 0; i < pages; i++) {
            assertEquals(mfn + i, IommuMapOp.mfn(operations(), (long) i * IommuMapOp.SIZE));
        }
        unmapRun(bfn, pages);
        call(IommuOp.LOOKUP_PAGE, pages);
        requireStatuses(pages, IommuStatus.ENOENT);
    }

    void requireStatuses(int count, int expected) {
        for (int i = 0; i < count; i++) {
            int element = i;
            assertEquals(expected, status(i), () -> "element=" + element + " of " + count);
        }
    }

    /** A whole call: publish, kick a sleeping service, sleep until it is done. */
    long callAt(int cmd, long address, int count) {
        submit(cmd, address, count);
        long deadlineNs = Guard.deadlineNs();
        while (!isDone()) {
            U32.setOpaque(ring, SLOT + RingAbi.SLOT_CALLER_WAITING_OFFSET, 1);
            VarHandle.fullFence(); // pairs with the service's between DONE and its look at caller_waiting
            if (!isDone()) {
                done.await(1_000);
            }
            done.drain();
            U32.setOpaque(ring, SLOT + RingAbi.SLOT_CALLER_WAITING_OFFSET, 0);
            if (!isDone() && (isServiceGone() || Guard.isOver(deadlineNs))) {
                fail("no result, service_gone=" + isServiceGone());
            }
        }
        long result = (long) U64.getOpaque(ring, SLOT + RingAbi.SLOT_RESULT_OFFSET);
        U32.setRelease(ring, SLOT + RingAbi.SLOT_WORD_OFFSET, RingAbi.word(generation, RingAbi.SLOT_FREE));
        return result;
    }

    /** The first half of a call. */
    void submit(int cmd, long address, int count) {
        generation = RingAbi.nextGeneration(generation);
        U32.setOpaque(ring, SLOT + RingAbi.SLOT_CMD_OFFSET, cmd);
        U64.setOpaque(ring, SLOT + RingAbi.SLOT_ARG_OFFSET, address);
        U32.setOpaque(ring, SLOT + RingAbi.SLOT_COUNT_OFFSET, count);
        U32.setRelease(ring, SLOT + RingAbi.SLOT_WORD_OFFSET, RingAbi.word(generation, RingAbi.SLOT_READY));
        VarHandle.fullFence(); // pairs with the service's between service_waiting and its last look at the slots
        if ((int) U32.getOpaque(ring, (long) RingAbi.RING_SERVICE_WAITING_OFFSET) != 0) {
            kick.signal();
        }
    }

    private boolean isDone() {
        return (int) U32.getAcquire(ring, SLOT + RingAbi.SLOT_WORD_OFFSET)
                == RingAbi.word(generation, RingAbi.SLOT_DONE);
    }

    private boolean isServiceGone() {
        return (int) U32.getAcquire(ring, (long) RingAbi.RING_SERVICE_GONE_OFFSET) != 0;
    }

    /** Leaves; the service sees that at once, whatever is under way. */
    @Override
    public void close() {
        for (AutoCloseable resource : owned) {
            try {
                resource.close();
            } catch (Exception failed) {
                throw new AssertionError(failed);
            }
        }
        owned.clear();
    }
}
