package org.pviommu.natives.libc;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** union epoll_data of epoll_ctl(2): what the caller wants to get back with an event. */
public class epoll_data {

    private static final GroupLayout LAYOUT = MemoryLayout.unionLayout(
                    LibC.C_POINTER.withName("ptr"),
                    LibC.C_INT.withName("fd"),
                    LibC.C_INT.withName("u32"),
                    LibC.C_LONG.withName("u64"))
            .withName("epoll_data");

    private static final AddressLayout ptr$LAYOUT = (AddressLayout) LAYOUT.select(groupElement("ptr"));
    private static final long ptr$OFFSET = LAYOUT.byteOffset(groupElement("ptr"));

    private static final ValueLayout.OfInt fd$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("fd"));
    private static final long fd$OFFSET = LAYOUT.byteOffset(groupElement("fd"));

    private static final ValueLayout.OfInt u32$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("u32"));
    private static final long u32$OFFSET = LAYOUT.byteOffset(groupElement("u32"));

    private static final ValueLayout.OfLong u64$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("u64"));
    private static final long u64$OFFSET = LAYOUT.byteOffset(groupElement("u64"));

    epoll_data() {}

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

    /** The rest of an array of this union, from element {@code index} on. */
    public static MemorySegment asSlice(MemorySegment array, long index) {
        return array.asSlice(index * LAYOUT.byteSize());
    }

    public static MemorySegment reinterpret(
            MemorySegment address, Arena arena, @Nullable Consumer<MemorySegment> cleanup) {
        return reinterpret(address, 1, arena, cleanup);
    }

    // SAFETY: restricted because the new size is not checked. The caller vouches that elementCount of this union lie at
    // the
    // address and stay there until the arena is closed; the multiplication throws instead of wrapping.
    @SuppressWarnings("restricted")
    public static MemorySegment reinterpret(
            MemorySegment address, long elementCount, Arena arena, @Nullable Consumer<MemorySegment> cleanup) {
        return address.reinterpret(Math.multiplyExact(elementCount, LAYOUT.byteSize()), arena, cleanup);
    }

    public static AddressLayout ptr$layout() {
        return ptr$LAYOUT;
    }

    public static long ptr$offset() {
        return ptr$OFFSET;
    }

    public static MemorySegment ptr(MemorySegment union) {
        return union.get(ptr$LAYOUT, ptr$OFFSET);
    }

    public static void ptr(MemorySegment union, MemorySegment value) {
        union.set(ptr$LAYOUT, ptr$OFFSET, value);
    }

    public static ValueLayout.OfInt fd$layout() {
        return fd$LAYOUT;
    }

    public static long fd$offset() {
        return fd$OFFSET;
    }

    public static int fd(MemorySegment union) {
        return union.get(fd$LAYOUT, fd$OFFSET);
    }

    public static void fd(MemorySegment union, int value) {
        union.set(fd$LAYOUT, fd$OFFSET, value);
    }

    public static ValueLayout.OfInt u32$layout() {
        return u32$LAYOUT;
    }

    public static long u32$offset() {
        return u32$OFFSET;
    }

    public static int u32(MemorySegment union) {
        return union.get(u32$LAYOUT, u32$OFFSET);
    }

    public static void u32(MemorySegment union, int value) {
        union.set(u32$LAYOUT, u32$OFFSET, value);
    }

    public static ValueLayout.OfLong u64$layout() {
        return u64$LAYOUT;
    }

    public static long u64$offset() {
        return u64$OFFSET;
    }

    public static long u64(MemorySegment union) {
        return union.get(u64$LAYOUT, u64$OFFSET);
    }

    public static void u64(MemorySegment union, long value) {
        union.set(u64$LAYOUT, u64$OFFSET, value);
    }
}
