package org.pviommu.host;

import java.util.SplittableRandom;

/** Amount and seed of random tests: {@code -Dops=N -Dseed=N}; what was used is printed, so a failure can be repeated. */
final class RandomTest {
    private static final long DEFAULT_OPS = 2_000_000;

    private RandomTest() {}

    static SplittableRandom random(String test) {
        String given = System.getProperty("seed", "");
        long seed = given.isEmpty() ? System.nanoTime() : Long.parseLong(given);
        System.out.println(test + " seed=" + seed);
        return new SplittableRandom(seed);
    }

    static long ops() {
        return Long.getLong("ops", DEFAULT_OPS);
    }
}
