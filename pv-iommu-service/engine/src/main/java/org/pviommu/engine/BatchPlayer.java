package org.pviommu.engine;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.natives.AnonymousMemory;

/**
 * Makes calls for a guest with operations that lie in the service's own memory: those of an operator, and those of a replay.
 * From the check of the operations on it is the path of a hypercall; nothing is read from or written to the guest.
 *
 * <p>A call is {@link #begin}, any number of {@link #slice}, and {@link #finish}; the guest is locked from the first to the last.
 * One thread.
 */
public final class BatchPlayer implements AutoCloseable {
    private static final int MAX_OPERATIONS = HypercallExecutor.WINDOW_OPERATIONS;
    private static final int MAX_ELEMENT_BYTES = 40;
    private static final long OPERATIONS_BYTES = (long) MAX_OPERATIONS * MAX_ELEMENT_BYTES;
    private static final long RESULTS_BYTES = (long) MAX_OPERATIONS * Long.BYTES;

    private final Engine engine;
    private final BatchExecutor batch = new BatchExecutor();
    private final AnonymousMemory memory =
            AnonymousMemory.reserve(OPERATIONS_BYTES + RESULTS_BYTES + MAX_OPERATIONS, false);
    private final long operations = memory.segment().address();
    private final long results = operations + OPERATIONS_BYTES;
    private final long statuses = results + RESULTS_BYTES;

    private @Nullable Guest guest;
    private int elementBytes;
    private int count;

    /** Makes calls on guests of {@code engine}. */
    public BatchPlayer(Engine engine) {
        this.engine = engine;
    }

    /**
     * Starts a call of map_page, unmap_page, mixed, map_range or unmap_range.
     *
     * @throws EngineException NOT_FOUND when there is no such guest or address space
     */
    public void begin(int guestId, int context, int subOp, boolean deferred) {
        Guest caller = lockGuest(guestId);
        AddressSpace space = caller.addressSpace(context);
        if (space == null) {
            unlock();
            throw new EngineException(
                    EngineException.Kind.NOT_FOUND, "guest=" + guestId + " has no address space " + context);
        }
        elementBytes = IommuOp.elementBytes(subOp);
        count = 0;
        batch.begin(space, subOp, deferred);
    }

    private Guest lockGuest(int guestId) {
        Guest found = lockDeadOrAlive(guestId);
        if (!found.isAlive()) {
            unlock();
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + guestId + " is gone");
        }
        return found;
    }

    private Guest lockDeadOrAlive(int guestId) {
        Guest found = engine.guest(guestId);
        if (found == null) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + guestId + " is not there");
        }
        found.lock().lock();
        guest = found;
        return found;
    }

    private void unlock() {
        Guest locked = Objects.requireNonNull(guest, "no call was begun");
        guest = null;
        locked.lock().unlock();
    }

    /**
     * Applies {@code n} elements in the form of the ABI; their statuses are 0 or refusals until {@link #finish} has flushed.
     *
     * @param n at most 4096, which is what a log has to have room for
     * @param last whether no other slice follows
     */
    public void slice(MemorySegment elements, int n, boolean last) {
        Objects.checkFromIndexSize(0, n, HypercallExecutor.SLICE_OPERATIONS);
        Objects.checkFromIndexSize(count, n, MAX_OPERATIONS);
        long bytes = (long) n * elementBytes;
        long at = operations + (long) count * elementBytes;
        MemorySegment.copy(elements, 0, memory.segment(), at - operations, bytes);
        boolean applied = false;
        try {
            batch.apply(at, n, statuses + count, results + 8L * count, last);
            count += n;
            applied = true;
        } finally {
            if (!applied) {
                end(false);
            }
        }
    }

    /** The flush, the record and the release; false when the flush failed or the log had no room. */
    public boolean finish() {
        boolean finished = false;
        try {
            boolean good = batch.finish();
            finished = true;
            return good;
        } finally {
            end(finished);
        }
    }

    /** Ends the call like one whose guest memory vanished between two slices. */
    public void abandon() {
        end(false);
    }

    private void end(boolean finished) {
        try {
            batch.end(finished);
        } finally {
            unlock();
        }
    }

    /** Whether the log had no room for the slice applied last, so that nothing of it was done: all its statuses are -EIO. */
    public boolean hadNoRoom() {
        return batch.hadNoRoom();
    }

    /** Status of element {@code index} of the last call, 0 or negative. */
    public int status(int index) {
        return -RawMemory.getByte(statuses + Objects.checkIndex(index, count));
    }

    /** What range element {@code index} of the last call gave back as nr_done. */
    public long nrDone(int index) {
        return RangeOperations.nrDone(RawMemory.getLong(results + 8L * Objects.checkIndex(index, count)));
    }

    /**
     * A whole call of alloc_context, free_context or attach_device.
     *
     * @param elements in the form of the ABI, at most 4096; alloc_context writes the new numbers into it
     */
    public void contexts(int guestId, int subOp, MemorySegment elements, int n) {
        Objects.checkFromIndexSize(0, n, HypercallExecutor.SLICE_OPERATIONS);
        Guest caller = lockGuest(guestId);
        try {
            long bytes = (long) n * IommuOp.elementBytes(subOp);
            MemorySegment.copy(elements, 0, memory.segment(), 0, bytes);
            count = n;
            new ContextOperations(engine, caller).apply(subOp, operations, n, statuses);
            MemorySegment.copy(memory.segment(), 0, elements, 0, bytes);
        } finally {
            unlock();
        }
    }

    /** IOMMUOP_flush; false when it failed. What a dead guest owes is flushed when its memory is taken back. */
    public boolean flush(int guestId, int context) {
        Guest caller = lockDeadOrAlive(guestId);
        try {
            AddressSpace space = caller.addressSpace(context);
            if (space == null) {
                throw new EngineException(
                        EngineException.Kind.NOT_FOUND, "guest=" + guestId + " has no address space " + context);
            }
            return space.flushAndRelease();
        } finally {
            unlock();
        }
    }

    /**
     * For a replay: ends a guest's life as {@link Engine#removeGuest} did, without looking whether other guests hold frames of it
     * and without trying others again.
     */
    public boolean removeGuest(int guestId, boolean heldByGrantees) {
        Guest dying = engine.guest(guestId);
        if (dying == null) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + guestId + " is not there");
        }
        return engine.tearDown(dying, heldByGrantees);
    }

    /**
     * For a replay: what a new start of the service means. Nothing is cached in a host IOMMU that has begun anew, so nothing is owed any
     * more; guests that were dead are gone, and so are those whose mappings lead to frames of a dead guest.
     */
    public void restart() {
        for (Guest guest : engine.guests()) {
            if (guest.isAlive()) {
                guest.locked(guest::forgetOwed); // first: what is only owed keeps nobody from going on
            }
        }
        engine.forgetTheDead();
    }

    /** Flushes what domains owe. */
    public void flushDomains(int guestId) {
        Guest caller = lockDeadOrAlive(guestId);
        try {
            caller.device().flush();
        } finally {
            unlock();
        }
    }

    /** For a replay: ends a guest's virtio-iommu device, or tries once more to. */
    public void closeDevice(int guestId) {
        Guest caller = lockDeadOrAlive(guestId);
        try {
            GuestDomains device = caller.device().domains();
            if (device == null) {
                throw new EngineException(
                        EngineException.Kind.NOT_FOUND, "guest=" + guestId + " has no virtio-iommu device");
            }
            caller.device().close(device);
        } finally {
            unlock();
        }
    }

    /** For a replay: a guest came back after a new start of the service; nothing changes by it. */
    public void returned(int guestId) {
        Guest caller = lockGuest(guestId);
        try {
            caller.changed(new Change.GuestReturned());
        } finally {
            unlock();
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
