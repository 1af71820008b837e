package org.pviommu.natives.iommu;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** struct vfio_iommu_type1_info_cap_iova_range of linux/vfio.h: where a container may map. */
public class vfio_iommu_type1_info_cap_iova_range {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    vfio_info_cap_header.layout().withName("header"),
                    LinuxIommu.C_INT.withName("nr_iovas"),
                    LinuxIommu.C_INT.withName("reserved"),
                    MemoryLayout.sequenceLayout(0, vfio_iova_range.layout()).withName("iova_ranges"))
            .withName("vfio_iommu_type1_info_cap_iova_range");

    private static final GroupLayout header$LAYOUT = (GroupLayout) LAYOUT.select(groupElement("header"));
    private static final long header$OFFSET = LAYOUT.byteOffset(groupElement("header"));

    private static final ValueLayout.OfInt nr_iovas$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("nr_iovas"));
    private static final long nr_iovas$OFFSET = LAYOUT.byteOffset(groupElement("nr_iovas"));

    private static final ValueLayout.OfInt reserved$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("reserved"));
    private static final long reserved$OFFSET = LAYOUT.byteOffset(groupElement("reserved"));

    private static final SequenceLayout iova_ranges$LAYOUT =
            (SequenceLayout) LAYOUT.select(groupElement("iova_ranges"));
    private static final long iova_ranges$OFFSET = LAYOUT.byteOffset(groupElement("iova_ranges"));

    vfio_iommu_type1_info_cap_iova_range() {}

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

    public static GroupLayout header$layout() {
        return header$LAYOUT;
    }

    public static long header$offset() {
        return header$OFFSET;
    }

    public static MemorySegment header(MemorySegment struct) {
        return struct.asSlice(header$OFFSET, header$LAYOUT.byteSize());
    }

    public static void header(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, header$OFFSET, header$LAYOUT.byteSize());
    }

    public static ValueLayout.OfInt nr_iovas$layout() {
        return nr_iovas$LAYOUT;
    }

    public static long nr_iovas$offset() {
        return nr_iovas$OFFSET;
    }

    public static int nr_iovas(MemorySegment struct) {
        return struct.get(nr_iovas$LAYOUT, nr_iovas$OFFSET);
    }

    public static void nr_iovas(MemorySegment struct, int value) {
        struct.set(nr_iovas$LAYOUT, nr_iovas$OFFSET, value);
    }

    public static ValueLayout.OfInt reserved$layout() {
        return reserved$LAYOUT;
    }

    public static long reserved$offset() {
        return reserved$OFFSET;
    }

    public static int reserved(MemorySegment struct) {
        return struct.get(reserved$LAYOUT, reserved$OFFSET);
    }

    public static void reserved(MemorySegment struct, int value) {
        struct.set(reserved$LAYOUT, reserved$OFFSET, value);
    }

    public static SequenceLayout iova_ranges$layout() {
        return iova_ranges$LAYOUT;
    }

    public static long iova_ranges$offset() {
        return iova_ranges$OFFSET;
    }

    public static MemorySegment iova_ranges(MemorySegment struct) {
        return struct.asSlice(iova_ranges$OFFSET, iova_ranges$LAYOUT.byteSize());
    }

    public static void iova_ranges(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, iova_ranges$OFFSET, iova_ranges$LAYOUT.byteSize());
    }
}
