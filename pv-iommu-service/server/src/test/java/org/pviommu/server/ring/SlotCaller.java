package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.pviommu.abi.RingAbi;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.SharedMemory;

/** The caller's side of one slot. One thread. */
final class SlotCaller {
    private static final VarHandle U32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle U64 =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final SharedMemory ring;
    private final MemorySegment memory;
    private final long offset;
    private final EventFd kick;
    private final EventFd done;
    private int generation;

    SlotCaller(SharedMemory ring, int slot, EventFd kick, EventFd done) {
        this.ring = ring;
        this.memory = ring.segment();
        this.offset = RingAbi.slotOffset(slot);
        this.kick = kick;
        this.done = done;
    }

    SharedMemory ring() {
        return ring;
    }

    EventFd done() {
        return done;
    }

    EventFd kick() {
        return kick;
    }

    long call(int cmd, long arg, int count) {
        return call(cmd, arg, count, 0);
    }

    /** A whole call: spins so often, then sleeps. */
    long call(int cmd, long arg, int count, int spins) {
        submit(cmd, arg, count);
        for (int i = 0; i < spins && !isDone(); i++) {
            Thread.onSpinWait();
        }
        return awaitResult();
    }

    void submit(int cmd, long arg, int count) {
        generation = RingAbi.nextGeneration(generation);
        U32.setOpaque(memory, offset + RingAbi.SLOT_CMD_OFFSET, cmd);
        U64.setOpaque(memory, offset + RingAbi.SLOT_ARG_OFFSET, arg);
        U32.setOpaque(memory, offset + RingAbi.SLOT_COUNT_OFFSET, count);
        if (publishAndLookForSleeper(RingAbi.word(generation, RingAbi.SLOT_READY))) {
            kick.signal();
        }
    }

    /** Whether the service has to be kicked. */
    boolean publishAndLookForSleeper(int word) {
        putWord(word);
        VarHandle.fullFence();
        return (int) U32.getOpaque(memory, (long) RingAbi.RING_SERVICE_WAITING_OFFSET) != 0;
    }

    boolean isDone() {
        return word() == RingAbi.word(generation, RingAbi.SLOT_DONE);
    }

    /** Sleeps as the contract says, on its own: a wake-up that is lost ends in a failure, not in a lucky second look. */
    long awaitResult() {
        while (!isDone()) {
            U32.setOpaque(memory, offset + RingAbi.SLOT_CALLER_WAITING_OFFSET, 1);
            VarHandle.fullFence();
            if (!isDone() && !done.await(RingTestClient.TIMEOUT_MS)) {
                fail("no wake-up for generation=" + generation + " word=0x" + Integer.toHexString(word()));
            }
            done.drain();
            U32.setOpaque(memory, offset + RingAbi.SLOT_CALLER_WAITING_OFFSET, 0);
            if (isServiceGone() && !isDone()) {
                fail("the service is gone");
            }
        }
        long result = (long) U64.getOpaque(memory, offset + RingAbi.SLOT_RESULT_OFFSET);
        putWord(RingAbi.word(generation, RingAbi.SLOT_FREE));
        return result;
    }

    boolean isServiceGone() {
        return (int) U32.getAcquire(memory, (long) RingAbi.RING_SERVICE_GONE_OFFSET) != 0;
    }

    boolean isServiceWaiting() {
        return (int) U32.getAcquire(memory, (long) RingAbi.RING_SERVICE_WAITING_OFFSET) != 0;
    }

    void announceWaiting() {
        U32.setOpaque(memory, offset + RingAbi.SLOT_CALLER_WAITING_OFFSET, 1);
        VarHandle.fullFence();
    }

    void announceAwake() {
        U32.setOpaque(memory, offset + RingAbi.SLOT_CALLER_WAITING_OFFSET, 0);
    }

    int word() {
        return (int) U32.getAcquire(memory, offset + RingAbi.SLOT_WORD_OFFSET);
    }

    void putWord(int word) {
        U32.setRelease(memory, offset + RingAbi.SLOT_WORD_OFFSET, word);
    }

    /** Writes a word that the protocol does not have at this moment, and makes sure that it is seen. */
    void putGarbage(int word) {
        putWord(word);
        VarHandle.fullFence();
        kick.signal();
    }
}
