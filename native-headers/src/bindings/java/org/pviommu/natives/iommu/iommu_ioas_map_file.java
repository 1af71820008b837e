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

/** struct iommu_ioas_map_file of linux/iommufd.h: maps part of a memfd. */
public class iommu_ioas_map_file {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("size"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("ioas_id"),
                    LinuxIommu.C_INT.withName("fd"),
                    LinuxIommu.C_LONG_LONG.withName("start"),
                    LinuxIommu.C_LONG_LONG.withName("length"),
                    LinuxIommu.C_LONG_LONG.withName("iova"))
            .withName("iommu_ioas_map_file");

    private static final ValueLayout.OfInt size$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("size"));
    private static final long size$OFFSET = LAYOUT.byteOffset(groupElement("size"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt ioas_id$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("ioas_id"));
    private static final long ioas_id$OFFSET = LAYOUT.byteOffset(groupElement("ioas_id"));

    private static final ValueLayout.OfInt fd$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("fd"));
    private static final long fd$OFFSET = LAYOUT.byteOffset(groupElement("fd"));

    private static final ValueLayout.OfLong start$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("start"));
    private static final long start$OFFSET = LAYOUT.byteOffset(groupElement("start"));

    private static final ValueLayout.OfLong length$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("length"));
    private static final long length$OFFSET = LAYOUT.byteOffset(groupElement("length"));

    private static final ValueLayout.OfLong iova$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("iova"));
    private static final long iova$OFFSET = LAYOUT.byteOffset(groupElement("iova"));

    iommu_ioas_map_file() {}

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

    public static ValueLayout.OfInt ioas_id$layout() {
        return ioas_id$LAYOUT;
    }

    public static long ioas_id$offset() {
        return ioas_id$OFFSET;
    }

    public static int ioas_id(MemorySegment struct) {
        return struct.get(ioas_id$LAYOUT, ioas_id$OFFSET);
    }

    public static void ioas_id(MemorySegment struct, int value) {
        struct.set(ioas_id$LAYOUT, ioas_id$OFFSET, value);
    }

    public static ValueLayout.OfInt fd$layout() {
        return fd$LAYOUT;
    }

    public static long fd$offset() {
        return fd$OFFSET;
    }

    public static int fd(MemorySegment struct) {
        return struct.get(fd$LAYOUT, fd$OFFSET);
    }

    public static void fd(MemorySegment struct, int value) {
        struct.set(fd$LAYOUT, fd$OFFSET, value);
    }

    public static ValueLayout.OfLong start$layout() {
        return start$LAYOUT;
    }

    public static long start$offset() {
        return start$OFFSET;
    }

    public static long start(MemorySegment struct) {
        return struct.get(start$LAYOUT, start$OFFSET);
    }

    public static void start(MemorySegment struct, long value) {
        struct.set(start$LAYOUT, start$OFFSET, value);
    }

    public static ValueLayout.OfLong length$layout() {
        return length$LAYOUT;
    }

    public static long length$offset() {
        return length$OFFSET;
    }

    public static long length(MemorySegment struct) {
        return struct.get(length$LAYOUT, length$OFFSET);
    }

    public static void length(MemorySegment struct, long value) {
        struct.set(length$LAYOUT, length$OFFSET, value);
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
}
