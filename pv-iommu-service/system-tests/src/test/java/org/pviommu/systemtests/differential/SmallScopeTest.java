package org.pviommu.systemtests.differential;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.FrameRange;

/**
 * All sequences of up to 4 steps ({@code -Dsteps=5} for more) over 3 bus frames, 3 frames and 2 address spaces: 18 maps, 3
 * unmaps in the first address space, 3 deferred ones in the second, a flush of each, and a host that fails its next flush. Most
 * crash bugs need no more than three operations (CrashMonkey).
 *
 * <p>Sequences are run with every step a call of its own, and one step shorter with neighbours of one kind as one call. After
 * each call the {@link World} compares everything with the model.
 */
class SmallScopeTest {
    private static final int STEPS = Integer.getInteger("steps", 4);
    private static final int FRAMES = 3;
    private static final int SPACES = 2;
    private static final int MAPS = SPACES * FRAMES * FRAMES;
    private static final int UNMAPS = MAPS + SPACES * FRAMES;
    private static final int FLUSHES = UNMAPS + SPACES;
    private static final int FAIL = FLUSHES;
    private static final int LETTERS = FAIL + 1;
    private static final int FLUSH_ATTEMPTS = 3;
    private static final int SECOND_ENDPOINT = 0x18;

    /** The three bus frames lie around the border of two leaves; the bound on held frames is reached by the second removal. */
    private static final GuestShape GUEST = new GuestShape(
            1,
            new FrameRange(0x1000, 0x1001),
            5,
            3,
            10,
            1,
            SPACES,
            List.of(new FrameRange(0, 1), new FrameRange(2, 2)),
            List.of(),
            List.of(
                    new GuestShape.Endpoint(0x10, 1, List.of()),
                    new GuestShape.Endpoint(SECOND_ENDPOINT, 2, List.of())));

    private static final WorldShape SHAPE = new WorldShape(true, 1023, List.of(GUEST), List.of(511L, 512L, 513L));

    @Test
    void shouldHoldForAllSequencesStepByStep() {
        assertEquals(sequences(STEPS), runAll(STEPS, false));
    }

    @Test
    void shouldHoldForAllSequencesWithNeighboursInOneCall() {
        assertEquals(sequences(STEPS - 1), runAll(STEPS - 1, true));
    }

    private static long sequences(int steps) {
        long all = 0;
        long ofLength = 1;
        for (int length = 1; length <= steps; length++) {
            ofLength *= LETTERS;
            all += ofLength;
        }
        return all;
    }

    private static long runAll(int maxSteps, boolean joined) {
        long run = 0;
        try (World world = new World(SHAPE, 1, new Coverage())) {
            world.call(1, Call.of(IommuOp.ALLOC_CONTEXT, 1), true, true);
            Call attach = Call.of(IommuOp.ATTACH_DEVICE, 1);
            attach.endpoint[0] = SECOND_ENDPOINT;
            attach.target[0] = 1;
            world.call(1, attach, true, true);
            for (int length = 1; length <= maxSteps; length++) {
                run += runAllOfLength(world, new int[length], 0, joined);
            }
        }
        return run;
    }

    private static long runAllOfLength(World world, int[] steps, int position, boolean joined) {
        if (position == steps.length) {
            runOne(world, steps, joined);
            return 1;
        }
        long run = 0;
        for (int letter = 0; letter < LETTERS; letter++) {
            steps[position] = letter;
            run += runAllOfLength(world, steps, position + 1, joined);
        }
        return run;
    }

    private static void runOne(World world, int[] steps, boolean joined) {
        int from = 0;
        while (from < steps.length) {
            int to = from + 1;
            while (joined && to < steps.length && canJoin(steps[from], steps[to])) {
                to++;
            }
            step(world, steps, from, to);
            from = to;
        }
        world.behave();
        world.clear(1);
    }

    private static boolean canJoin(int first, int next) {
        return subOp(first) == subOp(next) && space(first) == space(next) && first < UNMAPS;
    }

    private static void step(World world, int[] steps, int from, int to) {
        int letter = steps[from];
        if (letter == FAIL) {
            world.failNextFlushes(FLUSH_ATTEMPTS);
            return;
        }
        int subOp = subOp(letter);
        int count = subOp == IommuOp.FLUSH ? 0 : to - from;
        Call call = new Call(subOp, space(letter), subOp == IommuOp.UNMAP_PAGE && space(letter) == 1, count, count);
        for (int i = 0; i < count; i++) {
            int pages = steps[from + i] / SPACES;
            call.bfn[i] = SHAPE.bfns().get(pages % FRAMES);
            call.mfn[i] = subOp == IommuOp.MAP_PAGE ? pages / FRAMES : 0;
            call.flags[i] = IommuMapOp.READABLE | IommuMapOp.WRITEABLE;
        }
        world.call(1, call, true, true);
    }

    private static int space(int letter) {
        return letter % SPACES;
    }

    private static int subOp(int letter) {
        if (letter < MAPS) {
            return IommuOp.MAP_PAGE;
        }
        if (letter < UNMAPS) {
            return IommuOp.UNMAP_PAGE;
        }
        return letter < FLUSHES ? IommuOp.FLUSH : 0;
    }
}
