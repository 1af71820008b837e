package org.pviommu.engine.support;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HypercallExecutor;

/**
 * The guest's side of the hypercall: writes arrays into its memory, makes calls, reads answers back.
 *
 * <p>Each status word holds {@link #OLD_STATUS} before the call, so that one that was not written is seen. One instance per
 * thread.
 */
public final class GuestDriver implements AutoCloseable {
    /** What a status word holds before a call. */
    public static final int OLD_STATUS = 0x5a5a_5a5a;

    private final HypercallExecutor executor;
    private final MemorySegment memory;
    private final long baseAddress;
    private long arrayOffset;
    private int lastCount;
    /** Shape of the elements that were written last. */
    private int elementBytes = IommuMapOp.SIZE;

    private int statusOffset = IommuMapOp.STATUS_OFFSET;

    /**
     * A driver of {@code guest} that keeps its arrays in {@code memory}.
     *
     * @param firstMfn where that memory is registered
     */
    public GuestDriver(Engine engine, Guest guest, TestMemory memory, long firstMfn) {
        this.executor = new HypercallExecutor(engine, guest);
        this.memory = memory.segment();
        this.baseAddress = firstMfn << 12;
    }

    /** Puts arrays at {@code offsetBytes} of the memory from now on. */
    public void placeArraysAt(long offsetBytes) {
        arrayOffset = offsetBytes;
    }

    /** Guest address of the array. */
    public long arrayAddress() {
        return baseAddress + arrayOffset;
    }

    /** The memory that arrays are written to. */
    public MemorySegment memory() {
        return memory;
    }

    /** The executor behind it, for calls with arguments of the test's own. */
    public HypercallExecutor executor() {
        return executor;
    }

    /** Writes the elements, all of one type, each with {@link #OLD_STATUS}. */
    public void write(Element... elements) {
        for (int i = 0; i < elements.length; i++) {
            writeOne(i, elements[i], OLD_STATUS);
        }
    }

    /** Writes one element. */
    public void writeOne(int index, Element element, int status) {
        elementBytes = element.sizeBytes();
        statusOffset = element.statusOffset();
        element.write(memory, offset(index));
        memory.set(ValueLayout.JAVA_INT, offset(index) + statusOffset, status);
    }

    private long offset(int index) {
        return arrayOffset + (long) index * elementBytes;
    }

    /** A call with these elements. */
    public long run(int cmd, Element... elements) {
        write(elements);
        return call(cmd, elements.length);
    }

    /** mixed with these elements. */
    public long mixed(MixedOp... ops) {
        return run(IommuOp.MIXED, ops);
    }

    /** map_range of these elements. */
    public long mapRange(RangeOp... ops) {
        return run(IommuOp.MAP_RANGE, ops);
    }

    /** unmap_range of these elements. */
    public long unmapRange(RangeOp... ops) {
        return run(IommuOp.UNMAP_RANGE, ops);
    }

    /** flush of one address space. */
    public long flush(int context) {
        return executor.call(IommuOp.cmd(IommuOp.FLUSH, 0, context), 0, 0);
    }

    /** alloc_context of one address space that must succeed; its number. */
    public int allocContext() {
        long result = run(IommuOp.ALLOC_CONTEXT, ContextOp.any());
        if (result != 0 || status(0) != 0) {
            throw new AssertionError("alloc_context result=" + result + " status=" + status(0));
        }
        return ctxNo(0);
    }

    /** free_context of one address space; its status. */
    public int freeContext(int context) {
        run(IommuOp.FREE_CONTEXT, new ContextOp(context));
        return status(0);
    }

    /** attach_device of one endpoint; its status. */
    public int attach(int endpoint, int context) {
        run(IommuOp.ATTACH_DEVICE, new AttachOp(endpoint, context));
        return status(0);
    }

    /** map_page of these elements. */
    public long map(Op... ops) {
        write(ops);
        return call(IommuOp.MAP_PAGE, ops.length);
    }

    /** unmap_page of these elements. */
    public long unmap(Op... ops) {
        write(ops);
        return call(IommuOp.UNMAP_PAGE, ops.length);
    }

    /** unmap_page of {@code n} bus frames. */
    public long unmapRun(long bfn, int n) {
        Op[] ops = new Op[n];
        for (int i = 0; i < n; i++) {
            ops[i] = Op.at(bfn + i);
        }
        return unmap(ops);
    }

    /** lookup_page of these elements. */
    public long lookup(Op... ops) {
        write(ops);
        return call(IommuOp.LOOKUP_PAGE, ops.length);
    }

    /** A call with the array that was written. */
    public long call(int cmd, int count) {
        lastCount = count;
        return executor.call(cmd, arrayAddress(), count);
    }

    /** Status of element {@code index}. */
    public int status(int index) {
        return memory.get(ValueLayout.JAVA_INT, offset(index) + statusOffset);
    }

    /** Statuses of all elements of the last call. */
    public int[] statuses() {
        int[] statuses = new int[lastCount];
        for (int i = 0; i < lastCount; i++) {
            statuses[i] = status(i);
        }
        return statuses;
    }

    /** nr_done in element {@code index} of a range call. */
    public long nrDone(int index) {
        return IommuRangeOp.nrDone(memory, offset(index));
    }

    /** ctx_no in element {@code index} of a context call. */
    public int ctxNo(int index) {
        return IommuContextOp.ctxNo(memory, offset(index));
    }

    /** Frame in element {@code index}. */
    public long mfn(int index) {
        return IommuMapOp.mfn(memory, offset(index));
    }

    /** Flags in element {@code index}. */
    public int flags(int index) {
        return IommuMapOp.flags(memory, offset(index));
    }

    /** A copy of {@code lengthBytes} bytes of the array. */
    public byte[] bytes(long lengthBytes) {
        return memory.asSlice(arrayOffset, lengthBytes).toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public void close() {
        executor.close();
    }
}
