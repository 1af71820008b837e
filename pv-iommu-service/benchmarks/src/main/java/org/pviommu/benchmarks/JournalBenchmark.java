package org.pviommu.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.journal.Journal;
import org.pviommu.journal.store.JournalSettings;

/**
 * The whole call with and without the journal: the record is encoded and lies in the ring when the call returns, a thread of its own
 * moves it to the disk meanwhile. Nanoseconds an operation, the mean of map and unmap, batches of 256.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class JournalBenchmark {
    private static final int BATCH = BareTableBenchmark.BATCH;

    /** A guest with 64 MiB; its first pages hold a batch of neighbours, and one in which no operation continues another. */
    @State(Scope.Thread)
    public static class Caller {
        private static final int PAGES = 1 << 14;
        private static final long SEQUENTIAL_ADDRESS = 0;
        private static final long SCATTERED_ADDRESS = 8 * 4096;
        private static final long FIRST_BFN = 1L << 20;
        private static final long FIRST_MAPPED_MFN = 1L << 12;

        @Param({"off", "on"})
        String side = "off";

        private final MemfdGuestMemory memory = MemfdGuestMemory.create(PAGES);
        private @Nullable Path directory;
        private @Nullable Journal journal;
        private Engine engine = new Engine(new NullHost(), BatchLog.none());
        private Guest guest = engine.addGuest(1, GuestPolicy.permissive(), List.of());
        private HypercallExecutor executor = new HypercallExecutor(engine, guest);

        /** Opens a journal where it is wanted, and writes the operations into the guest's memory. */
        @Setup
        public void open() {
            if (side.equals("on")) {
                useJournal();
            }
            Operations.fill(memory.segment(), BATCH, FIRST_BFN, FIRST_MAPPED_MFN);
            for (int i = 0; i < BATCH; i++) {
                Operations.fill(
                        memory.segment().asSlice(SCATTERED_ADDRESS + (long) i * IommuMapOp.SIZE, IommuMapOp.SIZE),
                        1,
                        FIRST_BFN + 2L * i,
                        FIRST_MAPPED_MFN + 3L * i);
            }
            guest.registerMemory(0, PAGES, memory);
        }

        private void useJournal() {
            executor.close();
            engine.close();
            try {
                directory = Files.createTempDirectory(Path.of("target"), "journal-bench");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            Journal opened = Journal.open(JournalSettings.builder(directory.toAbsolutePath())
                    .maxBytes(1L << 28)
                    .reserveWait(Duration.ofSeconds(5)) // a disk that is too slow shows as time, not as refused maps
                    .listener(text -> {}));
            NullHost host = new NullHost();
            opened.started(Journal.start(host.capabilities(), "benchmark"));
            journal = opened;
            engine = new Engine(host, opened::logOf, () -> false);
            guest = engine.addGuest(1, GuestPolicy.permissive(), List.of());
            executor = new HypercallExecutor(engine, guest);
        }

        final long pair(long address) {
            return executor.call(IommuOp.MAP_PAGE, address, BATCH) | executor.call(IommuOp.UNMAP_PAGE, address, BATCH);
        }

        /** Checks that all invocations balance, and that each was recorded or none was to be. */
        @TearDown(Level.Iteration)
        public void check() {
            if (guest.stats().failures() != 0 || guest.stats().mappedFrames() != 0) {
                throw new IllegalStateException("not a valid measurement: " + guest.stats());
            }
            if (journal != null
                    && journal.store().lastSequence() < guest.stats().calls()) {
                throw new IllegalStateException("calls=" + guest.stats().calls() + " records="
                        + journal.store().lastSequence() + ", not a valid measurement");
            }
        }

        /** Takes everything down. */
        @TearDown
        public void close() throws IOException {
            executor.close();
            if (journal != null) {
                journal.stopped();
            }
            engine.close();
            if (journal != null && directory != null) {
                System.out.println("journal: " + journal.store().stats());
                journal.close();
                try (Stream<Path> files = Files.walk(directory)) {
                    for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(file);
                    }
                }
            }
        }
    }

    /** 256 maps and 256 unmaps of neighbours. */
    @Benchmark
    @OperationsPerInvocation(2 * BATCH)
    public long sequential(Caller caller) {
        return caller.pair(Caller.SEQUENTIAL_ADDRESS);
    }

    /** 256 maps and 256 unmaps that are a run of their own each. */
    @Benchmark
    @OperationsPerInvocation(2 * BATCH)
    public long scattered(Caller caller) {
        return caller.pair(Caller.SCATTERED_ADDRESS);
    }
}
