package org.pviommu.natives.iommu;

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

/** struct vfio_irq_set of linux/vfio.h: how an interrupt is delivered. */
public class vfio_irq_set {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LinuxIommu.C_INT.withName("argsz"),
                    LinuxIommu.C_INT.withName("flags"),
                    LinuxIommu.C_INT.withName("index"),
                    LinuxIommu.C_INT.withName("start"),
                    LinuxIommu.C_INT.withName("count"),
                    MemoryLayout.sequenceLayout(0, LinuxIommu.C_CHAR).withName("data"))
            .withName("vfio_irq_set");

    private static final ValueLayout.OfInt argsz$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("argsz"));
    private static final long argsz$OFFSET = LAYOUT.byteOffset(groupElement("argsz"));

    private static final ValueLayout.OfInt flags$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("flags"));
    private static final long flags$OFFSET = LAYOUT.byteOffset(groupElement("flags"));

    private static final ValueLayout.OfInt index$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("index"));
    private static final long index$OFFSET = LAYOUT.byteOffset(groupElement("index"));

    private static final ValueLayout.OfInt start$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("start"));
    private static final long start$OFFSET = LAYOUT.byteOffset(groupElement("start"));

    private static final ValueLayout.OfInt count$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("count"));
    private static final long count$OFFSET = LAYOUT.byteOffset(groupElement("count"));

    private static final SequenceLayout data$LAYOUT = (SequenceLayout) LAYOUT.select(groupElement("data"));
    private static final long data$OFFSET = LAYOUT.byteOffset(groupElement("data"));

    vfio_irq_set() {}

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

    public static ValueLayout.OfInt argsz$layout() {
        return argsz$LAYOUT;
    }

    public static long argsz$offset() {
        return argsz$OFFSET;
    }

    public static int argsz(MemorySegment struct) {
        return struct.get(argsz$LAYOUT, argsz$OFFSET);
    }

    public static void argsz(MemorySegment struct, int value) {
        struct.set(argsz$LAYOUT, argsz$OFFSET, value);
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

    public static ValueLayout.OfInt index$layout() {
        return index$LAYOUT;
    }

    public static long index$offset() {
        return index$OFFSET;
    }

    public static int index(MemorySegment struct) {
        return struct.get(index$LAYOUT, index$OFFSET);
    }

    public static void index(MemorySegment struct, int value) {
        struct.set(index$LAYOUT, index$OFFSET, value);
    }

    public static ValueLayout.OfInt start$layout() {
        return start$LAYOUT;
    }

    public static long start$offset() {
        return start$OFFSET;
    }

    public static int start(MemorySegment struct) {
        return struct.get(start$LAYOUT, start$OFFSET);
    }

    public static void start(MemorySegment struct, int value) {
        struct.set(start$LAYOUT, start$OFFSET, value);
    }

    public static ValueLayout.OfInt count$layout() {
        return count$LAYOUT;
    }

    public static long count$offset() {
        return count$OFFSET;
    }

    public static int count(MemorySegment struct) {
        return struct.get(count$LAYOUT, count$OFFSET);
    }

    public static void count(MemorySegment struct, int value) {
        struct.set(count$LAYOUT, count$OFFSET, value);
    }

    public static SequenceLayout data$layout() {
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
