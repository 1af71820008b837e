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

/** struct sockaddr_un of unix(7): the address of a Unix socket. */
public class sockaddr_un {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_SHORT.withName("sun_family"),
                    MemoryLayout.sequenceLayout(108, LibC.C_CHAR).withName("sun_path"))
            .withName("sockaddr_un");

    private static final ValueLayout.OfShort sun_family$LAYOUT =
            (ValueLayout.OfShort) LAYOUT.select(groupElement("sun_family"));
    private static final long sun_family$OFFSET = LAYOUT.byteOffset(groupElement("sun_family"));

    private static final SequenceLayout sun_path$LAYOUT = (SequenceLayout) LAYOUT.select(groupElement("sun_path"));
    private static final long sun_path$OFFSET = LAYOUT.byteOffset(groupElement("sun_path"));

    sockaddr_un() {}

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

    public static ValueLayout.OfShort sun_family$layout() {
        return sun_family$LAYOUT;
    }

    public static long sun_family$offset() {
        return sun_family$OFFSET;
    }

    public static short sun_family(MemorySegment struct) {
        return struct.get(sun_family$LAYOUT, sun_family$OFFSET);
    }

    public static void sun_family(MemorySegment struct, short value) {
        struct.set(sun_family$LAYOUT, sun_family$OFFSET, value);
    }

    public static SequenceLayout sun_path$layout() {
        return sun_path$LAYOUT;
    }

    public static long sun_path$offset() {
        return sun_path$OFFSET;
    }

    public static MemorySegment sun_path(MemorySegment struct) {
        return struct.asSlice(sun_path$OFFSET, sun_path$LAYOUT.byteSize());
    }

    public static void sun_path(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, sun_path$OFFSET, sun_path$LAYOUT.byteSize());
    }
}
