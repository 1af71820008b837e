package org.pviommu.benchmarks;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HypercallExecutor;

/**
 * A guest with a device that maps and unmaps the same pages over and over, so many a call. Made and closed by the thread that
 * owns the engine; calls are made by one thread.
 */
final class LoadedGuest implements AutoCloseable {
    private static final long PAGE_BYTES = 4096;
    private static final long FIRST_BFN = 1L << 20;

    private final Engine engine;
    private final Guest guest;
    private final HypercallExecutor executor;
    private final MemorySegment array;
    private final int operations;

    /**
     * A guest whose calls have {@code operations} elements.
     *
     * @param bfnStride 1 for bus frames in sequence, which the host gets as one run; 2 for none that follow each other
     */
    LoadedGuest(Engine engine, int guestId, int operations, int bfnStride) {
        this.engine = engine;
        this.operations = operations;
        long arrayPages = (operations * (long) IommuMapOp.SIZE + PAGE_BYTES - 1) / PAGE_BYTES;
        long pages = arrayPages + operations;
        guest = engine.addGuest(guestId, GuestPolicy.permissive(), List.of(new EndpointDescriptor(guestId, List.of())));
        executor = new HypercallExecutor(engine, guest);
        MemfdGuestMemory memory = MemfdGuestMemory.create(pages);
        array = memory.segment().asSlice(0, operations * (long) IommuMapOp.SIZE);
        Operations.fill(array, operations, FIRST_BFN, arrayPages);
        for (int i = 0; bfnStride > 1 && i < operations; i++) {
            IommuMapOp.putBfn(array, (long) i * IommuMapOp.SIZE, FIRST_BFN + (long) i * bfnStride);
        }
        guest.registerMemory(0, pages, memory);
    }

    /** Maps all pages, one call. */
    void map() {
        call(IommuOp.MAP_PAGE);
    }

    /** Unmaps all pages, one call. */
    void unmap() {
        call(IommuOp.UNMAP_PAGE);
    }

    private void call(int subOp) {
        long result = executor.call(subOp, 0, operations);
        if (result != 0) {
            throw new IllegalStateException(IommuOp.name(subOp) + " result=" + result + ", not a valid measurement");
        }
    }

    /** Fails unless every operation so far was successful: what is refused is fast and means nothing. */
    void requireAllOk() {
        Operations.requireAllOk(array, operations);
        if (guest.stats().failures() != 0) {
            throw new IllegalStateException("not a valid measurement: " + guest.stats());
        }
    }

    @Override
    public void close() {
        engine.removeGuest(guest);
        executor.close();
    }
}
