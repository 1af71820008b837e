package org.pviommu.engine;

import java.util.Objects;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;

/**
 * What a {@link BatchLog} is told about one slice: a view of the batch's own buffers, reused for each slice. The
 * operations are the snapshot that was applied, never guest memory.
 */
public final class SliceRecord {
    /** Whether a flush came with the slice. */
    public enum Flush {
        /** The slice is followed by another one of the same call, or removed nothing. */
        NONE,
        /** Everything removed so far can no longer be reached. */
        DONE,
        /**
         * It failed after retries: what was removed stays held and owed. With the last record of a call, every removal of the
         * call that no flush has covered, those in its earlier records included, is answered with -EIO, whatever status was
         * recorded for it. With an earlier record it was tried at the bound on held frames, and the flush at the end decides.
         */
        FAILED
    }

    /** How a record belongs to its call. */
    public enum Part {
        /** More operations of the same slice follow: a flush at the bound on held frames came between. */
        OF_SLICE,
        /** A flush of another address space in the middle of the call, at the bound on held frames or for an attach. */
        NESTED,
        /** More slices of the same call follow. */
        SLICE_END,
        /** The call is over, or its window of operations, and its outcome is known. */
        CALL_END,
        /** The guest's memory vanished between two slices: what was recorded is done, and the next flush covers everything. */
        CALL_ABANDONED,
        /** A mistake of the service in the middle of a slice: what was done is not known. */
        CALL_BROKEN
    }

    @SuppressWarnings("NullAway.Init") // set() comes before anything else
    private AddressSpace space;

    private int subOp;
    private int elementBytes;
    private long operationsAddress;
    private long statusesAddress;
    private long resultsAddress;
    private long runsAddress;
    private int operations;
    private Flush flush = Flush.NONE;
    private Part part = Part.CALL_END;
    private boolean deferred;
    private boolean roomForMaps;
    private boolean roomForRemovals;

    SliceRecord() {}

    void set(
            AddressSpace space,
            int subOp,
            int elementBytes,
            long operationsAddress,
            long statusesAddress,
            int operations,
            Flush flush) {
        this.space = space;
        this.subOp = subOp;
        this.elementBytes = elementBytes;
        this.operationsAddress = operationsAddress;
        this.statusesAddress = statusesAddress;
        this.operations = operations;
        this.flush = flush;
        this.resultsAddress = 0;
        this.runsAddress = 0;
        this.part = Part.CALL_END;
        this.deferred = false;
        this.roomForMaps = true;
        this.roomForRemovals = true;
    }

    void part(Part newPart) {
        part = newPart;
    }

    void options(boolean isDeferred, boolean hasRoomForMaps, boolean hasRoomForRemovals) {
        deferred = isDeferred;
        roomForMaps = hasRoomForMaps;
        roomForRemovals = hasRoomForRemovals;
    }

    void results(long newResultsAddress) {
        resultsAddress = newResultsAddress;
    }

    /**
     * Says which operations were applied together, so that nobody has to find it out again.
     *
     * @param newRunsAddress a 64-bit word for each operation; that of the first one of a run is the run's length. 0 when not known
     */
    void runs(long newRunsAddress) {
        runsAddress = newRunsAddress;
    }

    /** The guest, as it is now. */
    public Guest guest() {
        return space.guest();
    }

    /** Number of the guest. */
    public int guestId() {
        return space.guestId();
    }

    /** How the record belongs to its call. */
    public Part part() {
        return part;
    }

    /** Whether nothing of what the guest is doing follows. */
    public boolean isEndOfCall() {
        return part.compareTo(Part.CALL_END) >= 0;
    }

    /** Whether the guest flushes later itself. */
    public boolean isDeferred() {
        return deferred;
    }

    /** Whether there was room to record maps; otherwise they have -EIO. */
    public boolean hadRoomForMaps() {
        return roomForMaps;
    }

    /** Whether there was room to record removals; otherwise they have -EIO. */
    public boolean hadRoomForRemovals() {
        return roomForRemovals;
    }

    /** What a range operation gave back as nr_done; other operations have none. */
    public long nrDone(int index) {
        long results = resultsAddress;
        return results == 0 ? 0 : RangeOperations.nrDone(RawMemory.getLong(results + 8L * checked(index)));
    }

    /** Number of the address space within the guest. */
    public int context() {
        return space.context();
    }

    /** Sub-operation of the call. */
    public int subOp() {
        return subOp;
    }

    /** How many operations the slice has; 0 when it only reports a flush. */
    public int operations() {
        return operations;
    }

    /** Bytes of one element; mixed elements are given in the form of map_page elements, see {@link #kind}. */
    public int elementBytes() {
        return elementBytes;
    }

    /** The 64-bit word at {@code offset} of element {@code index}, as the engine applied it. */
    public long word(int index, int offset) {
        return RawMemory.getLong(operation(index) + Objects.checkFromIndexSize(offset, Long.BYTES, elementBytes));
    }

    /** Sub-operation of element {@code index}: that of the call, or of the element in a mixed call. */
    public int kind(int index) {
        return subOp == IommuOp.MIXED ? RawMemory.getInt(operation(index) + IommuMapOp.STATUS_OFFSET) : subOp;
    }

    /**
     * How many page operations from {@code index} on form one run: each continues the bfns and, where it maps, the mfns of the one
     * before, with the same kind, flags and status. At least 1. What an unmap carries as mfn and flags is not looked at.
     */
    public int runLength(int index) {
        long op = operation(index);
        int kind = kind(index);
        boolean maps = kind != IommuOp.UNMAP_PAGE;
        long bfn = RawMemory.getLong(op + IommuMapOp.BFN_OFFSET);
        long mfn = RawMemory.getLong(op + IommuMapOp.MFN_OFFSET);
        int flags = RawMemory.getInt(op + IommuMapOp.FLAGS_OFFSET);
        byte status = RawMemory.getByte(statusesAddress + index);
        boolean mixed = subOp == IommuOp.MIXED;
        int limit = operations - index;
        int n = knownRun(index);
        while (n < limit) {
            long next = op + (long) n * IommuMapOp.SIZE;
            if (RawMemory.getLong(next + IommuMapOp.BFN_OFFSET) != bfn + n
                    || (maps
                            && (RawMemory.getLong(next + IommuMapOp.MFN_OFFSET) != mfn + n
                                    || RawMemory.getInt(next + IommuMapOp.FLAGS_OFFSET) != flags))
                    || (mixed && RawMemory.getInt(next + IommuMapOp.STATUS_OFFSET) != kind)
                    || RawMemory.getByte(statusesAddress + index + n) != status) {
                break;
            }
            n += knownRun(index + n);
        }
        return n;
    }

    /** How many operations from {@code index}, the first one of a run, on were applied as one; 1 when that is not known. */
    private int knownRun(int index) {
        return runsAddress == 0 ? 1 : (int) RawMemory.getLong(runsAddress + 8L * index);
    }

    /** Bus frame of operation {@code index}. */
    public long bfn(int index) {
        return RawMemory.getLong(operation(index) + IommuMapOp.BFN_OFFSET);
    }

    /** Frame that operation {@code index} asked for. */
    public long mfn(int index) {
        return RawMemory.getLong(operation(index) + IommuMapOp.MFN_OFFSET);
    }

    /** Flags of operation {@code index}. */
    public int flags(int index) {
        return RawMemory.getInt(operation(index) + IommuMapOp.FLAGS_OFFSET);
    }

    /** Status of operation {@code index}, 0 or negative. */
    public int status(int index) {
        return -RawMemory.getByte(statusesAddress + checked(index));
    }

    /** Whether a flush came with the slice, and how it ended. */
    public Flush flush() {
        return flush;
    }

    private long operation(int index) {
        return operationsAddress + (long) checked(index) * elementBytes;
    }

    private int checked(int index) {
        if (index < 0 || index >= operations) {
            throw new IndexOutOfBoundsException("index=" + index + " operations=" + operations);
        }
        return index;
    }
}
