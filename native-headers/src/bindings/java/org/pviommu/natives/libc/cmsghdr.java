package org.pviommu.natives.libc;

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

/** struct cmsghdr of cmsg(3): the header of one piece of control data; the data follow it. */
public class cmsghdr {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_LONG.withName("cmsg_len"),
                    LibC.C_INT.withName("cmsg_level"),
                    LibC.C_INT.withName("cmsg_type"),
                    MemoryLayout.sequenceLayout(0, LibC.C_CHAR).withName("__cmsg_data"))
            .withName("cmsghdr");

    private static final ValueLayout.OfLong cmsg_len$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("cmsg_len"));
    private static final long cmsg_len$OFFSET = LAYOUT.byteOffset(groupElement("cmsg_len"));

    private static final ValueLayout.OfInt cmsg_level$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("cmsg_level"));
    private static final long cmsg_level$OFFSET = LAYOUT.byteOffset(groupElement("cmsg_level"));

    private static final ValueLayout.OfInt cmsg_type$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("cmsg_type"));
    private static final long cmsg_type$OFFSET = LAYOUT.byteOffset(groupElement("cmsg_type"));

    private static final SequenceLayout __cmsg_data$LAYOUT =
            (SequenceLayout) LAYOUT.select(groupElement("__cmsg_data"));
    private static final long __cmsg_data$OFFSET = LAYOUT.byteOffset(groupElement("__cmsg_data"));

    cmsghdr() {}

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
    // at the
    // address and stay there until the arena is closed; the multiplication throws instead of wrapping.
    @SuppressWarnings("restricted")
    public static MemorySegment reinterpret(
            MemorySegment address, long elementCount, Arena arena, @Nullable Consumer<MemorySegment> cleanup) {
        return address.reinterpret(Math.multiplyExact(elementCount, LAYOUT.byteSize()), arena, cleanup);
    }

    public static ValueLayout.OfLong cmsg_len$layout() {
        return cmsg_len$LAYOUT;
    }

    public static long cmsg_len$offset() {
        return cmsg_len$OFFSET;
    }

    public static long cmsg_len(MemorySegment struct) {
        return struct.get(cmsg_len$LAYOUT, cmsg_len$OFFSET);
    }

    public static void cmsg_len(MemorySegment struct, long value) {
        struct.set(cmsg_len$LAYOUT, cmsg_len$OFFSET, value);
    }

    public static ValueLayout.OfInt cmsg_level$layout() {
        return cmsg_level$LAYOUT;
    }

    public static long cmsg_level$offset() {
        return cmsg_level$OFFSET;
    }

    public static int cmsg_level(MemorySegment struct) {
        return struct.get(cmsg_level$LAYOUT, cmsg_level$OFFSET);
    }

    public static void cmsg_level(MemorySegment struct, int value) {
        struct.set(cmsg_level$LAYOUT, cmsg_level$OFFSET, value);
    }

    public static ValueLayout.OfInt cmsg_type$layout() {
        return cmsg_type$LAYOUT;
    }

    public static long cmsg_type$offset() {
        return cmsg_type$OFFSET;
    }

    public static int cmsg_type(MemorySegment struct) {
        return struct.get(cmsg_type$LAYOUT, cmsg_type$OFFSET);
    }

    public static void cmsg_type(MemorySegment struct, int value) {
        struct.set(cmsg_type$LAYOUT, cmsg_type$OFFSET, value);
    }

    public static SequenceLayout __cmsg_data$layout() {
        return __cmsg_data$LAYOUT;
    }

    public static long __cmsg_data$offset() {
        return __cmsg_data$OFFSET;
    }

    public static MemorySegment __cmsg_data(MemorySegment struct) {
        return struct.asSlice(__cmsg_data$OFFSET, __cmsg_data$LAYOUT.byteSize());
    }

    public static void __cmsg_data(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, __cmsg_data$OFFSET, __cmsg_data$LAYOUT.byteSize());
    }
}
