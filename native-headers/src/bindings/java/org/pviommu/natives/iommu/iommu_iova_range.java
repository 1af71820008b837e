package org.pviommu.natives.iommu;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** struct iommu_iova_range of linux/iommufd.h: bus addresses {@code [start, last]}. */
public class iommu_iova_range {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_LONG_LONG.withName("start"), LinuxIommu.C_LONG_LONG.withName("last"))
            .withName("iommu_iova_range");

    private static final ValueLayout.OfLong start$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("start"));
    private static final long start$OFFSET = LAYOUT.byteOffset(groupElement("start"));

    private static final ValueLayout.OfLong last$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("last"));
    private static final long last$OFFSET = LAYOUT.byteOffset(groupElement("last"));

    iommu_iova_range() {}

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
    // at the address and stay there until the arena is closed; the multiplication throws instead of wrapping.
    @SuppressWarnings("restricted")
    public static MemorySegment reinterpret(
            MemorySegment address, long elementCount, Arena arena, @Nullable Consumer<MemorySegment> cleanup) {
        return address.reinterpret(Math.multiplyExact(elementCount, LAYOUT.byteSize()), arena, cleanup);
    }

    public static ValueLayout.OfLong start$layout() {
        return start$LAYOUT;
    }

    public static long start$offset() {
        return start$OFFSET;
    }

    public static long start(MemorySegment struct) {
        return struct.get(start$LAYOUT, start$OFFSET);
    }

    public static void start(MemorySegment struct, long value) {
        struct.set(start$LAYOUT, start$OFFSET, value);
    }

    public static ValueLayout.OfLong last$layout() {
        return last$LAYOUT;
    }

    public static long last$offset() {
        return last$OFFSET;
    }

    public static long last(MemorySegment struct) {
        return struct.get(last$LAYOUT, last$OFFSET);
    }

    public static void last(MemorySegment struct, long value) {
        struct.set(last$LAYOUT, last$OFFSET, value);
    }
}
