package org.pviommu.systemtests.differential;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Each call to the host fails once; on the simulated host. In a virtual machine the same runs with a kernel beside it. */
class SweepTest {
    @Test
    void shouldSurviveEverySingleFailureOfTheHost() {
        String given = System.getProperty("seed", "");
        long seed = given.isEmpty() ? new Random().nextLong() : Long.parseLong(given);
        System.out.println("seed=" + seed);

        int failedCalls = new SweepRun(seed, null, List.of()).run();

        assertTrue(failedCalls >= 20, "seed=" + seed + " failedCalls=" + failedCalls);
    }
}
