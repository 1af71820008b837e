package org.pviommu.concurrency;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuMixedOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;

/**
 * Writes operations of a guest: the guest's own before a call, and those of a second virtual CPU that rewrites inputs of the same
 * array all the time. It never writes outputs, so each status that is found is the service's.
 *
 * <p>{@link #run} is the second CPU's thread; the other methods are for the guest's.
 */
final class Mutator implements Runnable {
    private final MemorySegment array;
    private final int maxOperations;
    private final long seed;
    /** What the array is meant to be, and what the second CPU takes it for. */
    private volatile int wanted = IommuOp.MAP_PAGE;

    private volatile int used = IommuOp.MAP_PAGE;
    private volatile boolean stopped;

    Mutator(MemorySegment array, int maxOperations, long seed) {
        this.array = array;
        this.maxOperations = maxOperations;
        this.seed = seed;
    }

    /** From now on the array holds operations of {@code subOp}; returns when the second CPU knows. */
    void use(int subOp) {
        wanted = subOp;
        while (used != subOp && !stopped) {
            Thread.onSpinWait();
        }
    }

    void stop() {
        stopped = true;
    }

    @Override
    public void run() {
        SplittableRandom random = new SplittableRandom(seed);
        try {
            while (!stopped) {
                int subOp = wanted;
                used = subOp;
                for (int i = 0; i < 32; i++) {
                    long at = (long) random.nextInt(maxOperations) * IommuOp.elementBytes(subOp);
                    writeField(subOp, at, random.nextInt(4), random);
                }
            }
        } finally {
            stopped = true;
        }
    }

    /** Writes all inputs of an element. */
    void writeElement(int subOp, int index, SplittableRandom random) {
        long at = (long) index * IommuOp.elementBytes(subOp);
        for (int field = 0; field < 4; field++) {
            writeField(subOp, at, field, random);
        }
    }

    private void writeField(int subOp, long at, int field, SplittableRandom random) {
        switch (subOp) {
            case IommuOp.MIXED -> {
                switch (field) {
                    case 0 -> IommuMixedOp.putBfn(array, at, bfn(random));
                    case 1 -> IommuMixedOp.putMfn(array, at, mfn(random));
                    case 2 -> IommuMixedOp.putFlags(array, at, flags(random));
                    default -> IommuMixedOp.putSubop(array, at, kind(random));
                }
            }
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> {
                switch (field) {
                    case 0 -> IommuRangeOp.putBfn(array, at, bfn(random));
                    case 1 -> IommuRangeOp.putMfn(array, at, mfn(random));
                    case 2 -> IommuRangeOp.putFlags(array, at, flags(random));
                    default -> IommuRangeOp.putNrPages(array, at, pages(random));
                }
            }
            default -> {
                switch (field) {
                    case 0 -> IommuMapOp.putBfn(array, at, bfn(random));
                    case 1 -> IommuMapOp.putMfn(array, at, mfn(random));
                    default -> IommuMapOp.putFlags(array, at, flags(random));
                }
            }
        }
    }

    private static long bfn(SplittableRandom random) {
        return random.nextInt(32) == 0 ? random.nextLong() : random.nextInt(MutatedMemoryTest.LAST_BFN + 2);
    }

    private static long mfn(SplittableRandom random) {
        return random.nextInt(32) == 0
                ? random.nextLong()
                : MutatedMemoryTest.MEMORY.first() + random.nextLong(MutatedMemoryTest.MEMORY.count() + 1);
    }

    private static int flags(SplittableRandom random) {
        return random.nextInt(32) == 0 ? random.nextInt(8) : 1 + 2 * random.nextInt(2);
    }

    private static int kind(SplittableRandom random) {
        return random.nextInt(64) == 0 ? random.nextInt(1 << 16) : IommuOp.MAP_PAGE + random.nextInt(2);
    }

    private static long pages(SplittableRandom random) {
        return random.nextInt(64) == 0 ? random.nextLong() : random.nextInt(6);
    }
}
