package org.pviommu.systemtests.differential;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.FrameRange;

/** Random worlds and random calls in them: mostly sensible, sometimes wrong in each way there is. */
final class RandomCalls {
    private static final int MAX_OPERATIONS = 64;
    private static final FrameRange LOW_MEMORY = new FrameRange(0, 39);
    /** Directly behind the other region, so that runs of frames cross from one to the other. */
    private static final FrameRange NEXT_MEMORY = new FrameRange(40, 55);

    private static final FrameRange HIGH_MEMORY = new FrameRange(0x8_0000, 0x8_0007);
    private static final FrameRange HYPERVISOR_MFNS = new FrameRange(20, 22);
    private static final FrameRange RESERVED_BFNS = new FrameRange(525, 527);

    private final Random random;
    private final World.Shape shape;

    RandomCalls(World.Shape shape, Random random) {
        this.shape = shape;
        this.random = random;
    }

    /** A small world in which every limit can be reached. */
    static World.Shape shape(Random random) {
        long lastBfn = (1L << 28) - 1;
        return new World.Shape(
                random.nextInt(4) != 0,
                lastBfn,
                20 + random.nextInt(40),
                8 + random.nextInt(12),
                1 + random.nextInt(48),
                List.of(LOW_MEMORY, NEXT_MEMORY, HIGH_MEMORY),
                List.of(HYPERVISOR_MFNS),
                List.of(RESERVED_BFNS),
                bfns(lastBfn));
    }

    /** Around the border of a leaf, at powers of two up to the aperture's end, and beyond it. */
    private static List<Long> bfns(long lastBfn) {
        List<Long> bfns = new ArrayList<>();
        for (long bfn = 490; bfn < 538; bfn++) {
            bfns.add(bfn);
        }
        for (int shift = 16; shift < 28; shift++) {
            bfns.add(1L << shift);
        }
        bfns.addAll(List.of(lastBfn, lastBfn + 1, -1L, Long.MIN_VALUE));
        return List.copyOf(bfns);
    }

    Call next() {
        int kind = random.nextInt(16);
        int subOp = kind < 7 ? IommuOp.MAP_PAGE : kind < 14 ? IommuOp.UNMAP_PAGE : IommuOp.LOOKUP_PAGE;
        int count = 1 + random.nextInt(random.nextInt(4) == 0 ? MAX_OPERATIONS : 16);
        int accessible = random.nextInt(32) == 0 ? random.nextInt(count) : count;
        Call call = new Call(subOp, count, accessible);
        fill(call);
        return call;
    }

    /** Runs of random length, so that coalescing and its ends are exercised, with strange operations in between. */
    private void fill(Call call) {
        int i = 0;
        while (i < call.count) {
            int run = 1 + random.nextInt(random.nextBoolean() ? 1 : 12);
            long bfn = anyBfn();
            long mfn = anyMfn();
            int flags = anyFlags();
            for (int k = 0; k < run && i < call.count; k++, i++) {
                call.bfn[i] = bfn + k;
                call.mfn[i] = mfn + k;
                call.flags[i] = flags;
            }
        }
        clampToDomain(call);
    }

    /** Bus frames outside the compared set would escape the comparison. */
    private void clampToDomain(Call call) {
        for (int i = 0; i < call.count; i++) {
            if (!shape.bfns().contains(call.bfn[i])) {
                call.bfn[i] = anyBfn();
            }
        }
    }

    private long anyBfn() {
        return shape.bfns().get(random.nextInt(shape.bfns().size()));
    }

    private long anyMfn() {
        FrameRange mfns = shape.memory().get(random.nextInt(shape.memory().size()));
        return switch (random.nextInt(24)) {
            case 0 -> mfns.last() + 1;
            case 1 -> -1 - random.nextInt(4);
            case 2 -> 1L << (40 + random.nextInt(20));
            default -> mfns.first() + random.nextLong(mfns.count());
        };
    }

    private int anyFlags() {
        return switch (random.nextInt(12)) {
            case 0 -> 0;
            case 1 -> IommuMapOp.WRITEABLE;
            case 2 -> (1 << random.nextInt(32)) | IommuMapOp.READABLE;
            case 3, 4, 5 -> IommuMapOp.READABLE;
            default -> IommuMapOp.READABLE | IommuMapOp.WRITEABLE;
        };
    }
}
