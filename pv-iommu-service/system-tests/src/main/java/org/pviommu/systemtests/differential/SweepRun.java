package org.pviommu.systemtests.differential;

import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.HostIommu;

/**
 * The same world again and again, and each time another call to its host fails: the first one, the second one, until the world ends
 * before the call comes. Everything is compared after each step, and all must be given back at the end, so no single failure may leave
 * engine, tables and holds with different opinions.
 */
public final class SweepRun {
    private static final int STEPS = 100;
    /** Far more calls than a world makes: a guard against a sweep without end. */
    private static final int MAX_CALLS = 100_000;

    private final long seed;
    private final @Nullable HostIommu kernel;
    private final List<Integer> devices;
    private final Coverage coverage = new Coverage();

    /**
     * Prepares a sweep.
     *
     * @param seed repeats it exactly
     * @param kernel a host that has to answer like the simulated one, or null; stays the caller's
     * @param devices its endpoints, which stand for endpoints of guests
     */
    public SweepRun(long seed, @Nullable HostIommu kernel, List<Integer> devices) {
        this.seed = seed;
        this.kernel = kernel;
        this.devices = List.copyOf(devices);
    }

    /**
     * Runs to the end.
     *
     * @return how many calls were made to fail, each in a world of its own
     * @throws AssertionError at the first difference, with seed and call in its message
     */
    public int run() {
        for (int call = 1; call < MAX_CALLS; call++) {
            try {
                if (!failsIn(call)) {
                    return call - 1;
                }
            } catch (Divergence | RuntimeException e) {
                throw new AssertionError("seed=" + seed + " failedCall=" + call + ": " + e.getMessage(), e);
            }
        }
        throw new AssertionError("seed=" + seed + " has no end");
    }

    /** Whether the world got as far as the call. */
    private boolean failsIn(int call) {
        Random random = new Random(seed);
        WorldShape drawn = RandomShapes.world(random);
        WorldShape shape =
                kernel == null ? drawn : drawn.withCuts(kernel.capabilities().cutsMappings());
        try (World world = new World(shape, random.nextLong(), coverage, this::mirrored)) {
            world.failNthCall(call, -IommuStatus.EIO);
            RandomSteps steps = new RandomSteps(world, shape, random);
            for (int i = 0; i < STEPS; i++) {
                steps.next();
            }
            return world.injections() > 0;
        }
    }

    private HostIommu mirrored(HostIommu simulated) {
        return kernel == null ? simulated : new MirroredIommu(simulated, kernel, devices);
    }
}
