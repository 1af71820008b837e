package org.pviommu.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.pviommu.abi.IommuMapOp;

/**
 * The bare table, C and Java side by side, sequential 4 KiB pages in batches of 256, hot; nanoseconds an operation.
 *
 * <p>{@code pair} maps and unmaps one batch over and over: 6 KiB of operations and 2 KiB of entries stay in the first-level
 * cache. {@code map} and {@code unmap} are timed apart, which needs the other one between the timings: 16 batches of the
 * same table are timed at once, so that reading the clock (about 40 ns) stays below 1 %; their 128 KiB are in the
 * second-level cache.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class BareTableBenchmark {
    static final int BATCH = 256;
    static final int BATCHES = 16;
    private static final int ALL = BATCH * BATCHES;
    /** A 2 MiB boundary, so that a batch lies in one leaf and 16 batches in eight. */
    private static final long FIRST_BFN = 1L << 20;

    private static final long FIRST_MFN = 1L << 18;

    /** A table of the side under test and operations for it. */
    @State(Scope.Thread)
    public static class Tables {
        /** {@code c} or {@code java}. */
        @Param({"c", "java"})
        public String side = "";

        private final Arena arena = Arena.ofShared();
        private final MemorySegment operations = Operations.sequential(arena, ALL, FIRST_BFN, FIRST_MFN);
        private final MemorySegment[] batches = split(operations);

        @SuppressWarnings("NullAway.Init") // JMH calls open() before anything else
        private PageTable table;

        private static MemorySegment[] split(MemorySegment operations) {
            MemorySegment[] batches = new MemorySegment[BATCHES];
            long batchBytes = (long) BATCH * IommuMapOp.SIZE;
            for (int i = 0; i < BATCHES; i++) {
                batches[i] = operations.asSlice(i * batchBytes, batchBytes);
            }
            return batches;
        }

        /** Opens the table. */
        @Setup
        public void open() {
            table = PageTable.open(side);
        }

        final void mapAll() {
            for (MemorySegment batch : batches) {
                table.map(batch, BATCH);
            }
        }

        final void unmapAll() {
            for (MemorySegment batch : batches) {
                table.unmap(batch, BATCH);
            }
        }

        /** Maps and unmaps the first {@code n} operations. */
        final void pair(int n) {
            table.map(batches[0], n);
            table.unmap(batches[0], n);
        }

        /** The last batch has to have done what it was timed for. */
        final void requireAllOk(int n) {
            Operations.requireAllOk(operations, n);
        }

        /** Closes the table. */
        @TearDown
        public void close() {
            table.close();
            arena.close();
        }
    }

    /** Nothing is mapped when the clock starts. */
    public static class Unmapped extends Tables {
        /** Undoes the last invocation; the first time there is nothing to undo. */
        @Setup(Level.Invocation)
        public void reset() {
            unmapAll();
        }

        /** Checks the last invocation. */
        @TearDown(Level.Iteration)
        public void check() {
            requireAllOk(ALL);
        }
    }

    /** All pages are mapped when the clock starts. */
    public static class Mapped extends Tables {
        /** Undoes the last invocation. */
        @Setup(Level.Invocation)
        public void reset() {
            mapAll();
        }

        /** Checks the last invocation. */
        @TearDown(Level.Iteration)
        public void check() {
            requireAllOk(ALL);
        }
    }

    /** 16 batches of maps. */
    @Benchmark
    @OperationsPerInvocation(ALL)
    public void map(Unmapped tables) {
        tables.mapAll();
    }

    /** 16 batches of unmaps. */
    @Benchmark
    @OperationsPerInvocation(ALL)
    public void unmap(Mapped tables) {
        tables.unmapAll();
    }

    /** A batch of maps, then of unmaps; the figure is the mean of both. */
    @Benchmark
    @OperationsPerInvocation(2 * BATCH)
    public void pair(CheckedPair tables) {
        tables.pair(BATCH);
    }

    /** A batch of one map, then of one unmap; the figure is the mean of both. */
    @Benchmark
    @OperationsPerInvocation(2)
    public void pairOfOne(CheckedPair tables) {
        tables.pair(1);
    }

    /** For pairs, which leave the table as they found it. */
    public static class CheckedPair extends Tables {
        /** Checks the last invocation, whichever size its batch had. */
        @TearDown(Level.Iteration)
        public void check() {
            requireAllOk(1);
        }
    }
}
