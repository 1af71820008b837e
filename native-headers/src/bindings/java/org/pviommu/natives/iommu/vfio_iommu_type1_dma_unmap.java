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

/** struct vfio_iommu_type1_dma_unmap of linux/vfio.h: removes mappings; the kernel writes back how many bytes. */
public class vfio_iommu_type1_dma_unmap {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("argsz"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_LONG_LONG.withName("iova"),
                    LinuxIommu.C_LONG_LONG.withName("size"),
                    MemoryLayout.sequenceLayout(0, LinuxIommu.C_CHAR).withName("data"))
            .withName("vfio_iommu_type1_dma_unmap");

    private static final ValueLayout.OfInt argsz$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("argsz"));
    private static final long argsz$OFFSET = LAYOUT.byteOffset(groupElement("argsz"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfLong iova$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("iova"));
    private static final long iova$OFFSET = LAYOUT.byteOffset(groupElement("iova"));

    private static final ValueLayout.OfLong size$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final SequenceLayout data$LAYOUT = (SequenceLayout) LAYOUT.select(groupElement("data"));
    private static final long data$OFFSET = LAYOUT.byteOffset(groupElement("data"));

    vfio_iommu_type1_dma_unmap() {}

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

    public static ValueLayout.OfLong iova$layout() {
        return iova$LAYOUT;
    }

    public static long iova$offset() {
        return iova$OFFSET;
    }

    public static long iova(MemorySegment struct) {
        return struct.get(iova$LAYOUT, iova$OFFSET);
    }

    public static void iova(MemorySegment struct, long value) {
        struct.set(iova$LAYOUT, iova$OFFSET, value);
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

    public static SequenceLayout data$layout() {
        return data$LAYOUT;
    }

    public static long data$offset() {
        return data$OFFSET;
    }

    public static MemorySegment data(MemorySegment struct) {
        return struct.asSlice(data$OFFSET, data$LAYOUT.byteSize());
    }

    public static void data(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, data$OFFSET, data$LAYOUT.byteSize());
    }
}
