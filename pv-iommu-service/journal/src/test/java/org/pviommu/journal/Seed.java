package org.pviommu.journal;

/** Seeds of random tests: fixed by name and round, or {@code -Dseed=…}; a failing assertion prints the seed it is given. */
public final class Seed {
    private Seed() {}

    /** The seed of one round of a test; that of the first round is printed. */
    public static long of(String test, int round) {
        String fixed = System.getProperty("seed", "");
        long seed = fixed.isEmpty() ? test.hashCode() * 1_000_003L + round : Long.parseLong(fixed) + round;
        if (round == 0) {
            System.out.println(test + ": seed=" + seed + " (-Dseed=" + seed + " repeats it)");
        }
        return seed;
    }
}
