package org.pviommu.virtio.queue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The driver's side of a split queue, able to write what no driver should. Everything lies in one piece of guest memory. */
public final class DriverRing {
    public static final int NEXT = 1;
    public static final int WRITE = 2;
    public static final int INDIRECT = 4;

    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment memory;
    private final int size;
    private final long base;
    private int available;
    private int seenUsed;

    /** Rings of {@code size} at {@code base}, which is an offset in {@code memory}, a multiple of 16. */
    public DriverRing(MemorySegment memory, long base, int size) {
        this.memory = memory;
        this.base = base;
        this.size = size;
    }

    public long availableOffset() {
        return base + 16L * size;
    }

    public long usedOffset() {
        return (availableOffset() + 6 + 2L * size + 3) & -4L;
    }

    public long endOffset() {
        return usedOffset() + 6 + 8L * size;
    }

    /** Where the queue lies when offset 0 of the memory is at {@code userAddress}. */
    public RingAddresses addresses(long userAddress) {
        return new RingAddresses(size, userAddress + base, userAddress + availableOffset(), userAddress + usedOffset());
    }

    public void descriptor(int index, long address, long length, int flags, int next) {
        descriptorAt(base + 16L * index, address, length, flags, next);
    }

    public void descriptorAt(long offset, long address, long length, int flags, int next) {
        memory.set(U64, offset, address);
        memory.set(U32, offset + 8, (int) length);
        memory.set(U16, offset + 12, (short) flags);
        memory.set(U16, offset + 14, (short) next);
    }

    /** Offers a chain. */
    public void offer(int head) {
        memory.set(U16, availableOffset() + 4 + 2L * (available % size), (short) head);
        setAvailableIndex(available + 1);
    }

    public void setAvailableIndex(int index) {
        available = index & 0xffff;
        memory.set(U16, availableOffset() + 2, (short) index);
    }

    public int usedIndex() {
        return memory.get(U16, usedOffset() + 2) & 0xffff;
    }

    public boolean hasUsed() {
        return seenUsed != usedIndex();
    }

    /** The head of the next used entry, with the length in the upper half; the caller has seen that there is one. */
    public long takeUsed() {
        long at = usedOffset() + 4 + 8L * (seenUsed % size);
        seenUsed = (seenUsed + 1) & 0xffff;
        return (memory.get(U32, at) & 0xffff_ffffL) | (long) memory.get(U32, at + 4) << 32;
    }

    public int usedFlags() {
        return memory.get(U16, usedOffset());
    }

    public int availableEvent() {
        return memory.get(U16, usedOffset() + 4 + 8L * size) & 0xffff;
    }

    public void setAvailableFlags(int flags) {
        memory.set(U16, availableOffset(), (short) flags);
    }

    public void setUsedEvent(int index) {
        memory.set(U16, availableOffset() + 4 + 2L * size, (short) index);
    }
}
