package org.pviommu.engine;

import org.pviommu.natives.AnonymousMemory;

/**
 * Guest frames {@code [firstMfn, lastMfn]} (inclusive), the memory behind them and a hold count for each.
 *
 * <p>A frame is held once for each table entry that translates to it, from the map until the flush that covers its removal
 * has completed; only a frame without holds may leave the guest. Counts are 16 bits: 0xffff marks a frame that belongs to
 * the hypervisor, so 65,534 is the most. Two bytes a frame, off-heap, touched as frames are used.
 *
 * <p>Changed under the guest's lock.
 */
public final class GuestRegion {
    /** More holds on one frame than this are refused with -ENOSPC. */
    static final int MAX_HOLDS = 0xfffe;

    private static final short RESERVED = (short) 0xffff;

    private final long firstMfn;
    private final long lastMfn;
    private final GuestMemory memory;
    private final AnonymousMemory holds;
    private final long holdsAddress;
    private final long memoryAddress;
    private long totalHolds;

    GuestRegion(long firstMfn, long pages, GuestMemory memory) {
        this.firstMfn = firstMfn;
        this.lastMfn = firstMfn + pages - 1;
        this.memory = memory;
        this.memoryAddress = memory.segment().address();
        this.holds = AnonymousMemory.reserve(roundUpToPage(pages * Short.BYTES), false);
        this.holdsAddress = holds.segment().address();
    }

    private static long roundUpToPage(long bytes) {
        return (bytes + TableMemory.PAGE_BYTES - 1) & -TableMemory.PAGE_BYTES;
    }

    /** First guest frame of the region. */
    public long firstMfn() {
        return firstMfn;
    }

    /** Last guest frame of the region, inclusive. */
    public long lastMfn() {
        return lastMfn;
    }

    /** How many frames. */
    public long pages() {
        return lastMfn - firstMfn + 1;
    }

    /** How many holds there are on frames of this region: table entries that lead here, owed ones included. */
    long totalHolds() {
        return totalHolds;
    }

    boolean contains(long mfn) {
        return firstMfn <= mfn && mfn <= lastMfn;
    }

    GuestMemory memory() {
        return memory;
    }

    /** Offset of {@code mfn} in the region's memory, in bytes; mfns are below 2^40, so it cannot overflow. */
    long offsetBytes(long mfn) {
        return (mfn - firstMfn) << 12;
    }

    /** Where the region's memory is mapped in this process. */
    long memoryAddress() {
        return memoryAddress;
    }

    /** Where the hold count of {@code mfn} is; the next frame's is two bytes on. */
    long holdSlot(long mfn) {
        return holdsAddress + ((mfn - firstMfn) << 1);
    }

    boolean isReserved(long mfn) {
        return RawMemory.getShort(holdSlot(mfn)) == RESERVED;
    }

    void reserve(FrameRange mfns) {
        long last = Math.min(lastMfn, mfns.last());
        for (long mfn = Math.max(firstMfn, mfns.first()); mfn <= last; mfn++) {
            RawMemory.putShort(holdSlot(mfn), RESERVED);
        }
    }

    int holds(long mfn) {
        return Short.toUnsignedInt(RawMemory.getShort(holdSlot(mfn)));
    }

    /** Takes one more hold; false when the frame is reserved or its count is at its limit, and nothing changed. */
    boolean tryHold(long mfn) {
        long slot = holdSlot(mfn);
        int count = Short.toUnsignedInt(RawMemory.getShort(slot));
        if (count >= MAX_HOLDS) {
            return false;
        }
        RawMemory.putShort(slot, (short) (count + 1));
        totalHolds++;
        return true;
    }

    /** Accounts for holds that a batch took by itself, one frame after the other. */
    void addHolds(long pages) {
        totalHolds += pages;
    }

    /** Drops one hold on each of {@code pages} frames from {@code firstMfn} on. */
    void release(long firstReleasedMfn, long pages) {
        long slot = holdSlot(firstReleasedMfn);
        for (long i = 0; i < pages; i++, slot += Short.BYTES) {
            short count = RawMemory.getShort(slot);
            if (count == 0 || count == RESERVED) {
                throw new IllegalStateException("released mfn=" + (firstReleasedMfn + i) + " holds=" + count);
            }
            RawMemory.putShort(slot, (short) (count - 1));
        }
        totalHolds -= pages;
    }

    /** Gives everything back; nothing of the region is held or used any more. */
    void close() {
        holds.close();
        memory.close();
    }
}
