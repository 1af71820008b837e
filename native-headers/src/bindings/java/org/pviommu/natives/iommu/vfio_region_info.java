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

/** struct vfio_region_info of linux/vfio.h: where a region of a device lies in its file. */
public class vfio_region_info {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("argsz"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("index"),
                    LinuxIommu.C_INT.withName("cap_offset"),
                    LinuxIommu.C_LONG_LONG.withName("size"),
                    LinuxIommu.C_LONG_LONG.withName("offset"))
            .withName("vfio_region_info");

    private static final ValueLayout.OfInt argsz$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("argsz"));
    private static final long argsz$OFFSET = LAYOUT.byteOffset(groupElement("argsz"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt index$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("index"));
    private static final long index$OFFSET = LAYOUT.byteOffset(groupElement("index"));

    private static final ValueLayout.OfInt cap_offset$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("cap_offset"));
    private static final long cap_offset$OFFSET = LAYOUT.byteOffset(groupElement("cap_offset"));

    private static final ValueLayout.OfLong size$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final ValueLayout.OfLong offset$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("offset"));
    private static final long offset$OFFSET = LAYOUT.byteOffset(groupElement("offset"));

    vfio_region_info() {}

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

    public static ValueLayout.OfInt argsz$layout() {
        return argsz$LAYOUT;
    }

    public static long argsz$offset() {
        return argsz$OFFSET;
    }

    public static int argsz(MemorySegment struct) {
        return struct.get(argsz$LAYOUT, argsz$OFFSET);
    }

    public static void argsz(MemorySegment struct, int value) {
        struct.set(argsz$LAYOUT, argsz$OFFSET, value);
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

    public static ValueLayout.OfInt index$layout() {
        return index$LAYOUT;
    }

    public static long index$offset() {
        return index$OFFSET;
    }

    public static int index(MemorySegment struct) {
        return struct.get(index$LAYOUT, index$OFFSET);
    }

    public static void index(MemorySegment struct, int value) {
        struct.set(index$LAYOUT, index$OFFSET, value);
    }

    public static ValueLayout.OfInt cap_offset$layout() {
        return cap_offset$LAYOUT;
    }

    public static long cap_offset$offset() {
        return cap_offset$OFFSET;
    }

    public static int cap_offset(MemorySegment struct) {
        return struct.get(cap_offset$LAYOUT, cap_offset$OFFSET);
    }

    public static void cap_offset(MemorySegment struct, int value) {
        struct.set(cap_offset$LAYOUT, cap_offset$OFFSET, value);
    }

    public static ValueLayout.OfLong size$layout() {
        return size$LAYOUT;
    }

    public static long size$offset() {
        return size$OFFSET;
    }

    public static long size(MemorySegment struct) {
        return struct.get(size$LAYOUT, size$OFFSET);
    }

    public static void size(MemorySegment struct, long value) {
        struct.set(size$LAYOUT, size$OFFSET, value);
    }

    public static ValueLayout.OfLong offset$layout() {
        return offset$LAYOUT;
    }

    public static long offset$offset() {
        return offset$OFFSET;
    }

    public static long offset(MemorySegment struct) {
        return struct.get(offset$LAYOUT, offset$OFFSET);
    }

    public static void offset(MemorySegment struct, long value) {
        struct.set(offset$LAYOUT, offset$OFFSET, value);
    }
}
