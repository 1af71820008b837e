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

/** struct ucred of unix(7): who is at the other end of a Unix socket. */
public class ucred {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_INT.withName("pid"), LibC.C_INT.withName("uid"), LibC.C_INT.withName("gid"))
            .withName("ucred");

    private static final ValueLayout.OfInt pid$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("pid"));
    private static final long pid$OFFSET = LAYOUT.byteOffset(groupElement("pid"));

    private static final ValueLayout.OfInt uid$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("uid"));
    private static final long uid$OFFSET = LAYOUT.byteOffset(groupElement("uid"));

    private static final ValueLayout.OfInt gid$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("gid"));
    private static final long gid$OFFSET = LAYOUT.byteOffset(groupElement("gid"));

    ucred() {}

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

    public static ValueLayout.OfInt pid$layout() {
        return pid$LAYOUT;
    }

    public static long pid$offset() {
        return pid$OFFSET;
    }

    public static int pid(MemorySegment struct) {
        return struct.get(pid$LAYOUT, pid$OFFSET);
    }

    public static void pid(MemorySegment struct, int value) {
        struct.set(pid$LAYOUT, pid$OFFSET, value);
    }

    public static ValueLayout.OfInt uid$layout() {
        return uid$LAYOUT;
    }

    public static long uid$offset() {
        return uid$OFFSET;
    }

    public static int uid(MemorySegment struct) {
        return struct.get(uid$LAYOUT, uid$OFFSET);
    }

    public static void uid(MemorySegment struct, int value) {
        struct.set(uid$LAYOUT, uid$OFFSET, value);
    }

    public static ValueLayout.OfInt gid$layout() {
        return gid$LAYOUT;
    }

    public static long gid$offset() {
        return gid$OFFSET;
    }

    public static int gid(MemorySegment struct) {
        return struct.get(gid$LAYOUT, gid$OFFSET);
    }

    public static void gid(MemorySegment struct, int value) {
        struct.set(gid$LAYOUT, gid$OFFSET, value);
    }
}
