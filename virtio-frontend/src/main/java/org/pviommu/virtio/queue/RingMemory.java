package org.pviommu.virtio.queue;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Port: what the addresses of a queue's rings lead to. Guest memory stays where it is as long as a queue over it is open. Behind an
 * IOMMU it may move or go at any moment: then it is accessed only between {@link #enter} and {@link #exit}, and looked up
 * again when the {@link #generation} has changed.
 *
 * <p>The methods that do nothing here are for memory that stays, whose queues never call them. One thread at a time.
 */
public interface RingMemory {

    /** Whether it may move or go while a queue over it is open. Never changes. */
    default boolean moves() {
        return false;
    }

    /** Opens a section, also inside another one; what {@link #at} gave may be accessed until the outermost ends. */
    default void enter() {}

    /** Closes the section that was opened last. */
    default void exit() {}

    /** Another number once anything that {@link #at} has said may be wrong. */
    default long generation() {
        return 0;
    }

    /**
     * The range that the front-end calls {@code userAddress}; inside a section.
     *
     * @param write whether it is also going to be written
     * @param before an earlier answer about this range, which is given back while it is still right, so that nothing is allocated
     * @return null when it cannot be accessed, or is not in one piece
     */
    @Nullable
    MemorySegment at(long userAddress, long lengthBytes, boolean write, @Nullable MemorySegment before);
}
