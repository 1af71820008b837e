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

/** struct stat of stat(2), as glibc has it on x86-64. */
public class stat {

    private static final GroupLayout LAYOUT = MemoryLayout.structLayout(
                    LibC.C_LONG.withName("st_dev"),
                    LibC.C_LONG.withName("st_ino"),
                    LibC.C_LONG.withName("st_nlink"),
                    LibC.C_INT.withName("st_mode"),
                    LibC.C_INT.withName("st_uid"),
                    LibC.C_INT.withName("st_gid"),
                    LibC.C_INT.withName("__pad0"),
                    LibC.C_LONG.withName("st_rdev"),
                    LibC.C_LONG.withName("st_size"),
                    LibC.C_LONG.withName("st_blksize"),
                    LibC.C_LONG.withName("st_blocks"),
                    timespec.layout().withName("st_atim"),
                    timespec.layout().withName("st_mtim"),
                    timespec.layout().withName("st_ctim"),
                    MemoryLayout.sequenceLayout(3, LibC.C_LONG).withName("__glibc_reserved"))
            .withName("stat");

    private static final ValueLayout.OfLong st_dev$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("st_dev"));
    private static final long st_dev$OFFSET = LAYOUT.byteOffset(groupElement("st_dev"));

    private static final ValueLayout.OfLong st_ino$LAYOUT = (ValueLayout.OfLong) LAYOUT.select(groupElement("st_ino"));
    private static final long st_ino$OFFSET = LAYOUT.byteOffset(groupElement("st_ino"));

    private static final ValueLayout.OfLong st_nlink$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("st_nlink"));
    private static final long st_nlink$OFFSET = LAYOUT.byteOffset(groupElement("st_nlink"));

    private static final ValueLayout.OfInt st_mode$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("st_mode"));
    private static final long st_mode$OFFSET = LAYOUT.byteOffset(groupElement("st_mode"));

    private static final ValueLayout.OfInt st_uid$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("st_uid"));
    private static final long st_uid$OFFSET = LAYOUT.byteOffset(groupElement("st_uid"));

    private static final ValueLayout.OfInt st_gid$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("st_gid"));
    private static final long st_gid$OFFSET = LAYOUT.byteOffset(groupElement("st_gid"));

    private static final ValueLayout.OfInt __pad0$LAYOUT = (ValueLayout.OfInt) LAYOUT.select(groupElement("__pad0"));
    private static final long __pad0$OFFSET = LAYOUT.byteOffset(groupElement("__pad0"));

    private static final ValueLayout.OfLong st_rdev$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("st_rdev"));
    private static final long st_rdev$OFFSET = LAYOUT.byteOffset(groupElement("st_rdev"));

    private static final ValueLayout.OfLong st_size$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("st_size"));
    private static final long st_size$OFFSET = LAYOUT.byteOffset(groupElement("st_size"));

    private static final ValueLayout.OfLong st_blksize$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("st_blksize"));
    private static final long st_blksize$OFFSET = LAYOUT.byteOffset(groupElement("st_blksize"));

    private static final ValueLayout.OfLong st_blocks$LAYOUT =
            (ValueLayout.OfLong) LAYOUT.select(groupElement("st_blocks"));
    private static final long st_blocks$OFFSET = LAYOUT.byteOffset(groupElement("st_blocks"));

    private static final GroupLayout st_atim$LAYOUT = (GroupLayout) LAYOUT.select(groupElement("st_atim"));
    private static final long st_atim$OFFSET = LAYOUT.byteOffset(groupElement("st_atim"));

    private static final GroupLayout st_mtim$LAYOUT = (GroupLayout) LAYOUT.select(groupElement("st_mtim"));
    private static final long st_mtim$OFFSET = LAYOUT.byteOffset(groupElement("st_mtim"));

    private static final GroupLayout st_ctim$LAYOUT = (GroupLayout) LAYOUT.select(groupElement("st_ctim"));
    private static final long st_ctim$OFFSET = LAYOUT.byteOffset(groupElement("st_ctim"));

    private static final SequenceLayout __glibc_reserved$LAYOUT =
            (SequenceLayout) LAYOUT.select(groupElement("__glibc_reserved"));
    private static final long __glibc_reserved$OFFSET = LAYOUT.byteOffset(groupElement("__glibc_reserved"));

    stat() {}

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

    public static ValueLayout.OfLong st_dev$layout() {
        return st_dev$LAYOUT;
    }

    public static long st_dev$offset() {
        return st_dev$OFFSET;
    }

    public static long st_dev(MemorySegment struct) {
        return struct.get(st_dev$LAYOUT, st_dev$OFFSET);
    }

    public static void st_dev(MemorySegment struct, long value) {
        struct.set(st_dev$LAYOUT, st_dev$OFFSET, value);
    }

    public static ValueLayout.OfLong st_ino$layout() {
        return st_ino$LAYOUT;
    }

    public static long st_ino$offset() {
        return st_ino$OFFSET;
    }

    public static long st_ino(MemorySegment struct) {
        return struct.get(st_ino$LAYOUT, st_ino$OFFSET);
    }

    public static void st_ino(MemorySegment struct, long value) {
        struct.set(st_ino$LAYOUT, st_ino$OFFSET, value);
    }

    public static ValueLayout.OfLong st_nlink$layout() {
        return st_nlink$LAYOUT;
    }

    public static long st_nlink$offset() {
        return st_nlink$OFFSET;
    }

    public static long st_nlink(MemorySegment struct) {
        return struct.get(st_nlink$LAYOUT, st_nlink$OFFSET);
    }

    public static void st_nlink(MemorySegment struct, long value) {
        struct.set(st_nlink$LAYOUT, st_nlink$OFFSET, value);
    }

    public static ValueLayout.OfInt st_mode$layout() {
        return st_mode$LAYOUT;
    }

    public static long st_mode$offset() {
        return st_mode$OFFSET;
    }

    public static int st_mode(MemorySegment struct) {
        return struct.get(st_mode$LAYOUT, st_mode$OFFSET);
    }

    public static void st_mode(MemorySegment struct, int value) {
        struct.set(st_mode$LAYOUT, st_mode$OFFSET, value);
    }

    public static ValueLayout.OfInt st_uid$layout() {
        return st_uid$LAYOUT;
    }

    public static long st_uid$offset() {
        return st_uid$OFFSET;
    }

    public static int st_uid(MemorySegment struct) {
        return struct.get(st_uid$LAYOUT, st_uid$OFFSET);
    }

    public static void st_uid(MemorySegment struct, int value) {
        struct.set(st_uid$LAYOUT, st_uid$OFFSET, value);
    }

    public static ValueLayout.OfInt st_gid$layout() {
        return st_gid$LAYOUT;
    }

    public static long st_gid$offset() {
        return st_gid$OFFSET;
    }

    public static int st_gid(MemorySegment struct) {
        return struct.get(st_gid$LAYOUT, st_gid$OFFSET);
    }

    public static void st_gid(MemorySegment struct, int value) {
        struct.set(st_gid$LAYOUT, st_gid$OFFSET, value);
    }

    public static ValueLayout.OfInt __pad0$layout() {
        return __pad0$LAYOUT;
    }

    public static long __pad0$offset() {
        return __pad0$OFFSET;
    }

    public static int __pad0(MemorySegment struct) {
        return struct.get(__pad0$LAYOUT, __pad0$OFFSET);
    }

    public static void __pad0(MemorySegment struct, int value) {
        struct.set(__pad0$LAYOUT, __pad0$OFFSET, value);
    }

    public static ValueLayout.OfLong st_rdev$layout() {
        return st_rdev$LAYOUT;
    }

    public static long st_rdev$offset() {
        return st_rdev$OFFSET;
    }

    public static long st_rdev(MemorySegment struct) {
        return struct.get(st_rdev$LAYOUT, st_rdev$OFFSET);
    }

    public static void st_rdev(MemorySegment struct, long value) {
        struct.set(st_rdev$LAYOUT, st_rdev$OFFSET, value);
    }

    public static ValueLayout.OfLong st_size$layout() {
        return st_size$LAYOUT;
    }

    public static long st_size$offset() {
        return st_size$OFFSET;
    }

    public static long st_size(MemorySegment struct) {
        return struct.get(st_size$LAYOUT, st_size$OFFSET);
    }

    public static void st_size(MemorySegment struct, long value) {
        struct.set(st_size$LAYOUT, st_size$OFFSET, value);
    }

    public static ValueLayout.OfLong st_blksize$layout() {
        return st_blksize$LAYOUT;
    }

    public static long st_blksize$offset() {
        return st_blksize$OFFSET;
    }

    public static long st_blksize(MemorySegment struct) {
        return struct.get(st_blksize$LAYOUT, st_blksize$OFFSET);
    }

    public static void st_blksize(MemorySegment struct, long value) {
        struct.set(st_blksize$LAYOUT, st_blksize$OFFSET, value);
    }

    public static ValueLayout.OfLong st_blocks$layout() {
        return st_blocks$LAYOUT;
    }

    public static long st_blocks$offset() {
        return st_blocks$OFFSET;
    }

    public static long st_blocks(MemorySegment struct) {
        return struct.get(st_blocks$LAYOUT, st_blocks$OFFSET);
    }

    public static void st_blocks(MemorySegment struct, long value) {
        struct.set(st_blocks$LAYOUT, st_blocks$OFFSET, value);
    }

    public static GroupLayout st_atim$layout() {
        return st_atim$LAYOUT;
    }

    public static long st_atim$offset() {
        return st_atim$OFFSET;
    }

    public static MemorySegment st_atim(MemorySegment struct) {
        return struct.asSlice(st_atim$OFFSET, st_atim$LAYOUT.byteSize());
    }

    public static void st_atim(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, st_atim$OFFSET, st_atim$LAYOUT.byteSize());
    }

    public static GroupLayout st_mtim$layout() {
        return st_mtim$LAYOUT;
    }

    public static long st_mtim$offset() {
        return st_mtim$OFFSET;
    }

    public static MemorySegment st_mtim(MemorySegment struct) {
        return struct.asSlice(st_mtim$OFFSET, st_mtim$LAYOUT.byteSize());
    }

    public static void st_mtim(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, st_mtim$OFFSET, st_mtim$LAYOUT.byteSize());
    }

    public static GroupLayout st_ctim$layout() {
        return st_ctim$LAYOUT;
    }

    public static long st_ctim$offset() {
        return st_ctim$OFFSET;
    }

    public static MemorySegment st_ctim(MemorySegment struct) {
        return struct.asSlice(st_ctim$OFFSET, st_ctim$LAYOUT.byteSize());
    }

    public static void st_ctim(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, st_ctim$OFFSET, st_ctim$LAYOUT.byteSize());
    }

    public static SequenceLayout __glibc_reserved$layout() {
        return __glibc_reserved$LAYOUT;
    }

    public static long __glibc_reserved$offset() {
        return __glibc_reserved$OFFSET;
    }

    public static MemorySegment __glibc_reserved(MemorySegment struct) {
        return struct.asSlice(__glibc_reserved$OFFSET, __glibc_reserved$LAYOUT.byteSize());
    }

    public static void __glibc_reserved(MemorySegment struct, MemorySegment value) {
        MemorySegment.copy(value, 0, struct, __glibc_reserved$OFFSET, __glibc_reserved$LAYOUT.byteSize());
    }
}
