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

/** struct vfio_device_bind_iommufd of linux/vfio.h: gives a device to an iommufd. */
public class vfio_device_bind_iommufd {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("argsz"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("iommufd"),
                    LinuxIommu.C_INT.withName("out_devid"),
                    LinuxIommu.C_LONG_LONG.withName("token_uuid_ptr"))
            .withName("vfio_device_bind_iommufd");

    private static final ValueLayout.OfInt argsz$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("argsz"));
    private static final long argsz$OFFSET = LAYOUT.byteOffset(groupElement("argsz"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt iommufd$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("iommufd"));
    private static final long iommufd$OFFSET = LAYOUT.byteOffset(groupElement("iommufd"));

    private static final ValueLayout.OfInt out_devid$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("out_devid"));
    private static final long out_devid$OFFSET = LAYOUT.byteOffset(groupElement("out_devid"));

    private static final ValueLayout.OfLong token_uuid_ptr$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("token_uuid_ptr"));
    private static final long token_uuid_ptr$OFFSET = LAYOUT.byteOffset(groupElement("token_uuid_ptr"));

    vfio_device_bind_iommufd() {}

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

    public static ValueLayout.OfInt iommufd$layout() {
        return iommufd$LAYOUT;
    }

    public static long iommufd$offset() {
        return iommufd$OFFSET;
    }

    public static int iommufd(MemorySegment struct) {
        return struct.get(iommufd$LAYOUT, iommufd$OFFSET);
    }

    public static void iommufd(MemorySegment struct, int value) {
        struct.set(iommufd$LAYOUT, iommufd$OFFSET, value);
    }

    public static ValueLayout.OfInt out_devid$layout() {
        return out_devid$LAYOUT;
    }

    public static long out_devid$offset() {
        return out_devid$OFFSET;
    }

    public static int out_devid(MemorySegment struct) {
        return struct.get(out_devid$LAYOUT, out_devid$OFFSET);
    }

    public static void out_devid(MemorySegment struct, int value) {
        struct.set(out_devid$LAYOUT, out_devid$OFFSET, value);
    }

    public static ValueLayout.OfLong token_uuid_ptr$layout() {
        return token_uuid_ptr$LAYOUT;
    }

    public static long token_uuid_ptr$offset() {
        return token_uuid_ptr$OFFSET;
    }

    public static long token_uuid_ptr(MemorySegment struct) {
        return struct.get(token_uuid_ptr$LAYOUT, token_uuid_ptr$OFFSET);
    }

    public static void token_uuid_ptr(MemorySegment struct, long value) {
        struct.set(token_uuid_ptr$LAYOUT, token_uuid_ptr$OFFSET, value);
    }
}
