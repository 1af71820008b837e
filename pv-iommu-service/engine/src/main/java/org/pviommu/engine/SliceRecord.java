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

    private int guestId;
    private int context;
    private int subOp;
    private int elementBytes;
    private long operationsAddress;
    private long statusesAddress;
    private int operations;
    private Flush flush = Flush.NONE;

    SliceRecord() {}

    void set(
            AddressSpace space,
            int subOp,
            int elementBytes,
            long operationsAddress,
            long statusesAddress,
            int operations,
            Flush flush) {
        this.guestId = space.guestId();
        this.context = space.context();
        this.subOp = subOp;
        this.elementBytes = elementBytes;
        this.operationsAddress = operationsAddress;
        this.statusesAddress = statusesAddress;
        this.operations = operations;
        this.flush = flush;
    }

    /** Number of the guest. */
    public int guestId() {
        return guestId;
    }

    /** Number of the address space within the guest. */
    public int context() {
        return context;
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
