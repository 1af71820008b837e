package org.pviommu.server.ring;

import org.pviommu.abi.RingAbi;

/**
 * Takes calls out of the slots and puts results back, round robin: after a slot was served all others come first, so a
 * caller that is quick to call again starves nobody. Allocates nothing. One thread.
 *
 * <p>Which state a slot is in is known here, in this object's own count of generations; the shared word is only compared
 * with the three values that it can rightly have.
 */
final class SlotServer {
    private final GuestRing ring;
    private final RingMemory memory;
    private final GuestSession session;
    /** Per slot: the generation of the last call served. */
    private final int[] generations;

    private int next;
    private long calls;

    SlotServer(GuestRing ring, GuestSession session) {
        this.ring = ring;
        this.memory = ring.memory();
        this.session = session;
        this.generations = new int[ring.slots()];
    }

    /** Calls completed so far. */
    long calls() {
        return calls;
    }

    /**
     * Serves the first slot that is READY, beginning after the one served last.
     *
     * @return 1 + the count that the caller gave, as a measure of the work done, or 0 if no slot is READY
     * @throws ProtocolException if a slot's word is none that the protocol knows
     */
    long serveNext() {
        for (int looked = 0; looked < generations.length; looked++) {
            int slot = next;
            next = slot + 1 == generations.length ? 0 : slot + 1;
            if (isReady(slot, memory.word(RingAbi.slotOffset(slot)))) {
                return serve(slot);
            }
        }
        return 0;
    }

    /** Whether {@link #serveNext} has something to do, be it only to complain. */
    boolean hasWork() {
        for (int slot = 0; slot < generations.length; slot++) {
            if (!isIdle(generations[slot], memory.word(RingAbi.slotOffset(slot)))) {
                return true;
            }
        }
        return false;
    }

    private boolean isReady(int slot, int word) {
        int generation = generations[slot];
        if (isIdle(generation, word)) {
            return false;
        }
        if (word == RingAbi.word(RingAbi.nextGeneration(generation), RingAbi.SLOT_READY)) {
            return true;
        }
        throw new ProtocolException("slot=" + slot + " word=0x" + Integer.toHexString(word) + " (generation="
                + RingAbi.generation(word) + " state=" + RingAbi.state(word) + ") expected generation="
                + RingAbi.nextGeneration(generation) + " state=" + RingAbi.SLOT_READY);
    }

    /** The last call's result is not fetched yet, or the caller has nothing to ask. */
    private static boolean isIdle(int generation, int word) {
        return word == RingAbi.word(generation, RingAbi.SLOT_FREE)
                || word == RingAbi.word(generation, RingAbi.SLOT_DONE);
    }

    /**
     * Ring contract: cmd, arg and count are read once; a guest that changes them during the call changes nothing. The
     * generation advances first, so that even a call that throws is never taken twice.
     */
    private long serve(int slot) {
        long offset = RingAbi.slotOffset(slot);
        int count = memory.count(offset);
        int generation = RingAbi.nextGeneration(generations[slot]);
        generations[slot] = generation;
        long result = session.call(memory.cmd(offset), memory.arg(offset), count);
        calls++;
        if (memory.complete(offset, RingAbi.word(generation, RingAbi.SLOT_DONE), result)) {
            ring.signalDone(slot);
        }
        return 1 + Integer.toUnsignedLong(count);
    }
}
