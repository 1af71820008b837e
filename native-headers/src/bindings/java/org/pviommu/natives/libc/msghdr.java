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

/** struct msghdr of recvmsg(2): where a message and its control data lie. */
public class msghdr {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_POINTER.withName("msg_name"),
                    LibC.C_INT.withName("msg_namelen"),
                    MemoryLayout.paddingLayout(4),
                    LibC.C_POINTER.withName("msg_iov"),
                    LibC.C_LONG.withName("msg_iovlen"),
                    LibC.C_POINTER.withName("msg_control"),
                    LibC.C_LONG.withName("msg_controllen"),
                    LibC.C_INT.withName("msg_flags"),
                    MemoryLayout.paddingLayout(4))
            .withName("msghdr");

    private static final AddressLayout msg_name$LAYOUT = (AddressLayout) LAYOUT.select(groupElement("msg_name"));
    private static final long msg_name$OFFSET = LAYOUT.byteOffset(groupElement("msg_name"));

    private static final ValueLayout.OfInt msg_namelen$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("msg_namelen"));
    private static final long msg_namelen$OFFSET = LAYOUT.byteOffset(groupElement("msg_namelen"));

    private static final AddressLayout msg_iov$LAYOUT = (AddressLayout) LAYOUT.select(groupElement("msg_iov"));
    private static final long msg_iov$OFFSET = LAYOUT.byteOffset(groupElement("msg_iov"));

    private static final ValueLayout.OfLong msg_iovlen$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("msg_iovlen"));
    private static final long msg_iovlen$OFFSET = LAYOUT.byteOffset(groupElement("msg_iovlen"));

    private static final AddressLayout msg_control$LAYOUT = (AddressLayout) LAYOUT.select(groupElement("msg_control"));
    private static final long msg_control$OFFSET = LAYOUT.byteOffset(groupElement("msg_control"));

    private static final ValueLayout.OfLong msg_controllen$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("msg_controllen"));
    private static final long msg_controllen$OFFSET = LAYOUT.byteOffset(groupElement("msg_controllen"));

    private static final ValueLayout.OfInt msg_flags$LAYOUT =
            (ValueLayout.OfInt) LAYOUT.select(groupElement("msg_flags"));
    private static final long msg_flags$OFFSET = LAYOUT.byteOffset(groupElement("msg_flags"));

    msghdr() {}

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

    public static AddressLayout msg_name$layout() {
        return msg_name$LAYOUT;
    }

    public static long msg_name$offset() {
        return msg_name$OFFSET;
    }

    public static MemorySegment msg_name(MemorySegment struct) {
        return struct.get(msg_name$LAYOUT, msg_name$OFFSET);
    }

    public static void msg_name(MemorySegment struct, MemorySegment value) {
        struct.set(msg_name$LAYOUT, msg_name$OFFSET, value);
    }

    public static ValueLayout.OfInt msg_namelen$layout() {
        return msg_namelen$LAYOUT;
    }

    public static long msg_namelen$offset() {
        return msg_namelen$OFFSET;
    }

    public static int msg_namelen(MemorySegment struct) {
        return struct.get(msg_namelen$LAYOUT, msg_namelen$OFFSET);
    }

    public static void msg_namelen(MemorySegment struct, int value) {
        struct.set(msg_namelen$LAYOUT, msg_namelen$OFFSET, value);
    }

    public static AddressLayout msg_iov$layout() {
        return msg_iov$LAYOUT;
    }

    public static long msg_iov$offset() {
        return msg_iov$OFFSET;
    }

    public static MemorySegment msg_iov(MemorySegment struct) {
        return struct.get(msg_iov$LAYOUT, msg_iov$OFFSET);
    }

    public static void msg_iov(MemorySegment struct, MemorySegment value) {
        struct.set(msg_iov$LAYOUT, msg_iov$OFFSET, value);
    }

    public static ValueLayout.OfLong msg_iovlen$layout() {
        return msg_iovlen$LAYOUT;
    }

    public static long msg_iovlen$offset() {
        return msg_iovlen$OFFSET;
    }

    public static long msg_iovlen(MemorySegment struct) {
        return struct.get(msg_iovlen$LAYOUT, msg_iovlen$OFFSET);
    }

    public static void msg_iovlen(MemorySegment struct, long value) {
        struct.set(msg_iovlen$LAYOUT, msg_iovlen$OFFSET, value);
    }

    public static AddressLayout msg_control$layout() {
        return msg_control$LAYOUT;
    }

    public static long msg_control$offset() {
        return msg_control$OFFSET;
    }

    public static MemorySegment msg_control(MemorySegment struct) {
        return struct.get(msg_control$LAYOUT, msg_control$OFFSET);
    }

    public static void msg_control(MemorySegment struct, MemorySegment value) {
        struct.set(msg_control$LAYOUT, msg_control$OFFSET, value);
    }

    public static ValueLayout.OfLong msg_controllen$layout() {
        return msg_controllen$LAYOUT;
    }

    public static long msg_controllen$offset() {
        return msg_controllen$OFFSET;
    }

    public static long msg_controllen(MemorySegment struct) {
        return struct.get(msg_controllen$LAYOUT, msg_controllen$OFFSET);
    }

    public static void msg_controllen(MemorySegment struct, long value) {
        struct.set(msg_controllen$LAYOUT, msg_controllen$OFFSET, value);
    }

    public static ValueLayout.OfInt msg_flags$layout() {
        return msg_flags$LAYOUT;
    }

    public static long msg_flags$offset() {
        return msg_flags$OFFSET;
    }

    public static int msg_flags(MemorySegment struct) {
        return struct.get(msg_flags$LAYOUT, msg_flags$OFFSET);
    }

    public static void msg_flags(MemorySegment struct, int value) {
        struct.set(msg_flags$LAYOUT, msg_flags$OFFSET, value);
    }
}
