package org.pviommu.systemtests.differential;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.FrameRange;

/**
 * All sequences of up to {@value #STEPS} steps over 3 bus frames and 3 frames: 9 maps, 3 unmaps, 3 lookups and a host that
 * fails its next flush. Most crash bugs need no more than three operations (CrashMonkey).
 *
 * <p>Each sequence is run twice: every step a call of its own, and neighbours of one kind as one call. After each call the
 * {@link World} compares everything with the model.
 */
class SmallScopeTest {
    private static final int STEPS = 4;
    private static final int FRAMES = 3;
    private static final int MAPS = FRAMES * FRAMES;
    private static final int UNMAPS = MAPS + FRAMES;
    private static final int LOOKUPS = UNMAPS + FRAMES;
    private static final int LETTERS = LOOKUPS + 1;
    private static final int FLUSH_ATTEMPTS = 3;

    /** The three bus frames lie around the border of two leaves; the bound on held frames is reached by the second removal. */
    private static final World.Shape SHAPE = new World.Shape(
            true,
            1023,
            3,
            5,
            1,
            List.of(new FrameRange(0, 1), new FrameRange(2, 2)),
            List.of(),
            List.of(),
            List.of(511L, 512L, 513L));

    @Test
    void shouldHoldForAllSequencesStepByStep() {
        assertEquals(sequences(), runAll(false));
    }

    @Test
    void shouldHoldForAllSequencesWithNeighboursInOneCall() {
        assertEquals(sequences(), runAll(true));
    }

    private static long sequences() {
        long all = 0;
        long ofLength = 1;
        for (int length = 1; length <= STEPS; length++) {
            ofLength *= LETTERS;
            all += ofLength;
        }
        return all;
    }

    private static long runAll(boolean joined) {
        long run = 0;
        try (World world = new World(SHAPE, 1, new Coverage())) {
            int[] steps = new int[STEPS];
            for (int length = 1; length <= STEPS; length++) {
                run += runAllOfLength(world, steps, 0, length, joined);
            }
        }
        return run;
    }

    private static long runAllOfLength(World world, int[] steps, int position, int length, boolean joined) {
        if (position == length) {
            runOne(world, steps, length, joined);
            return 1;
        }
        long run = 0;
        for (int letter = 0; letter < LETTERS; letter++) {
            steps[position] = letter;
            run += runAllOfLength(world, steps, position + 1, length, joined);
        }
        return run;
    }

    private static void runOne(World world, int[] steps, int length, boolean joined) {
        int from = 0;
        while (from < length) {
            int to = from + 1;
            while (joined && to < length && subOp(steps[to]) == subOp(steps[from])) {
                to++;
            }
            step(world, steps, from, to);
            from = to;
        }
        world.behave();
        world.clear();
    }

    private static void step(World world, int[] steps, int from, int to) {
        int subOp = subOp(steps[from]);
        if (subOp == 0) {
            world.failNextFlushes(FLUSH_ATTEMPTS);
            return;
        }
        Call call = new Call(subOp, to - from, to - from);
        for (int i = from; i < to; i++) {
            call.bfn[i - from] = SHAPE.bfns().get(steps[i] % FRAMES);
            call.mfn[i - from] = steps[i] < MAPS ? steps[i] / FRAMES : 0;
            call.flags[i - from] = IommuMapOp.READABLE | IommuMapOp.WRITEABLE;
        }
        world.execute(call, true);
    }

    /** 0 stands for "the next flush fails". */
    private static int subOp(int letter) {
        if (letter < MAPS) {
            return IommuOp.MAP_PAGE;
        }
        if (letter < UNMAPS) {
            return IommuOp.UNMAP_PAGE;
        }
        return letter < LOOKUPS ? IommuOp.LOOKUP_PAGE : 0;
    }
}
