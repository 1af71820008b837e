package org.pviommu.server.ring;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/**
 * The memory that the service and one guest share: a header and the slots, with one method per step of the protocol.
 *
 * <p>Both sides write to it and the guest may write anything at any time. So each shared field is read by one opaque or
 * acquire access into a local variable, which the compiler may neither repeat nor split, and nothing here is believed.
 *
 * <p>The memfd is made here and sealed against growing, shrinking and further seals before the guest gets it: no access
 * can fault because the guest truncated the file.
 */
final class RingMemory implements AutoCloseable {
    private static final VarHandle U16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle U32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle U64 =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private static final int SEALS = Seals.SHRINK | Seals.GROW | Seals.SEAL;

    private final SharedMemory memory;
    private final MemorySegment segment;

    RingMemory(int slots) {
        memory = SharedMemory.create("pvi-ring", RingAbi.ringBytes(slots), SEALS);
        segment = memory.segment();
        U32.set(segment, (long) RingAbi.RING_MAGIC_OFFSET, RingAbi.MAGIC);
        U16.set(segment, (long) RingAbi.RING_VERSION_OFFSET, (short) RingAbi.VERSION);
        U16.set(segment, (long) RingAbi.RING_SLOT_BYTES_OFFSET, (short) RingAbi.SLOT_BYTES);
        U32.set(segment, (long) RingAbi.RING_NR_SLOTS_OFFSET, slots);
    }

    FileDescriptor fd() {
        return memory.fd();
    }

    long sizeBytes() {
        return memory.sizeBytes();
    }

    /** Acquire: what the caller stored before it released READY (cmd, arg, count and its array) is visible after this. */
    int word(long slotOffset) {
        return (int) U32.getAcquire(segment, slotOffset + RingAbi.SLOT_WORD_OFFSET);
    }

    int cmd(long slotOffset) {
        return (int) U32.getOpaque(segment, slotOffset + RingAbi.SLOT_CMD_OFFSET);
    }

    long arg(long slotOffset) {
        return (long) U64.getOpaque(segment, slotOffset + RingAbi.SLOT_ARG_OFFSET);
    }

    int count(long slotOffset) {
        return (int) U32.getOpaque(segment, slotOffset + RingAbi.SLOT_COUNT_OFFSET);
    }

    /**
     * Hands a slot back with its result, and tells whether its caller has to be woken.
     *
     * <p>The release store orders result, and the statuses that the call wrote into guest memory, before DONE. The full
     * fence orders the store of DONE before the load of caller_waiting, which no weaker fence does. The caller stores
     * caller_waiting, fences, then loads word. In any order of the two fences at least one side sees the other's store:
     * the caller sees DONE and does not sleep, or we see caller_waiting and wake it.
     */
    boolean complete(long slotOffset, int doneWord, long result) {
        U64.setOpaque(segment, slotOffset + RingAbi.SLOT_RESULT_OFFSET, result);
        U32.setRelease(segment, slotOffset + RingAbi.SLOT_WORD_OFFSET, doneWord);
        VarHandle.fullFence();
        return (int) U32.getOpaque(segment, slotOffset + RingAbi.SLOT_CALLER_WAITING_OFFSET) != 0;
    }

    /**
     * Says that the service is about to sleep; the slots have to be looked at once more before it does. The full fence
     * orders this store before those looks, as the caller's fence orders READY before its look at service_waiting:
     * either we see READY, or the caller sees that we wait and kicks.
     */
    void announceSleep() {
        U32.setOpaque(segment, (long) RingAbi.RING_SERVICE_WAITING_OFFSET, 1);
        VarHandle.fullFence();
    }

    /** Needs no order: a caller that still sees 1 kicks in vain, and a spurious wake-up is normal. */
    void announceAwake() {
        U32.setOpaque(segment, (long) RingAbi.RING_SERVICE_WAITING_OFFSET, 0);
    }

    /** No call will be answered any more. The fence orders this before the eventfd writes that wake sleeping callers. */
    void announceGone() {
        U32.setOpaque(segment, (long) RingAbi.RING_SERVICE_GONE_OFFSET, 1);
        VarHandle.fullFence();
    }

    @Override
    public void close() {
        memory.close();
    }
}
