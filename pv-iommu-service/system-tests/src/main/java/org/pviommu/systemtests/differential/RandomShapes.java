package org.pviommu.systemtests.differential;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.pviommu.engine.FrameRange;

/** Random small worlds of two guests, in which every limit can be reached. */
final class RandomShapes {
    private static final FrameRange LOW_MEMORY = new FrameRange(0, 39);
    /** Directly behind the other region, so that runs of frames cross from one to the other. */
    private static final FrameRange NEXT_MEMORY = new FrameRange(40, 55);

    private static final FrameRange HIGH_MEMORY = new FrameRange(0x8_0000, 0x8_0007);
    private static final FrameRange ARGUMENTS = new FrameRange(0x1000, 0x1001);
    /**
     * Where grants go, directly behind the arguments: an array that runs over their end must not reach into a grant. The last
     * frame is the hypervisor's.
     */
    static final FrameRange GRANTS = new FrameRange(0x1002, 0x1011);

    private static final FrameRange HYPERVISOR_MFNS = new FrameRange(20, 22);
    private static final FrameRange HYPERVISOR_GRANTS = new FrameRange(0x1011, 0x1011);
    private static final FrameRange RESERVED_BFNS = new FrameRange(525, 527);
    private static final int GUESTS = 2;

    private RandomShapes() {}

    static WorldShape world(Random random) {
        long lastBfn = (1L << 28) - 1;
        List<GuestShape> guests = new ArrayList<>();
        for (int id = 1; id <= GUESTS; id++) {
            guests.add(guest(id, random));
        }
        return new WorldShape(random.nextInt(4) != 0, lastBfn, guests, bfns(lastBfn));
    }

    /** A device of its own, and two that share a group. */
    private static GuestShape guest(int id, Random random) {
        int firstEndpoint = id << 8;
        long registered = LOW_MEMORY.count() + NEXT_MEMORY.count() + HIGH_MEMORY.count() + ARGUMENTS.count();
        return new GuestShape(
                id,
                ARGUMENTS,
                registered + 4 + random.nextInt(12),
                20 + random.nextInt(40),
                8 + random.nextInt(16),
                1 + random.nextInt(48),
                2 + random.nextInt(4),
                List.of(LOW_MEMORY, NEXT_MEMORY, HIGH_MEMORY),
                List.of(HYPERVISOR_MFNS, HYPERVISOR_GRANTS),
                List.of(
                        new GuestShape.Endpoint(firstEndpoint + 0x10, 10 * id + 1, List.of(RESERVED_BFNS)),
                        new GuestShape.Endpoint(firstEndpoint + 0x18, 10 * id + 2, List.of()),
                        new GuestShape.Endpoint(firstEndpoint + 0x19, 10 * id + 2, List.of(new FrameRange(536, 536)))));
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
}
