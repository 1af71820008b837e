package org.pviommu.benchmarks;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HypercallExecutor;

/**
 * The whole call as a transport makes it, on a host IOMMU that does nothing: checks of the call, copy out of guest memory,
 * locks, ownership and holds, quota, table, runs, flush, release, statuses back into guest memory. No journal.
 * Nanoseconds an operation, the mean of map and unmap.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CallPathBenchmark {
    private static final int BATCH = BareTableBenchmark.BATCH;

    /** A guest with 64 MiB whose first two pages hold the operations. */
    @State(Scope.Thread)
    public static class Caller {
        private static final int PAGES = 1 << 14;
        private static final long ARRAY_ADDRESS = 0;
        private static final long FIRST_BFN = 1L << 20;
        private static final long FIRST_MAPPED_MFN = 1L << 12;

        private final Engine engine = new Engine(new NullHost(), BatchLog.none());
        private final MemfdGuestMemory memory = MemfdGuestMemory.create(PAGES);
        private final Guest guest = engine.addGuest(1, GuestPolicy.permissive(), List.of());
        private final HypercallExecutor executor = new HypercallExecutor(engine, guest);

        /** Registers the memory and writes the operations into it. */
        @Setup
        public void open() {
            Operations.fill(memory.segment(), BATCH, FIRST_BFN, FIRST_MAPPED_MFN);
            guest.registerMemory(0, PAGES, memory);
        }

        /** Maps and unmaps the first {@code n} pages; the or of both return values. */
        final long pair(int n) {
            return executor.call(IommuOp.MAP_PAGE, ARRAY_ADDRESS, n)
                    | executor.call(IommuOp.UNMAP_PAGE, ARRAY_ADDRESS, n);
        }

        /** Checks the last invocation, and that all invocations balance. */
        @TearDown(Level.Iteration)
        public void check() {
            Operations.requireAllOk(memory.segment().asSlice(0, IommuMapOp.SIZE), 1);
            if (guest.stats().failures() != 0 || guest.stats().mappedFrames() != 0) {
                throw new IllegalStateException("not a valid measurement: " + guest.stats());
            }
        }

        /** Takes everything down. */
        @TearDown
        public void close() {
            executor.close();
            engine.close();
        }
    }

    /** A call of 256 maps, then one of 256 unmaps. */
    @Benchmark
    @OperationsPerInvocation(2 * BATCH)
    public long pair(Caller caller) {
        return caller.pair(BATCH);
    }

    /** A call of one map, then one of one unmap. */
    @Benchmark
    @OperationsPerInvocation(2)
    public long pairOfOne(Caller caller) {
        return caller.pair(1);
    }
}
