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

/**
 * struct epoll_event of epoll_ctl(2).
 *
 * <p>On x86-64 it is packed: 12 bytes, so its members, and {@link epoll_data} within it, are not naturally aligned.
 */
public class epoll_event {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_INT.withByteAlignment(1).withName("events"),
                    packed(epoll_data.layout()).withName("data"))
            .withName("epoll_event");

    private static final ValueLayout.OfInt events$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("events"));
    private static final long events$OFFSET = LAYOUT.byteOffset(groupElement("events"));

    private static final GroupLayout data$LAYOUT = (GroupLayout) LAYOUT.select(groupElement("data"));
    private static final long data$OFFSET = LAYOUT.byteOffset(groupElement("data"));

    epoll_event() {}

    /** The same union without any demand on its alignment; a layout cannot drop its members' demands by itself. */
    private static MemoryLayout packed(GroupLayout union) {
        return MemoryLayout.unionLayout(union.memberLayouts().stream()
                .map(member -> member.withByteAlignment(1))
                .toArray(MemoryLayout[]::new));
    }

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

    public static ValueLayout.OfInt events$layout() {
        return events$LAYOUT;
    }

    public static long events$offset() {
        return events$OFFSET;
    }

    public static int events(MemorySegment struct) {
        return struct.get(events$LAYOUT, events$OFFSET);
    }

    public static void events(MemorySegment struct, int value) {
        struct.set(events$LAYOUT, events$OFFSET, value);
    }

    public static GroupLayout data$layout() {
        return data$LAYOUT;
    }

    public static long data$offset() {
        return data$OFFSET;
    }

    public static MemorySegment data(MemorySegment struct) {
        return struct.asSlice(data$OFFSET, data$LAYOUT.byteSize());
    }

    public static void data(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, data$OFFSET, data$LAYOUT.byteSize());
    }
}
