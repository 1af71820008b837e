package org.pviommu.fuzz;

import static org.pviommu.fuzz.Finding.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.virtio.queue.GuestSpace;
import org.pviommu.virtio.queue.MemoryRegion;
import org.pviommu.virtio.queue.RingAddresses;

/**
 * Memory of a fuzzed guest with a split queue in it, in one piece that is used again for each input: three regions, of which two
 * touch as guest addresses, with a page that nobody may write to behind each.
 */
final class RingMemory {
    static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static final int PAGE_BYTES = 4096;
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;
    static final int MAX_SIZE = 16;

    /** Guest address of the first region; the ring is at its beginning, then come data. */
    static final long GUEST = 0x1_0000;

    static final long FIRST_BYTES = 4 * PAGE_BYTES;
    static final long SECOND_BYTES = 2 * PAGE_BYTES;
    static final long THIRD = GUEST + FIRST_BYTES + SECOND_BYTES + PAGE_BYTES;
    static final long USER = 0x7f00_0000_0000L;
    static final long DESCRIPTORS = 0;
    static final long AVAILABLE = 0x200;
    static final long USED = 0x300;
    static final long DATA = PAGE_BYTES;

    private static final long SECOND_OFFSET = FIRST_BYTES + PAGE_BYTES;
    private static final long THIRD_OFFSET = SECOND_OFFSET + SECOND_BYTES + PAGE_BYTES;
    private static final long BYTES = THIRD_OFFSET + 2 * PAGE_BYTES;
    private static final MemorySegment ALL = Arena.global().allocate(BYTES, PAGE_BYTES);
    private static final MemorySegment BEFORE = Arena.global().allocate(BYTES, PAGE_BYTES);

    private final MemorySegment first = ALL.asSlice(0, FIRST_BYTES);
    private final int size;
    private int available;

    RingMemory(int size) {
        ALL.fill((byte) 0);
        this.size = size;
    }

    static List<MemoryRegion> regions() {
        return List.of(
                new MemoryRegion(GUEST, USER, ALL.asSlice(0, FIRST_BYTES)),
                new MemoryRegion(GUEST + FIRST_BYTES, USER + (1 << 24), ALL.asSlice(SECOND_OFFSET, SECOND_BYTES)),
                new MemoryRegion(THIRD, USER + (2 << 24), ALL.asSlice(THIRD_OFFSET, PAGE_BYTES)));
    }

    static GuestSpace space() {
        return new GuestSpace(regions());
    }

    /** The ring is in the first region; so are the offsets of all that writes here. */
    MemorySegment first() {
        return first;
    }

    RingAddresses addresses() {
        return new RingAddresses(size, USER + DESCRIPTORS, USER + AVAILABLE, USER + USED);
    }

    void descriptorAt(long offset, long address, int length, int flags, int next) {
        first.set(U64, offset, address);
        first.set(U32, offset + 8, length);
        first.set(U16, offset + 12, (short) flags);
        first.set(U16, offset + 14, (short) next);
    }

    void descriptor(int index, long address, int length, int flags, int next) {
        descriptorAt(DESCRIPTORS + 16L * index, address, length, flags, next);
    }

    /** The driver goes on from here. */
    void setAvailable(int index) {
        available = index & 0xffff;
        first.set(U16, AVAILABLE + 2, (short) available);
    }

    void offer(int head) {
        first.set(U16, AVAILABLE + 4 + 2L * (available % size), (short) head);
        setAvailable(available + 1);
    }

    int availableIndex() {
        return first.get(U16, AVAILABLE + 2) & 0xffff;
    }

    int head(int index) {
        return first.get(U16, AVAILABLE + 4 + 2L * (index % size)) & 0xffff;
    }

    int usedIndex() {
        return first.get(U16, USED + 2) & 0xffff;
    }

    void putUsed(int index, int head, int length) {
        first.set(U32, USED + 4 + 8L * (index % size), head);
        first.set(U32, USED + 8 + 8L * (index % size), length);
    }

    int usedHead(int index) {
        return first.get(U32, USED + 4 + 8L * (index % size));
    }

    int usedLength(int index) {
        return first.get(U32, USED + 8 + 8L * (index % size));
    }

    /** The memory behind a guest address, null where there is none. */
    static @Nullable MemorySegment at(long guestAddress) {
        for (MemoryRegion region : regions()) {
            long offset = guestAddress - region.guestAddress();
            if (offset >= 0 && offset < region.sizeBytes()) {
                return region.memory().asSlice(offset);
            }
        }
        return null;
    }

    static void remember() {
        BEFORE.copyFrom(ALL);
    }

    /** Fails when anything but the used ring has changed since {@link #remember}. */
    void checkOnlyUsedChanged() {
        long end = USED + 6 + 8L * size;
        check(MemorySegment.mismatch(ALL, 0, USED, BEFORE, 0, USED) < 0, "before the used ring");
        check(MemorySegment.mismatch(ALL, end, BYTES, BEFORE, end, BYTES) < 0, "behind the used ring");
    }

    static void checkUnchanged() {
        check(ALL.mismatch(BEFORE) < 0, "memory changed at 0x%x", ALL.mismatch(BEFORE));
    }

    static void checkUnchanged(long from, long bytes) {
        long at = MemorySegment.mismatch(ALL, from, from + bytes, BEFORE, from, from + bytes);
        check(at < 0, "memory changed at 0x%x", from + at);
    }

    static void checkUnchangedBehind(long from) {
        checkUnchanged(from, BYTES - from);
    }

    /** Fails when something wrote behind a region. */
    static void checkGaps() {
        for (long gap : new long[] {FIRST_BYTES, SECOND_OFFSET + SECOND_BYTES, THIRD_OFFSET + PAGE_BYTES}) {
            for (long at = gap; at < gap + PAGE_BYTES; at += Long.BYTES) {
                check(ALL.get(ValueLayout.JAVA_LONG, at) == 0, "written behind a region, 0x%x", at);
            }
        }
    }

    /** A guest address near everything of interest. */
    static long address(Input input) {
        return switch (input.below(8)) {
            case 0 -> GUEST + input.u16() % FIRST_BYTES;
            case 1 -> GUEST + FIRST_BYTES - 1 - input.below(64); // over the seam of two regions
            case 2 -> GUEST + FIRST_BYTES + SECOND_BYTES - 1 - input.below(64); // over the hole
            case 3 -> THIRD + input.u16() % PAGE_BYTES;
            case 4 -> -1L - input.below(64);
            case 5 -> input.number();
            default -> GUEST + DATA + input.u16() % (FIRST_BYTES - DATA);
        };
    }

    /** A length, mostly a small one. */
    static int length(Input input) {
        return switch (input.below(8)) {
            case 0 -> 0;
            case 1 -> input.i32();
            case 2 -> input.u16();
            case 3 -> 16 * input.below(20);
            default -> input.below(128);
        };
    }
}
