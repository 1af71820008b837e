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

/** struct iommu_option of linux/iommufd.h: reads or sets a setting. */
public class iommu_option {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("size"),
                    LinuxIommu.C_INT.withName("option_id"),
                    LinuxIommu.C_SHORT.withName("op"),
                    LinuxIommu.C_SHORT.withName("__reserved"),
                    LinuxIommu.C_INT.withName("object_id"),
                    LinuxIommu.C_LONG_LONG.withName("val64"))
            .withName("iommu_option");

    private static final ValueLayout.OfInt size$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final ValueLayout.OfInt option_id$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("option_id"));
    private static final long option_id$OFFSET = LAYOUT.byteOffset(groupElement("option_id"));

    private static final ValueLayout.OfShort op$LAYOUT = (ValueLayout.OfShort) LAYOUT.select(groupElement("op"));
    private static final long op$OFFSET = LAYOUT.byteOffset(groupElement("op"));

    private static final ValueLayout.OfShort __reserved$LAYOUT =
            (ValueLayout.OfShort) LAYOUT.select(groupElement("__reserved"));
    private static final long __reserved$OFFSET = LAYOUT.byteOffset(groupElement("__reserved"));

    private static final ValueLayout.OfInt object_id$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("object_id"));
    private static final long object_id$OFFSET = LAYOUT.byteOffset(groupElement("object_id"));

    private static final ValueLayout.OfLong val64$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("val64"));
    private static final long val64$OFFSET = LAYOUT.byteOffset(groupElement("val64"));

    iommu_option() {}

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

    public static ValueLayout.OfInt option_id$layout() {
        return option_id$LAYOUT;
    }

    public static long option_id$offset() {
        return option_id$OFFSET;
    }

    public static int option_id(MemorySegment struct) {
        return struct.get(option_id$LAYOUT, option_id$OFFSET);
    }

    public static void option_id(MemorySegment struct, int value) {
        struct.set(option_id$LAYOUT, option_id$OFFSET, value);
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

    public static ValueLayout.OfInt object_id$layout() {
        return object_id$LAYOUT;
    }

    public static long object_id$offset() {
        return object_id$OFFSET;
    }

    public static int object_id(MemorySegment struct) {
        return struct.get(object_id$LAYOUT, object_id$OFFSET);
    }

    public static void object_id(MemorySegment struct, int value) {
        struct.set(object_id$LAYOUT, object_id$OFFSET, value);
    }

    public static ValueLayout.OfLong val64$layout() {
        return val64$LAYOUT;
    }

    public static long val64$offset() {
        return val64$OFFSET;
    }

    public static long val64(MemorySegment struct) {
        return struct.get(val64$LAYOUT, val64$OFFSET);
    }

    public static void val64(MemorySegment struct, long value) {
        struct.set(val64$LAYOUT, val64$OFFSET, value);
    }
}
