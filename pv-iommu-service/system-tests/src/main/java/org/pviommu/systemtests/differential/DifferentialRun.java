package org.pviommu.systemtests.differential;

import java.io.PrintStream;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.HostIommu;

/**
 * Runs random steps in random worlds until enough operations were compared; the first difference ends it with everything
 * needed to see it again.
 *
 * <p>{@code java … DifferentialRun --seed S --ops N}, or {@code --world-seed W} for one world of a run, prints what was covered and exits 0, or prints the difference and
 * exits 1.
 */
public final class DifferentialRun {
    private static final int STEPS_PER_WORLD = 700;
    private static final int STEPS_BETWEEN_MOODS = 25;
    private static final long OPERATIONS_BETWEEN_REPORTS = 10_000_000;

    private final long seed;
    private final long operations;
    private final Coverage coverage = new Coverage();
    private final @Nullable HostIommu kernel;
    private final List<Integer> devices;
    private long done;

    /**
     * Prepares a run.
     *
     * @param seed repeats a run exactly
     * @param operations how many operations to compare at least
     */
    public DifferentialRun(long seed, long operations) {
        this(seed, operations, null, List.of());
    }

    /**
     * Prepares a run in which a host beside the simulated one has to answer as it does.
     *
     * @param kernel the other host, which stays the caller's
     * @param devices its endpoints, which stand for endpoints of guests
     */
    public DifferentialRun(long seed, long operations, @Nullable HostIommu kernel, List<Integer> devices) {
        this.seed = seed;
        this.operations = operations;
        this.kernel = kernel;
        this.devices = List.copyOf(devices);
    }

    /**
     * Runs to the end.
     *
     * @throws AssertionError at the first difference, with seed, world and operation in its message
     */
    public Coverage run() {
        Random worlds = new Random(seed);
        long nextReport = OPERATIONS_BETWEEN_REPORTS;
        for (int world = 0; done < operations; world++) {
            long worldSeed = worlds.nextLong();
            if (done >= nextReport) {
                System.out.println("operations compared so far: " + done);
                nextReport += OPERATIONS_BETWEEN_REPORTS;
            }
            try {
                runWorld(worldSeed);
            } catch (Divergence | RuntimeException e) {
                throw new AssertionError(
                        "seed=" + seed + " world=" + world + " worldSeed=" + worldSeed + " operation=" + done + ": "
                                + e.getMessage(),
                        e);
            }
        }
        return coverage;
    }

    private void runWorld(long worldSeed) {
        Random random = new Random(worldSeed);
        WorldShape drawn = RandomShapes.world(random);
        WorldShape shape = kernel == null ? drawn : drawn.withCuts(cuts(kernel));
        try (World world = new World(shape, random.nextLong(), coverage, this::mirrored)) {
            RandomSteps steps = new RandomSteps(world, shape, random);
            for (int i = 0; i < STEPS_PER_WORLD; i++) {
                if (i % STEPS_BETWEEN_MOODS == 0) {
                    changeMood(world, random);
                }
                done += steps.next();
            }
        }
    }

    private HostIommu mirrored(HostIommu simulated) {
        return kernel == null ? simulated : new MirroredIommu(simulated, kernel, devices);
    }

    private static boolean cuts(HostIommu host) {
        return host.capabilities().cutsMappings();
    }

    /** Most of the time the host behaves; bugs that need a healthy host would otherwise drown. */
    private static void changeMood(World world, Random random) {
        world.behave();
        switch (random.nextInt(4)) {
            case 0 -> world.misbehave(0.03);
            case 1 -> world.misbehave(0.25);
            default -> {
                // behaves
            }
        }
    }

    /** How many operations were compared. */
    public long operationsDone() {
        return done;
    }

    /** Runs from the command line. */
    public static void main(String[] args) {
        try {
            long seed = Long.parseLong(option(args, "--seed", Long.toString(new Random().nextLong())));
            long ops = Long.parseLong(option(args, "--ops", "2000000"));
            String worldSeed = option(args, "--world-seed", "");
            long world = worldSeed.isEmpty() ? 0 : Long.parseLong(worldSeed);
            DifferentialRun run = new DifferentialRun(seed, ops);
            System.exit(worldSeed.isEmpty() ? report(run, run::run) : report(run, () -> run.runOneWorld(world)));
        } catch (NumberFormatException e) {
            System.err.println("selftest: not a number: " + e.getMessage());
            System.err.println("usage: selftest [--ops N] [--seed S] [--world-seed W]");
            System.exit(2);
        }
    }

    /** Only the world that a message named. */
    private void runOneWorld(long worldSeed) {
        try {
            runWorld(worldSeed);
        } catch (Divergence | RuntimeException e) {
            throw new AssertionError("worldSeed=" + worldSeed + " operation=" + done + ": " + e.getMessage(), e);
        }
    }

    private static int report(DifferentialRun run, Runnable how) {
        PrintStream out = System.out;
        out.println("seed=" + run.seed + " ops=" + run.operations);
        try {
            how.run();
            run.coverage.counts().forEach((what, count) -> out.println(what + ": " + count));
        } catch (AssertionError e) {
            out.println("DIVERGED " + e.getMessage());
            return 1;
        }
        out.println("operations compared: " + run.done + ", divergences: 0");
        return 0;
    }

    private static String option(String[] args, String name, String otherwise) {
        for (int i = 0; i + 1 < args.length; i++) {
            if (args[i].equals(name)) {
                return args[i + 1];
            }
        }
        return otherwise;
    }
}
