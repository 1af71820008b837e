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

/** struct iovec of readv(2): one piece of memory to read into or write from. */
public class iovec {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_POINTER.withName("iov_base"), LibC.C_LONG.withName("iov_len"))
            .withName("iovec");

    private static final AddressLayout iov_base$LAYOUT = (AddressLayout) LAYOUT.select(groupElement("iov_base"));
    private static final long iov_base$OFFSET = LAYOUT.byteOffset(groupElement("iov_base"));

    private static final ValueLayout.OfLong iov_len$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("iov_len"));
    private static final long iov_len$OFFSET = LAYOUT.byteOffset(groupElement("iov_len"));

    iovec() {}

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

    public static AddressLayout iov_base$layout() {
        return iov_base$LAYOUT;
    }

    public static long iov_base$offset() {
        return iov_base$OFFSET;
    }

    public static MemorySegment iov_base(MemorySegment struct) {
        return struct.get(iov_base$LAYOUT, iov_base$OFFSET);
    }

    public static void iov_base(MemorySegment struct, MemorySegment value) {
        struct.set(iov_base$LAYOUT, iov_base$OFFSET, value);
    }

    public static ValueLayout.OfLong iov_len$layout() {
        return iov_len$LAYOUT;
    }

    public static long iov_len$offset() {
        return iov_len$OFFSET;
    }

    public static long iov_len(MemorySegment struct) {
        return struct.get(iov_len$LAYOUT, iov_len$OFFSET);
    }

    public static void iov_len(MemorySegment struct, long value) {
        struct.set(iov_len$LAYOUT, iov_len$OFFSET, value);
    }
}
