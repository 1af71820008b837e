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

/** struct iommu_hw_info of linux/iommufd.h: what IOMMU a device is behind. */
public class iommu_hw_info {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("size"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("dev_id"),
                    LinuxIommu.C_INT.withName("data_len"),
                    LinuxIommu.C_LONG_LONG.withName("data_uptr"),
                    MemoryLayout.unionLayout(
                                    LinuxIommu.C_INT.withName("in_data_type"),
                                    LinuxIommu.C_INT.withName("out_data_type"))
                            .withName("$anon$0"),
                    LinuxIommu.C_CHAR.withName("out_max_pasid_log2"),
                    MemoryLayout.sequenceLayout(3, LinuxIommu.C_CHAR).withName("__reserved"),
                    LinuxIommu.C_LONG_LONG.withName("out_capabilities"))
            .withName("iommu_hw_info");

    private static final ValueLayout.OfInt size$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt dev_id$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("dev_id"));
    private static final long dev_id$OFFSET = LAYOUT.byteOffset(groupElement("dev_id"));

    private static final ValueLayout.OfInt data_len$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("data_len"));
    private static final long data_len$OFFSET = LAYOUT.byteOffset(groupElement("data_len"));

    private static final ValueLayout.OfLong data_uptr$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("data_uptr"));
    private static final long data_uptr$OFFSET = LAYOUT.byteOffset(groupElement("data_uptr"));

    private static final ValueLayout.OfInt in_data_type$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("$anon$0"), groupElement("in_data_type"));
    private static final long in_data_type$OFFSET =
            LAYOUT.byteOffset(groupElement("$anon$0"), groupElement("in_data_type"));

    private static final ValueLayout.OfInt out_data_type$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("$anon$0"), groupElement("out_data_type"));
    private static final long out_data_type$OFFSET =
            LAYOUT.byteOffset(groupElement("$anon$0"), groupElement("out_data_type"));

    private static final ValueLayout.OfByte out_max_pasid_log2$LAYOUT =
            (ValueLayout.OfByte) LAYOUT.select(groupElement("out_max_pasid_log2"));
    private static final long out_max_pasid_log2$OFFSET = LAYOUT.byteOffset(groupElement("out_max_pasid_log2"));

    private static final SequenceLayout __reserved$LAYOUT = (SequenceLayout) LAYOUT.select(groupElement("__reserved"));
    private static final long __reserved$OFFSET = LAYOUT.byteOffset(groupElement("__reserved"));

    private static final ValueLayout.OfLong out_capabilities$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("out_capabilities"));
    private static final long out_capabilities$OFFSET = LAYOUT.byteOffset(groupElement("out_capabilities"));

    iommu_hw_info() {}

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

    public static ValueLayout.OfInt dev_id$layout() {
        return dev_id$LAYOUT;
    }

    public static long dev_id$offset() {
        return dev_id$OFFSET;
    }

    public static int dev_id(MemorySegment struct) {
        return struct.get(dev_id$LAYOUT, dev_id$OFFSET);
    }

    public static void dev_id(MemorySegment struct, int value) {
        struct.set(dev_id$LAYOUT, dev_id$OFFSET, value);
    }

    public static ValueLayout.OfInt data_len$layout() {
        return data_len$LAYOUT;
    }

    public static long data_len$offset() {
        return data_len$OFFSET;
    }

    public static int data_len(MemorySegment struct) {
        return struct.get(data_len$LAYOUT, data_len$OFFSET);
    }

    public static void data_len(MemorySegment struct, int value) {
        struct.set(data_len$LAYOUT, data_len$OFFSET, value);
    }

    public static ValueLayout.OfLong data_uptr$layout() {
        return data_uptr$LAYOUT;
    }

    public static long data_uptr$offset() {
        return data_uptr$OFFSET;
    }

    public static long data_uptr(MemorySegment struct) {
        return struct.get(data_uptr$LAYOUT, data_uptr$OFFSET);
    }

    public static void data_uptr(MemorySegment struct, long value) {
        struct.set(data_uptr$LAYOUT, data_uptr$OFFSET, value);
    }

    public static ValueLayout.OfInt in_data_type$layout() {
        return in_data_type$LAYOUT;
    }

    public static long in_data_type$offset() {
        return in_data_type$OFFSET;
    }

    public static int in_data_type(MemorySegment struct) {
        return struct.get(in_data_type$LAYOUT, in_data_type$OFFSET);
    }

    public static void in_data_type(MemorySegment struct, int value) {
        struct.set(in_data_type$LAYOUT, in_data_type$OFFSET, value);
    }

    public static ValueLayout.OfInt out_data_type$layout() {
        return out_data_type$LAYOUT;
    }

    public static long out_data_type$offset() {
        return out_data_type$OFFSET;
    }

    public static int out_data_type(MemorySegment struct) {
        return struct.get(out_data_type$LAYOUT, out_data_type$OFFSET);
    }

    public static void out_data_type(MemorySegment struct, int value) {
        struct.set(out_data_type$LAYOUT, out_data_type$OFFSET, value);
    }

    public static ValueLayout.OfByte out_max_pasid_log2$layout() {
        return out_max_pasid_log2$LAYOUT;
    }

    public static long out_max_pasid_log2$offset() {
        return out_max_pasid_log2$OFFSET;
    }

    public static byte out_max_pasid_log2(MemorySegment struct) {
        return struct.get(out_max_pasid_log2$LAYOUT, out_max_pasid_log2$OFFSET);
    }

    public static void out_max_pasid_log2(MemorySegment struct, byte value) {
        struct.set(out_max_pasid_log2$LAYOUT, out_max_pasid_log2$OFFSET, value);
    }

    public static SequenceLayout __reserved$layout() {
        return __reserved$LAYOUT;
    }

    public static long __reserved$offset() {
        return __reserved$OFFSET;
    }

    public static MemorySegment __reserved(MemorySegment struct) {
        return struct.asSlice(__reserved$OFFSET, __reserved$LAYOUT.byteSize());
    }

    public static void __reserved(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, __reserved$OFFSET, __reserved$LAYOUT.byteSize());
    }

    public static ValueLayout.OfLong out_capabilities$layout() {
        return out_capabilities$LAYOUT;
    }

    public static long out_capabilities$offset() {
        return out_capabilities$OFFSET;
    }

    public static long out_capabilities(MemorySegment struct) {
        return struct.get(out_capabilities$LAYOUT, out_capabilities$OFFSET);
    }

    public static void out_capabilities(MemorySegment struct, long value) {
        struct.set(out_capabilities$LAYOUT, out_capabilities$OFFSET, value);
    }
}
