package org.pviommu.systemtests.differential;

import java.util.Random;
import java.util.Set;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.FrameRange;

/** Random calls of one guest: mostly sensible, sometimes wrong in each way there is. */
final class RandomCalls {
    private static final int MAX_OPERATIONS = 64;
    private final Random random;
    private final WorldShape shape;
    private final GuestShape guest;
    private final Set<Long> domain;

    RandomCalls(WorldShape shape, GuestShape guest, Random random) {
        this.shape = shape;
        this.guest = guest;
        this.random = random;
        this.domain = Set.copyOf(shape.bfns());
    }

    Call next() {
        return random.nextInt(32) == 0 ? unmapEverything() : anyCall();
    }

    /** Now and then all of an address space goes, so that memory can go, too. */
    private Call unmapEverything() {
        Call call = new Call(IommuOp.UNMAP_RANGE, anyContext(), random.nextBoolean(), 1, 1);
        call.pages[0] = shape.lastBfn() + 1;
        return call;
    }

    private Call anyCall() {
        int subOp = anySubOp();
        int count = subOp == IommuOp.FLUSH ? 0 : 1 + random.nextInt(maxOperations(subOp));
        int accessible = random.nextInt(32) == 0 && count > 0 ? random.nextInt(count) : count;
        Call call = new Call(subOp, anyContext(), canDefer(subOp) && random.nextInt(4) == 0, count, accessible);
        fill(call);
        if (call.subOp == IommuOp.MAP_RANGE || call.subOp == IommuOp.UNMAP_RANGE) {
            fillRanges(call);
        }
        for (int i = 0; i < count; i++) {
            call.target[i] = subOp == IommuOp.FREE_CONTEXT && random.nextInt(8) != 0
                    ? 1 + random.nextInt(guest.maxContexts())
                    : anyContext();
            call.endpoint[i] = anyEndpoint();
        }
        if (subOp == IommuOp.ATTACH_DEVICE) {
            fillAttach(call);
        }
        return call;
    }

    private int anySubOp() {
        int dice = random.nextInt(70);
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
            case 18, 19 -> IommuOp.MAP_RANGE;
            case 6, 7, 8 -> IommuOp.FLUSH;
            case 9, 10 -> IommuOp.LOOKUP_PAGE;
            case 11, 12, 13 -> IommuOp.ALLOC_CONTEXT;
            case 14, 15, 16, 20, 21 -> IommuOp.FREE_CONTEXT;
            default -> IommuOp.ATTACH_DEVICE;
        };
    }

    private static boolean canDefer(int subOp) {
        return subOp == IommuOp.UNMAP_PAGE || subOp == IommuOp.UNMAP_RANGE || subOp == IommuOp.MIXED;
    }

    private int maxOperations(int subOp) {
        return switch (subOp) {
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE -> 4;
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> 8;
            default -> random.nextInt(4) == 0 ? MAX_OPERATIONS : 16;
        };
    }

    /** Mostly the one that always exists, so that enough happens there. */
    private int anyContext() {
        return random.nextInt(3) == 0 ? random.nextInt(guest.maxContexts() + 1) : 0;
    }

    private int anyEndpoint() {
        return random.nextInt(16) == 0
                ? 0x77
                : guest.endpoints()
                        .get(random.nextInt(guest.endpoints().size()))
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
                    && !domain.contains(call.bfn[i] + call.pages[i] - 1)
                    && domain.contains(call.bfn[i])) {
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
            call.endpoint[0] = guest.endpoints().get(1).endpointId();
            call.endpoint[1] = guest.endpoints().get(2).endpointId();
            call.target[1] = call.target[0];
        }
    }

    /** Bus frames outside the compared set would escape the comparison. */
    private void clampToDomain(Call call) {
        for (int i = 0; i < call.count; i++) {
            if (!domain.contains(call.bfn[i])) {
                call.bfn[i] = anyBfn();
            }
        }
    }

    private long anyBfn() {
        return shape.bfns().get(random.nextInt(shape.bfns().size()));
    }

    private long anyMfn() {
        FrameRange mfns = random.nextInt(4) == 0
                ? RandomShapes.GRANTS
                : guest.memory().get(random.nextInt(guest.memory().size()));
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
