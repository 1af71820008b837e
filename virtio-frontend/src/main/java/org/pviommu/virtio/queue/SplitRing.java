package org.pviommu.virtio.queue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The three parts of a split virtqueue in guest memory, little-endian, one method per access.
 *
 * <pre>
 *  descriptors: 16 bytes each   0 le64 address  8 le32 length  12 le16 flags  14 le16 next
 *  available:   0 le16 flags  2 le16 index  4 le16 head[size]  4+2*size le16 used_event
 *  used:        0 le16 flags  2 le16 index  4 {le32 head, le32 length}[size]  4+8*size le16 avail_event
 * </pre>
 *
 * Every read is a single opaque or acquire access, which the compiler may neither repeat nor split.
 */
final class SplitRing {
    static final int DESCRIPTOR_BYTES = 16;
    private static final int INDEX = 2;
    private static final int ENTRIES = 4;
    private static final int AVAILABLE_ENTRY_BYTES = 2;
    private static final int USED_ENTRY_BYTES = 8;
    private static final int EVENT_BYTES = 2;

    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle SHORT = U16.varHandle();
    private static final VarHandle INT = U32.varHandle();
    private static final VarHandle LONG = U64.varHandle();

    private final int size;
    private final MemorySegment descriptors;
    private final MemorySegment available;
    private final MemorySegment used;

    /** The parts, of {@link #descriptorBytes} and so on, aligned as their fields need it. */
    SplitRing(int size, MemorySegment descriptors, MemorySegment available, MemorySegment used) {
        this.size = size;
        this.descriptors = descriptors;
        this.available = available;
        this.used = used;
    }

    static long descriptorBytes(int size) {
        return (long) size * DESCRIPTOR_BYTES;
    }

    static long availableBytes(int size) {
        return ENTRIES + (long) size * AVAILABLE_ENTRY_BYTES + EVENT_BYTES;
    }

    static long usedBytes(int size) {
        return ENTRIES + (long) size * USED_ENTRY_BYTES + EVENT_BYTES;
    }

    int size() {
        return size;
    }

    MemorySegment descriptors() {
        return descriptors;
    }

    MemorySegment available() {
        return available;
    }

    MemorySegment used() {
        return used;
    }

    /** Acquire: heads and descriptors that the guest wrote before it raised the index are visible after this. */
    int availableIndex() {
        return (short) SHORT.getAcquire(available, (long) INDEX) & 0xffff;
    }

    int availableFlags() {
        return (short) SHORT.getOpaque(available, 0L) & 0xffff;
    }

    int head(int index) {
        long slot = index & (size - 1);
        return (short) SHORT.getOpaque(available, ENTRIES + slot * AVAILABLE_ENTRY_BYTES) & 0xffff;
    }

    int usedEvent() {
        return (short) SHORT.getOpaque(available, ENTRIES + (long) size * AVAILABLE_ENTRY_BYTES) & 0xffff;
    }

    /** The address word of descriptor {@code index}, which is below the size. */
    long descriptorAddress(int index) {
        return (long) LONG.getOpaque(descriptors, (long) index * DESCRIPTOR_BYTES);
    }

    /** The other word: length in bits 31:0, flags in 47:32, next in 63:48. */
    long descriptorRest(int index) {
        return (long) LONG.getOpaque(descriptors, (long) index * DESCRIPTOR_BYTES + Long.BYTES);
    }

    void putUsed(int index, int head, int lengthBytes) {
        long at = ENTRIES + (long) (index & (size - 1)) * USED_ENTRY_BYTES;
        INT.setOpaque(used, at, head);
        INT.setOpaque(used, at + Integer.BYTES, lengthBytes);
    }

    /** The index that the used part shows; only where a ring is taken over. */
    int usedIndex() {
        return (short) SHORT.getOpaque(used, (long) INDEX) & 0xffff;
    }

    /** Release: answers and used entries are visible before the index. */
    void publishUsedIndex(int index) {
        SHORT.setRelease(used, (long) INDEX, (short) index);
    }

    void putUsedFlags(int flags) {
        SHORT.setOpaque(used, 0L, (short) flags);
    }

    void putAvailableEvent(int index) {
        SHORT.setOpaque(used, ENTRIES + (long) size * USED_ENTRY_BYTES, (short) index);
    }
}
