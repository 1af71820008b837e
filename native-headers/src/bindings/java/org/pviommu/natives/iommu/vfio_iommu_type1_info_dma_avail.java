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

/** struct vfio_iommu_type1_info_dma_avail of linux/vfio.h: how many more mappings a container takes. */
public class vfio_iommu_type1_info_dma_avail {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    vfio_info_cap_header.layout().withName("header"), LinuxIommu.C_INT.withName("avail"))
            .withName("vfio_iommu_type1_info_dma_avail");

    private static final GroupLayout header$LAYOUT = (GroupLayout) LAYOUT.select(groupElement("header"));
    private static final long header$OFFSET = LAYOUT.byteOffset(groupElement("header"));

    private static final ValueLayout.OfInt avail$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("avail"));
    private static final long avail$OFFSET = LAYOUT.byteOffset(groupElement("avail"));

    vfio_iommu_type1_info_dma_avail() {}

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

    public static ValueLayout.OfInt avail$layout() {
        return avail$LAYOUT;
    }

    public static long avail$offset() {
        return avail$OFFSET;
    }

    public static int avail(MemorySegment struct) {
        return struct.get(avail$LAYOUT, avail$OFFSET);
    }

    public static void avail(MemorySegment struct, int value) {
        struct.set(avail$LAYOUT, avail$OFFSET, value);
    }
}
