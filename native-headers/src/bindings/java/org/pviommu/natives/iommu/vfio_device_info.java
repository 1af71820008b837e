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

/** struct vfio_device_info of linux/vfio.h: what kind of device it is. */
public class vfio_device_info {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("argsz"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("num_regions"),
                    LinuxIommu.C_INT.withName("num_irqs"),
                    LinuxIommu.C_INT.withName("cap_offset"),
                    LinuxIommu.C_INT.withName("pad"))
            .withName("vfio_device_info");

    private static final ValueLayout.OfInt argsz$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("argsz"));
    private static final long argsz$OFFSET = LAYOUT.byteOffset(groupElement("argsz"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt num_regions$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("num_regions"));
    private static final long num_regions$OFFSET = LAYOUT.byteOffset(groupElement("num_regions"));

    private static final ValueLayout.OfInt num_irqs$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("num_irqs"));
    private static final long num_irqs$OFFSET = LAYOUT.byteOffset(groupElement("num_irqs"));

    private static final ValueLayout.OfInt cap_offset$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("cap_offset"));
    private static final long cap_offset$OFFSET = LAYOUT.byteOffset(groupElement("cap_offset"));

    private static final ValueLayout.OfInt pad$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("pad"));
    private static final long pad$OFFSET = LAYOUT.byteOffset(groupElement("pad"));

    vfio_device_info() {}

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

    public static ValueLayout.OfInt num_regions$layout() {
        return num_regions$LAYOUT;
    }

    public static long num_regions$offset() {
        return num_regions$OFFSET;
    }

    public static int num_regions(MemorySegment struct) {
        return struct.get(num_regions$LAYOUT, num_regions$OFFSET);
    }

    public static void num_regions(MemorySegment struct, int value) {
        struct.set(num_regions$LAYOUT, num_regions$OFFSET, value);
    }

    public static ValueLayout.OfInt num_irqs$layout() {
        return num_irqs$LAYOUT;
    }

    public static long num_irqs$offset() {
        return num_irqs$OFFSET;
    }

    public static int num_irqs(MemorySegment struct) {
        return struct.get(num_irqs$LAYOUT, num_irqs$OFFSET);
    }

    public static void num_irqs(MemorySegment struct, int value) {
        struct.set(num_irqs$LAYOUT, num_irqs$OFFSET, value);
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

    public static ValueLayout.OfInt pad$layout() {
        return pad$LAYOUT;
    }

    public static long pad$offset() {
        return pad$OFFSET;
    }

    public static int pad(MemorySegment struct) {
        return struct.get(pad$LAYOUT, pad$OFFSET);
    }

    public static void pad(MemorySegment struct, int value) {
        struct.set(pad$LAYOUT, pad$OFFSET, value);
    }
}
