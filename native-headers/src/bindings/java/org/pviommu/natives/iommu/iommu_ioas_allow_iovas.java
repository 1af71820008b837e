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

/** struct iommu_ioas_allow_iovas of linux/iommufd.h: where an address space must be able to map. */
public class iommu_ioas_allow_iovas {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("size"),
                    LinuxIommu.C_INT.withName("ioas_id"),
                    LinuxIommu.C_INT.withName("num_iovas"),
                    LinuxIommu.C_INT.withName("__reserved"),
                    LinuxIommu.C_LONG_LONG.withName("allowed_iovas"))
            .withName("iommu_ioas_allow_iovas");

    private static final ValueLayout.OfInt size$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final ValueLayout.OfInt ioas_id$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("ioas_id"));
    private static final long ioas_id$OFFSET = LAYOUT.byteOffset(groupElement("ioas_id"));

    private static final ValueLayout.OfInt num_iovas$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("num_iovas"));
    private static final long num_iovas$OFFSET = LAYOUT.byteOffset(groupElement("num_iovas"));

    private static final ValueLayout.OfInt __reserved$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("__reserved"));
    private static final long __reserved$OFFSET = LAYOUT.byteOffset(groupElement("__reserved"));

    private static final ValueLayout.OfLong allowed_iovas$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("allowed_iovas"));
    private static final long allowed_iovas$OFFSET = LAYOUT.byteOffset(groupElement("allowed_iovas"));

    iommu_ioas_allow_iovas() {}

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

    public static ValueLayout.OfInt ioas_id$layout() {
        return ioas_id$LAYOUT;
    }

    public static long ioas_id$offset() {
        return ioas_id$OFFSET;
    }

    public static int ioas_id(MemorySegment struct) {
        return struct.get(ioas_id$LAYOUT, ioas_id$OFFSET);
    }

    public static void ioas_id(MemorySegment struct, int value) {
        struct.set(ioas_id$LAYOUT, ioas_id$OFFSET, value);
    }

    public static ValueLayout.OfInt num_iovas$layout() {
        return num_iovas$LAYOUT;
    }

    public static long num_iovas$offset() {
        return num_iovas$OFFSET;
    }

    public static int num_iovas(MemorySegment struct) {
        return struct.get(num_iovas$LAYOUT, num_iovas$OFFSET);
    }

    public static void num_iovas(MemorySegment struct, int value) {
        struct.set(num_iovas$LAYOUT, num_iovas$OFFSET, value);
    }

    public static ValueLayout.OfInt __reserved$layout() {
        return __reserved$LAYOUT;
    }

    public static long __reserved$offset() {
        return __reserved$OFFSET;
    }

    public static int __reserved(MemorySegment struct) {
        return struct.get(__reserved$LAYOUT, __reserved$OFFSET);
    }

    public static void __reserved(MemorySegment struct, int value) {
        struct.set(__reserved$LAYOUT, __reserved$OFFSET, value);
    }

    public static ValueLayout.OfLong allowed_iovas$layout() {
        return allowed_iovas$LAYOUT;
    }

    public static long allowed_iovas$offset() {
        return allowed_iovas$OFFSET;
    }

    public static long allowed_iovas(MemorySegment struct) {
        return struct.get(allowed_iovas$LAYOUT, allowed_iovas$OFFSET);
    }

    public static void allowed_iovas(MemorySegment struct, long value) {
        struct.set(allowed_iovas$LAYOUT, allowed_iovas$OFFSET, value);
    }
}
