package org.pviommu.fuzz;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestMemory;

/**
 * All memory of the fuzzed guest in one piece that is used again for each input, and the regions of it that are registered, with a
 * page between them: what runs over a region's end must not come right by chance. Frame ranges are inclusive.
 */
final class FuzzedMemory {
    static final int PAGE_BYTES = 4096;

    /** Arrays of operations; two regions that touch, so that runs of frames and arrays go on from one to the next. */
    static final FrameRange ARGUMENTS = new FrameRange(0x100, 0x102);

    private static final FrameRange NEXT_ARGUMENTS = new FrameRange(0x103, 0x103);
    static final FrameRange LOW = new FrameRange(0, 15);
    private static final FrameRange NEXT = new FrameRange(16, 23);
    private static final FrameRange HIGH = new FrameRange(0x8_0000, 0x8_0003);
    private static final List<FrameRange> ALL = List.of(LOW, NEXT, ARGUMENTS, NEXT_ARGUMENTS, HIGH);

    /** Between two regions. */
    private static final long NO_ADDRESS = -1;

    private static final long BYTES =
            ALL.stream().mapToLong(mfns -> mfns.count() + 1).sum() * PAGE_BYTES;
    private static final MemorySegment CONTENT = Arena.global().allocate(BYTES, PAGE_BYTES);
    private static final MemorySegment BEFORE = Arena.global().allocate(BYTES, PAGE_BYTES);

    private final List<Region> regions = new ArrayList<>();

    /** A part of the memory as the engine sees it. */
    static final class Region implements GuestMemory {
        final FrameRange mfns;
        private final long offsetBytes;
        private int closes;

        Region(FrameRange mfns, long offsetBytes) {
            this.mfns = mfns;
            this.offsetBytes = offsetBytes;
        }

        long mfnAt(long bytes) {
            return mfns.first() + bytes / PAGE_BYTES;
        }

        int closes() {
            return closes;
        }

        @Override
        public MemorySegment segment() {
            return CONTENT.asSlice(offsetBytes, mfns.count() * PAGE_BYTES);
        }

        @Override
        public int fileDescriptor() {
            return -1;
        }

        @Override
        public long fileOffsetBytes() {
            return 0;
        }

        @Override
        public void close() {
            closes++;
        }
    }

    FuzzedMemory() {
        CONTENT.fill((byte) 0);
        long offset = 0;
        for (FrameRange mfns : ALL) {
            regions.add(new Region(mfns, offset));
            offset += (mfns.count() + 1) * PAGE_BYTES;
        }
    }

    List<Region> regions() {
        return regions;
    }

    /** A fresh region in place of one that the engine gave back. */
    Region again(int index) {
        Region old = regions.get(index);
        Region fresh = new Region(old.mfns, old.offsetBytes);
        regions.set(index, fresh);
        return fresh;
    }

    /** Where arrays are usually written. */
    MemorySegment arguments() {
        long offset = regions.get(ALL.indexOf(ARGUMENTS)).offsetBytes;
        return CONTENT.asSlice(offset, ARGUMENTS.count() * PAGE_BYTES);
    }

    void remember() {
        BEFORE.copyFrom(CONTENT);
    }

    /** What a call may write to. */
    @FunctionalInterface
    interface Outputs {
        boolean contains(long guestAddress);
    }

    /** Fails when a byte changed since {@link #remember} that is no output. */
    void checkWritten(Outputs outputs) {
        for (long at = 0; at < BYTES; at++) {
            long step = MemorySegment.mismatch(CONTENT, at, BYTES, BEFORE, at, BYTES);
            if (step < 0) {
                return;
            }
            at += step;
            long address = guestAddress(at);
            Finding.check(
                    address != NO_ADDRESS && outputs.contains(address),
                    "byte at guest address 0x%x was 0x%x, is 0x%x, and is no output",
                    address,
                    BEFORE.get(ValueLayout.JAVA_BYTE, at),
                    CONTENT.get(ValueLayout.JAVA_BYTE, at));
        }
    }

    /** The guest's address of a byte, or {@link #NO_ADDRESS}. */
    private long guestAddress(long offsetBytes) {
        for (Region region : regions) {
            long within = offsetBytes - region.offsetBytes;
            if (within >= 0 && within < region.mfns.count() * PAGE_BYTES) {
                return region.mfns.first() * PAGE_BYTES + within;
            }
        }
        return NO_ADDRESS;
    }
}
