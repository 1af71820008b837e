package org.pviommu.server.ring;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import org.pviommu.abi.RingAbi;
import org.pviommu.engine.GuestMemory;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.SharedMemory;

/**
 * A ring of one slot, its service, which is the real one, and a caller that follows the contract in pvi_ring.h on a mapping of its
 * own. Whatever belongs to a call is derived from its generation, so that a value of another call is recognised.
 *
 * <p>One thread plays the caller, one the service; {@link #prepare} needs both.
 */
final class SlotPair implements GuestSession {
    private static final VarHandle U32 = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle U64 = ValueLayout.JAVA_LONG.varHandle();
    private static final long SLOT = RingAbi.slotOffset(0);

    private final GuestRing ring = GuestRing.create(1);
    final SlotServer server = new SlotServer(ring, this);
    private final SharedMemory mapping =
            SharedMemory.map(ring.descriptors().getFirst().duplicate(), 0, ring.sizeBytes());
    private final MemorySegment shared = mapping.segment();
    private final EventFd done = EventFd.adopt(duplicate(2));
    /** What stands for statuses: written by a call, read by the caller, plainly. */
    private final MemorySegment status = java.lang.foreign.Arena.global().allocate(Integer.BYTES, Integer.BYTES);

    private int generation;
    /** By the service's thread: 1 when the last call had the arguments of its generation, 2 when not. */
    int argumentsSeen;

    private FileDescriptor duplicate(int index) {
        return ring.descriptors().get(index).duplicate();
    }

    private static int commandOf(int generation) {
        return generation * 7;
    }

    private static long argumentOf(int generation) {
        return generation * 0x1_0000_0001L;
    }

    private static long resultOf(int generation) {
        return ~argumentOf(generation);
    }

    /** A slot that is FREE, with nobody asleep. */
    void prepare() {
        if (word() == RingAbi.word(generation, RingAbi.SLOT_READY)) {
            server.serveNext();
        }
        U32.setOpaque(shared, SLOT + RingAbi.SLOT_CALLER_WAITING_OFFSET, 0);
        U32.setRelease(shared, SLOT + RingAbi.SLOT_WORD_OFFSET, RingAbi.word(generation, RingAbi.SLOT_FREE));
        ring.memory().announceAwake();
        done.drain();
        argumentsSeen = 0;
    }

    // The caller's side, step by step as the contract has it.

    /** Writes the arguments, releases READY. */
    void post() {
        generation = RingAbi.nextGeneration(generation);
        shared.set(ValueLayout.JAVA_INT, SLOT + RingAbi.SLOT_CMD_OFFSET, commandOf(generation));
        shared.set(ValueLayout.JAVA_LONG, SLOT + RingAbi.SLOT_ARG_OFFSET, argumentOf(generation));
        shared.set(ValueLayout.JAVA_INT, SLOT + RingAbi.SLOT_COUNT_OFFSET, generation);
        U32.setRelease(shared, SLOT + RingAbi.SLOT_WORD_OFFSET, RingAbi.word(generation, RingAbi.SLOT_READY));
    }

    /** After {@link #post}: whether the service says that it sleeps and has to be kicked. */
    boolean serviceSleeps() {
        VarHandle.fullFence();
        return (int) U32.getOpaque(shared, (long) RingAbi.RING_SERVICE_WAITING_OFFSET) != 0;
    }

    /** Announces that the caller is going to sleep and looks once more: whether it does not have to. */
    boolean isDoneBeforeSleeping() {
        U32.setOpaque(shared, SLOT + RingAbi.SLOT_CALLER_WAITING_OFFSET, 1);
        VarHandle.fullFence();
        return isDone();
    }

    private int word() {
        return (int) U32.getAcquire(shared, SLOT + RingAbi.SLOT_WORD_OFFSET);
    }

    private boolean isDone() {
        return word() == RingAbi.word(generation, RingAbi.SLOT_DONE);
    }

    /** 0 when the call is not done, 1 when result and status are those of this call, 2 when one of them is not. */
    int answer() {
        if (!isDone()) {
            return 0;
        }
        long result = (long) U64.getOpaque(shared, SLOT + RingAbi.SLOT_RESULT_OFFSET);
        int seen = status.get(ValueLayout.JAVA_INT, 0);
        return result == resultOf(generation) && seen == generation ? 1 : 2;
    }

    /** Whether the caller was woken since the last look. */
    boolean wasWoken() {
        return done.drain();
    }

    // The service's side.

    /** Announces that the service is going to sleep and looks once more: whether there is work instead. */
    boolean hasWorkBeforeSleeping() {
        ring.memory().announceSleep();
        return server.hasWork();
    }

    @Override
    public long call(int cmd, long arg, int count) {
        boolean right = cmd == commandOf(count) && arg == argumentOf(count);
        argumentsSeen = right ? 1 : 2;
        status.set(ValueLayout.JAVA_INT, 0, count);
        return resultOf(count);
    }

    @Override
    public long maxMemoryFrames() {
        return 0;
    }

    @Override
    public void registerMemory(long firstMfn, long pages, GuestMemory memory) {
        throw new UnsupportedOperationException("no messages here");
    }

    @Override
    public void unregisterMemory(long firstMfn, long pages) {
        throw new UnsupportedOperationException("no messages here");
    }

    @Override
    public void grant(GrantRequest request) {
        throw new UnsupportedOperationException("no messages here");
    }

    @Override
    public void revoke(RevokeRequest request) {
        throw new UnsupportedOperationException("no messages here");
    }

    @Override
    public void keepForNextStart() {
        throw new UnsupportedOperationException("no messages here");
    }

    @Override
    public void close() {
        done.close();
        mapping.close();
        ring.close();
    }
}
