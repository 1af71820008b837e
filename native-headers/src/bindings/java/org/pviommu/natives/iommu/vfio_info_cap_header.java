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

/**
 * struct vfio_info_cap_header of linux/vfio.h: the head of each link of a capability chain. Old kernels align links to
 * 4 bytes only.
 */
public class vfio_info_cap_header {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_SHORT.withName("id"),
                    LinuxIommu.C_SHORT.withName("version"),
                    LinuxIommu.C_INT.withName("next"))
            .withName("vfio_info_cap_header");

    private static final ValueLayout.OfShort id$LAYOUT = (ValueLayout.OfShort) LAYOUT.select(groupElement("id"));
    private static final long id$OFFSET = LAYOUT.byteOffset(groupElement("id"));

    private static final ValueLayout.OfShort version$LAYOUT =
            (ValueLayout.OfShort) LAYOUT.select(groupElement("version"));
    private static final long version$OFFSET = LAYOUT.byteOffset(groupElement("version"));

    private static final ValueLayout.OfInt next$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("next"));
    private static final long next$OFFSET = LAYOUT.byteOffset(groupElement("next"));

    vfio_info_cap_header() {}

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

    public static ValueLayout.OfShort id$layout() {
        return id$LAYOUT;
    }

    public static long id$offset() {
        return id$OFFSET;
    }

    public static short id(MemorySegment struct) {
        return struct.get(id$LAYOUT, id$OFFSET);
    }

    public static void id(MemorySegment struct, short value) {
        struct.set(id$LAYOUT, id$OFFSET, value);
    }

    public static ValueLayout.OfShort version$layout() {
        return version$LAYOUT;
    }

    public static long version$offset() {
        return version$OFFSET;
    }

    public static short version(MemorySegment struct) {
        return struct.get(version$LAYOUT, version$OFFSET);
    }

    public static void version(MemorySegment struct, short value) {
        struct.set(version$LAYOUT, version$OFFSET, value);
    }

    public static ValueLayout.OfInt next$layout() {
        return next$LAYOUT;
    }

    public static long next$offset() {
        return next$OFFSET;
    }

    public static int next(MemorySegment struct) {
        return struct.get(next$LAYOUT, next$OFFSET);
    }

    public static void next(MemorySegment struct, int value) {
        struct.set(next$LAYOUT, next$OFFSET, value);
    }
}
