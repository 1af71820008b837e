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

/** struct vfio_device_attach_iommufd_pt of linux/vfio.h: which address space translates for a device. */
public class vfio_device_attach_iommufd_pt {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("argsz"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("pt_id"),
                    LinuxIommu.C_INT.withName("pasid"))
            .withName("vfio_device_attach_iommufd_pt");

    private static final ValueLayout.OfInt argsz$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("argsz"));
    private static final long argsz$OFFSET = LAYOUT.byteOffset(groupElement("argsz"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt pt_id$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("pt_id"));
    private static final long pt_id$OFFSET = LAYOUT.byteOffset(groupElement("pt_id"));

    private static final ValueLayout.OfInt pasid$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("pasid"));
    private static final long pasid$OFFSET = LAYOUT.byteOffset(groupElement("pasid"));

    vfio_device_attach_iommufd_pt() {}

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

    public static ValueLayout.OfInt pt_id$layout() {
        return pt_id$LAYOUT;
    }

    public static long pt_id$offset() {
        return pt_id$OFFSET;
    }

    public static int pt_id(MemorySegment struct) {
        return struct.get(pt_id$LAYOUT, pt_id$OFFSET);
    }

    public static void pt_id(MemorySegment struct, int value) {
        struct.set(pt_id$LAYOUT, pt_id$OFFSET, value);
    }

    public static ValueLayout.OfInt pasid$layout() {
        return pasid$LAYOUT;
    }

    public static long pasid$offset() {
        return pasid$OFFSET;
    }

    public static int pasid(MemorySegment struct) {
        return struct.get(pasid$LAYOUT, pasid$OFFSET);
    }

    public static void pasid(MemorySegment struct, int value) {
        struct.set(pasid$LAYOUT, pasid$OFFSET, value);
    }
}
