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

/** struct iommu_vfio_ioas of linux/iommufd.h: which address space the VFIO calls on an iommufd are about. */
public class iommu_vfio_ioas {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("size"),
                    LinuxIommu.C_INT.withName("ioas_id"),
                    LinuxIommu.C_SHORT.withName("op"),
                    LinuxIommu.C_SHORT.withName("__reserved"))
            .withName("iommu_vfio_ioas");

    private static final ValueLayout.OfInt size$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final ValueLayout.OfInt ioas_id$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("ioas_id"));
    private static final long ioas_id$OFFSET = LAYOUT.byteOffset(groupElement("ioas_id"));

    private static final ValueLayout.OfShort op$LAYOUT = (ValueLayout.OfShort) LAYOUT.select(groupElement("op"));
    private static final long op$OFFSET = LAYOUT.byteOffset(groupElement("op"));

    private static final ValueLayout.OfShort __reserved$LAYOUT =
            (ValueLayout.OfShort) LAYOUT.select(groupElement("__reserved"));
    private static final long __reserved$OFFSET = LAYOUT.byteOffset(groupElement("__reserved"));

    iommu_vfio_ioas() {}

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

    public static ValueLayout.OfShort op$layout() {
        return op$LAYOUT;
    }

    public static long op$offset() {
        return op$OFFSET;
    }

    public static short op(MemorySegment struct) {
        return struct.get(op$LAYOUT, op$OFFSET);
    }

    public static void op(MemorySegment struct, short value) {
        struct.set(op$LAYOUT, op$OFFSET, value);
    }

    public static ValueLayout.OfShort __reserved$layout() {
        return __reserved$LAYOUT;
    }

    public static long __reserved$offset() {
        return __reserved$OFFSET;
    }

    public static short __reserved(MemorySegment struct) {
        return struct.get(__reserved$LAYOUT, __reserved$OFFSET);
    }

    public static void __reserved(MemorySegment struct, short value) {
        struct.set(__reserved$LAYOUT, __reserved$OFFSET, value);
    }
}
