package org.pviommu.systemtests.differential;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** {@code -Dseed=S -Dops=N} choose another run; without a seed each build runs a new one. */
class DifferentialTest {
    private static final long MIN_SEEN = 100;

    @Test
    void shouldAgreeWithTheNaiveModelOnEveryOperation() {
        long operations = Long.getLong("ops", 2_000_000L);
        long seed = seed();
        DifferentialRun run = new DifferentialRun(seed, operations);

        Coverage coverage = run.run();

        System.out.printf(
                "seed=%d operations compared: %d, divergences: 0%n%s%n", seed, run.operationsDone(), coverage.counts());
        assertTrue(run.operationsDone() >= operations);
        assertEquals(Map.of(), coverage.gaps(MIN_SEEN), "seed=" + seed + " was not seen often enough");
    }

    private static long seed() {
        String given = System.getProperty("seed", "");
        long seed = given.isEmpty() ? new Random().nextLong() : Long.parseLong(given);
        System.out.println("differential test: -Dseed=" + seed);
        return seed;
    }
}
