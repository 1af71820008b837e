package org.pviommu.natives.libc;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.Arena;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** struct pollfd of poll(2). */
public class pollfd {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_INT.withName("fd"), LibC.C_SHORT.withName("events"), LibC.C_SHORT.withName("revents"))
            .withName("pollfd");

    private static final ValueLayout.OfInt fd$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("fd"));
    private static final long fd$OFFSET = LAYOUT.byteOffset(groupElement("fd"));

    private static final ValueLayout.OfShort events$LAYOUT =
            (ValueLayout.OfShort) LAYOUT.select(groupElement("events"));
    private static final long events$OFFSET = LAYOUT.byteOffset(groupElement("events"));

    private static final ValueLayout.OfShort revents$LAYOUT =
            (ValueLayout.OfShort) LAYOUT.select(groupElement("revents"));
    private static final long revents$OFFSET = LAYOUT.byteOffset(groupElement("revents"));

    pollfd() {}

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

    public static ValueLayout.OfShort events$layout() {
        return events$LAYOUT;
    }

    public static long events$offset() {
        return events$OFFSET;
    }

    public static short events(MemorySegment struct) {
        return struct.get(events$LAYOUT, events$OFFSET);
    }

    public static void events(MemorySegment struct, short value) {
        struct.set(events$LAYOUT, events$OFFSET, value);
    }

    public static ValueLayout.OfShort revents$layout() {
        return revents$LAYOUT;
    }

    public static long revents$offset() {
        return revents$OFFSET;
    }

    public static short revents(MemorySegment struct) {
        return struct.get(revents$LAYOUT, revents$OFFSET);
    }

    public static void revents(MemorySegment struct, short value) {
        struct.set(revents$LAYOUT, revents$OFFSET, value);
    }
}
