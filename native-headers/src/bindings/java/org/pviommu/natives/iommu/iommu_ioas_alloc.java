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

/** struct iommu_ioas_alloc of linux/iommufd.h: a new, empty address space. */
public class iommu_ioas_alloc {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("size"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("out_ioas_id"))
            .withName("iommu_ioas_alloc");

    private static final ValueLayout.OfInt size$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt out_ioas_id$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("out_ioas_id"));
    private static final long out_ioas_id$OFFSET = LAYOUT.byteOffset(groupElement("out_ioas_id"));

    iommu_ioas_alloc() {}

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

    public static ValueLayout.OfInt size$layout() {
        return size$LAYOUT;
    }

    public static long size$offset() {
        return size$OFFSET;
    }

    public static int size(MemorySegment struct) {
        return struct.get(size$LAYOUT, size$OFFSET);
    }

    public static void size(MemorySegment struct, int value) {
        struct.set(size$LAYOUT, size$OFFSET, value);
    }

    public static ValueLayout.OfInt flags$layout() {
        return flags$LAYOUT;
    }

    public static long flags$offset() {
        return flags$OFFSET;
    }

    public static int flags(MemorySegment struct) {
        return struct.get(flags$LAYOUT, flags$OFFSET);
    }

    public static void flags(MemorySegment struct, int value) {
        struct.set(flags$LAYOUT, flags$OFFSET, value);
    }

    public static ValueLayout.OfInt out_ioas_id$layout() {
        return out_ioas_id$LAYOUT;
    }

    public static long out_ioas_id$offset() {
        return out_ioas_id$OFFSET;
    }

    public static int out_ioas_id(MemorySegment struct) {
        return struct.get(out_ioas_id$LAYOUT, out_ioas_id$OFFSET);
    }

    public static void out_ioas_id(MemorySegment struct, int value) {
        struct.set(out_ioas_id$LAYOUT, out_ioas_id$OFFSET, value);
    }
}
