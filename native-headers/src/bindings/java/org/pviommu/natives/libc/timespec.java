package org.pviommu.natives.libc;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** struct timespec of timespec(3): seconds and nanoseconds. */
public class timespec {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_LONG.withName("tv_sec"), LibC.C_LONG.withName("tv_nsec"))
            .withName("timespec");

    private static final ValueLayout.OfLong tv_sec$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("tv_sec"));
    private static final long tv_sec$OFFSET = LAYOUT.byteOffset(groupElement("tv_sec"));

    private static final ValueLayout.OfLong tv_nsec$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("tv_nsec"));
    private static final long tv_nsec$OFFSET = LAYOUT.byteOffset(groupElement("tv_nsec"));

    timespec() {}

    public static GroupLayout layout() {
        return LAYOUT;
    }

    public static long sizeof() {
        return LAYOUT.byteSize();
    }

    public static MemorySegment allocate(SegmentAllocator allocator) {
        return allocator.allocate(LAYOUT);
    }

    public static MemorySegment allocateArray(long elementCount, SegmentAllocator allocator) {
        return allocator.allocate(MemoryLayout.sequenceLayout(elementCount, LAYOUT));
    }

    /** The rest of an array of this struct, from element {@code index} on. */
    public static MemorySegment asSlice(MemorySegment array, long index) {
        return array.asSlice(index * LAYOUT.byteSize());
    }

    public static MemorySegment reinterpret(
            MemorySegment address, Arena arena, @Nullable Consumer<MemorySegment> cleanup) {
        return reinterpret(address, 1, arena, cleanup);
    }

    // SAFETY: restricted because the new size is not checked. The caller vouches that elementCount of this struct lie
    // at the
    // address and stay there until the arena is closed; the multiplication throws instead of wrapping.
    @SuppressWarnings("restricted")
    public static MemorySegment reinterpret(
            MemorySegment address, long elementCount, Arena arena, @Nullable Consumer<MemorySegment> cleanup) {
        return address.reinterpret(Math.multiplyExact(elementCount, LAYOUT.byteSize()), arena, cleanup);
    }

    public static ValueLayout.OfLong tv_sec$layout() {
        return tv_sec$LAYOUT;
    }

    public static long tv_sec$offset() {
        return tv_sec$OFFSET;
    }

    public static long tv_sec(MemorySegment struct) {
        return struct.get(tv_sec$LAYOUT, tv_sec$OFFSET);
    }

    public static void tv_sec(MemorySegment struct, long value) {
        struct.set(tv_sec$LAYOUT, tv_sec$OFFSET, value);
    }

    public static ValueLayout.OfLong tv_nsec$layout() {
        return tv_nsec$LAYOUT;
    }

    public static long tv_nsec$offset() {
        return tv_nsec$OFFSET;
    }

    public static long tv_nsec(MemorySegment struct) {
        return struct.get(tv_nsec$LAYOUT, tv_nsec$OFFSET);
    }

    public static void tv_nsec(MemorySegment struct, long value) {
        struct.set(tv_nsec$LAYOUT, tv_nsec$OFFSET, value);
    }
}
