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

/** struct vfio_iommu_type1_info of linux/vfio.h: what a container can do; a capability chain may follow. */
public class vfio_iommu_type1_info {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("argsz"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_LONG_LONG.withName("iova_pgsizes"),
                    LinuxIommu.C_INT.withName("cap_offset"),
                    LinuxIommu.C_INT.withName("pad"))
            .withName("vfio_iommu_type1_info");

    private static final ValueLayout.OfInt argsz$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("argsz"));
    private static final long argsz$OFFSET = LAYOUT.byteOffset(groupElement("argsz"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfLong iova_pgsizes$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("iova_pgsizes"));
    private static final long iova_pgsizes$OFFSET = LAYOUT.byteOffset(groupElement("iova_pgsizes"));

    private static final ValueLayout.OfInt cap_offset$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("cap_offset"));
    private static final long cap_offset$OFFSET = LAYOUT.byteOffset(groupElement("cap_offset"));

    private static final ValueLayout.OfInt pad$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("pad"));
    private static final long pad$OFFSET = LAYOUT.byteOffset(groupElement("pad"));

    vfio_iommu_type1_info() {}

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

    public static ValueLayout.OfLong iova_pgsizes$layout() {
        return iova_pgsizes$LAYOUT;
    }

    public static long iova_pgsizes$offset() {
        return iova_pgsizes$OFFSET;
    }

    public static long iova_pgsizes(MemorySegment struct) {
        return struct.get(iova_pgsizes$LAYOUT, iova_pgsizes$OFFSET);
    }

    public static void iova_pgsizes(MemorySegment struct, long value) {
        struct.set(iova_pgsizes$LAYOUT, iova_pgsizes$OFFSET, value);
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
