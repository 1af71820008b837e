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

/** struct iommu_hwpt_alloc of linux/iommufd.h: a page table of the hardware. */
public class iommu_hwpt_alloc {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("size"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("dev_id"),
                    LinuxIommu.C_INT.withName("pt_id"),
                    LinuxIommu.C_INT.withName("out_hwpt_id"),
                    LinuxIommu.C_INT.withName("__reserved"),
                    LinuxIommu.C_INT.withName("data_type"),
                    LinuxIommu.C_INT.withName("data_len"),
                    LinuxIommu.C_LONG_LONG.withName("data_uptr"),
                    LinuxIommu.C_INT.withName("fault_id"),
                    LinuxIommu.C_INT.withName("__reserved2"))
            .withName("iommu_hwpt_alloc");

    private static final ValueLayout.OfInt size$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt dev_id$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("dev_id"));
    private static final long dev_id$OFFSET = LAYOUT.byteOffset(groupElement("dev_id"));

    private static final ValueLayout.OfInt pt_id$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("pt_id"));
    private static final long pt_id$OFFSET = LAYOUT.byteOffset(groupElement("pt_id"));

    private static final ValueLayout.OfInt out_hwpt_id$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("out_hwpt_id"));
    private static final long out_hwpt_id$OFFSET = LAYOUT.byteOffset(groupElement("out_hwpt_id"));

    private static final ValueLayout.OfInt __reserved$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("__reserved"));
    private static final long __reserved$OFFSET = LAYOUT.byteOffset(groupElement("__reserved"));

    private static final ValueLayout.OfInt data_type$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("data_type"));
    private static final long data_type$OFFSET = LAYOUT.byteOffset(groupElement("data_type"));

    private static final ValueLayout.OfInt data_len$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("data_len"));
    private static final long data_len$OFFSET = LAYOUT.byteOffset(groupElement("data_len"));

    private static final ValueLayout.OfLong data_uptr$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("data_uptr"));
    private static final long data_uptr$OFFSET = LAYOUT.byteOffset(groupElement("data_uptr"));

    private static final ValueLayout.OfInt fault_id$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("fault_id"));
    private static final long fault_id$OFFSET = LAYOUT.byteOffset(groupElement("fault_id"));

    private static final ValueLayout.OfInt __reserved2$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("__reserved2"));
    private static final long __reserved2$OFFSET = LAYOUT.byteOffset(groupElement("__reserved2"));

    iommu_hwpt_alloc() {}

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

    public static ValueLayout.OfInt out_hwpt_id$layout() {
        return out_hwpt_id$LAYOUT;
    }

    public static long out_hwpt_id$offset() {
        return out_hwpt_id$OFFSET;
    }

    public static int out_hwpt_id(MemorySegment struct) {
        return struct.get(out_hwpt_id$LAYOUT, out_hwpt_id$OFFSET);
    }

    public static void out_hwpt_id(MemorySegment struct, int value) {
        struct.set(out_hwpt_id$LAYOUT, out_hwpt_id$OFFSET, value);
    }

    public static ValueLayout.OfInt __reserved$layout() {
        return __reserved$LAYOUT;
    }

    public static long __reserved$offset() {
        return __reserved$OFFSET;
    }

    public static int __reserved(MemorySegment struct) {
        return struct.get(__reserved$LAYOUT, __reserved$OFFSET);
    }

    public static void __reserved(MemorySegment struct, int value) {
        struct.set(__reserved$LAYOUT, __reserved$OFFSET, value);
    }

    public static ValueLayout.OfInt data_type$layout() {
        return data_type$LAYOUT;
    }

    public static long data_type$offset() {
        return data_type$OFFSET;
    }

    public static int data_type(MemorySegment struct) {
        return struct.get(data_type$LAYOUT, data_type$OFFSET);
    }

    public static void data_type(MemorySegment struct, int value) {
        struct.set(data_type$LAYOUT, data_type$OFFSET, value);
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

    public static ValueLayout.OfInt fault_id$layout() {
        return fault_id$LAYOUT;
    }

    public static long fault_id$offset() {
        return fault_id$OFFSET;
    }

    public static int fault_id(MemorySegment struct) {
        return struct.get(fault_id$LAYOUT, fault_id$OFFSET);
    }

    public static void fault_id(MemorySegment struct, int value) {
        struct.set(fault_id$LAYOUT, fault_id$OFFSET, value);
    }

    public static ValueLayout.OfInt __reserved2$layout() {
        return __reserved2$LAYOUT;
    }

    public static long __reserved2$offset() {
        return __reserved2$OFFSET;
    }

    public static int __reserved2(MemorySegment struct) {
        return struct.get(__reserved2$LAYOUT, __reserved2$OFFSET);
    }

    public static void __reserved2(MemorySegment struct, int value) {
        struct.set(__reserved2$LAYOUT, __reserved2$OFFSET, value);
    }
}
