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

    /** A small world in which every limit can be reached: a device of its own, and two that share a group. */
    static World.Shape shape(Random random) {
        long lastBfn = (1L << 28) - 1;
        return new World.Shape(
                random.nextInt(4) != 0,
                lastBfn,
                20 + random.nextInt(40),
                8 + random.nextInt(16),
                1 + random.nextInt(48),
                2 + random.nextInt(4),
                List.of(LOW_MEMORY, NEXT_MEMORY, HIGH_MEMORY),
                List.of(HYPERVISOR_MFNS),
                List.of(
                        new World.Endpoint(0x10, 1, List.of(RESERVED_BFNS)),
                        new World.Endpoint(0x18, 2, List.of()),
                        new World.Endpoint(0x19, 2, List.of(new FrameRange(536, 536)))),
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
        int subOp = anySubOp();
        int count = subOp == IommuOp.FLUSH ? 0 : 1 + random.nextInt(maxOperations(subOp));
        int accessible = random.nextInt(32) == 0 && count > 0 ? random.nextInt(count) : count;
        Call call = new Call(subOp, anyContext(), canDefer(subOp) && random.nextInt(4) == 0, count, accessible);
        fill(call);
        if (call.subOp == IommuOp.MAP_RANGE || call.subOp == IommuOp.UNMAP_RANGE) {
            fillRanges(call);
        }
        for (int i = 0; i < count; i++) {
            call.target[i] = anyContext();
            call.endpoint[i] = anyEndpoint();
        }
        if (subOp == IommuOp.ATTACH_DEVICE) {
            fillAttach(call);
        }
        return call;
    }

    private int anySubOp() {
        int dice = random.nextInt(66);
        if (dice < 20) {
            return IommuOp.MAP_PAGE;
        }
        if (dice < 32) {
            return IommuOp.UNMAP_PAGE;
        }
        if (dice < 46) {
            return IommuOp.MIXED;
        }
        return switch (dice - 46) {
            case 0, 1, 2 -> IommuOp.MAP_RANGE;
            case 3, 4, 5 -> IommuOp.UNMAP_RANGE;
            case 6, 7, 8 -> IommuOp.FLUSH;
            case 9, 10 -> IommuOp.LOOKUP_PAGE;
            case 11, 12, 13 -> IommuOp.ALLOC_CONTEXT;
            case 14, 15, 16 -> IommuOp.FREE_CONTEXT;
            default -> IommuOp.ATTACH_DEVICE;
        };
    }

    private static boolean canDefer(int subOp) {
        return subOp == IommuOp.UNMAP_PAGE || subOp == IommuOp.UNMAP_RANGE || subOp == IommuOp.MIXED;
    }

    private int maxOperations(int subOp) {
        return switch (subOp) {
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE -> 4;
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> 6;
            default -> random.nextInt(4) == 0 ? MAX_OPERATIONS : 16;
        };
    }

    /** Mostly the one that always exists, so that enough happens there. */
    private int anyContext() {
        return random.nextInt(3) == 0 ? random.nextInt(shape.maxContexts() + 1) : 0;
    }

    private int anyEndpoint() {
        return random.nextInt(16) == 0
                ? 0x77
                : shape.endpoints()
                        .get(random.nextInt(shape.endpoints().size()))
                        .endpointId();
    }

    /** Runs of random length, so that coalescing and its ends are exercised, with strange operations in between. */
    private void fill(Call call) {
        int i = 0;
        while (i < call.count) {
            int run = 1 + random.nextInt(random.nextBoolean() ? 1 : 12);
            long bfn = anyBfn();
            long mfn = anyMfn();
            int flags = anyFlags();
            int kind = anyKind();
            for (int k = 0; k < run && i < call.count; k++, i++) {
                call.bfn[i] = bfn + k;
                call.mfn[i] = mfn + k;
                call.flags[i] = call.subOp == IommuOp.MIXED ? flags & 0xffff : flags;
                call.kind[i] = kind;
            }
        }
        clampToDomain(call);
        if (call.subOp == IommuOp.MIXED && random.nextBoolean()) {
            alternate(call);
        }
    }

    private int anyKind() {
        int dice = random.nextInt(32);
        return dice == 0 ? random.nextInt(1 << 16) : dice < 16 ? IommuOp.MAP_PAGE : IommuOp.UNMAP_PAGE;
    }

    /** The usual workload of a Dom0: unmap a bus frame, map it to another frame. */
    private static void alternate(Call call) {
        for (int i = 0; i + 1 < call.count; i += 2) {
            call.kind[i] = IommuOp.UNMAP_PAGE;
            call.kind[i + 1] = IommuOp.MAP_PAGE;
            call.bfn[i + 1] = call.bfn[i];
        }
    }

    private void fillRanges(Call call) {
        for (int i = 0; i < call.count; i++) {
            call.pages[i] = switch (random.nextInt(24)) {
                case 0 -> 0;
                case 1 -> -1L - random.nextInt(3);
                case 2 -> 1L << (20 + random.nextInt(44));
                default -> 1 + random.nextInt(16);
            };
        }
        if (call.subOp == IommuOp.MAP_RANGE) {
            keepInDomain(call);
        }
    }

    /** What a range maps must be compared afterwards, so it must not leave the compared bus frames. */
    private void keepInDomain(Call call) {
        for (int i = 0; i < call.count; i++) {
            boolean big = call.pages[i] < 0 || call.pages[i] > 16;
            while (!big
                    && call.pages[i] > 1
                    && !shape.bfns().contains(call.bfn[i] + call.pages[i] - 1)
                    && shape.bfns().contains(call.bfn[i])) {
                call.pages[i]--;
            }
            if (big) {
                call.bfn[i] = shape.lastBfn();
            }
        }
    }

    private void fillAttach(Call call) {
        for (int i = 0; i < call.count; i++) {
            call.flags[i] = random.nextInt(16) == 0 ? 1 : 0;
        }
        if (call.count >= 2 && random.nextBoolean()) { // both members of the group, to one target
            call.endpoint[0] = 0x18;
            call.endpoint[1] = 0x19;
            call.target[1] = call.target[0];
        }
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
