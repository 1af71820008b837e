package org.pviommu.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
 * A guest that maps and unmaps batches of {@value #BATCH}, with a journal or without. It has 64 MiB; in its first pages are a batch of
 * neighbours, and one in which no operation continues another.
 */
final class JournalCaller implements AutoCloseable {
    static final int BATCH = BareTableBenchmark.BATCH;
    static final long NEIGHBOURS_ADDRESS = 0;
    static final long SCATTERED_ADDRESS = 8 * 4096;

    private static final int PAGES = 1 << 14;
    private static final long FIRST_BFN = 1L << 20;
    private static final long FIRST_MAPPED_MFN = 1L << 12;

    private final @Nullable Path directory;
    private final @Nullable Journal journal;
    private final Engine engine;
    private final Guest guest;
    private final HypercallExecutor executor;

    JournalCaller(boolean recorded) throws IOException {
        NullHost host = new NullHost();
        if (recorded) {
            directory = Files.createTempDirectory(Files.createDirectories(Path.of("target")), "journal-bench");
            Journal opened = Journal.open(JournalSettings.builder(directory.toAbsolutePath())
                    .maxBytes(1L << 28)
                    .reserveWait(Duration.ofSeconds(5)) // a disk that is too slow shows as time, not as refused maps
                    .listener(text -> {}));
            opened.started(Journal.start(host.capabilities(), "benchmark"));
            journal = opened;
            engine = new Engine(host, opened::logOf, () -> false);
        } else {
            directory = null;
            journal = null;
            engine = new Engine(host, BatchLog.none());
        }
        guest = engine.addGuest(1, GuestPolicy.permissive(), List.of());
        executor = new HypercallExecutor(engine, guest);
        MemfdGuestMemory memory = MemfdGuestMemory.create(PAGES);
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

    /** Maps a batch, and unmaps it. */
    long pair(long address) {
        return executor.call(IommuOp.MAP_PAGE, address, BATCH) | executor.call(IommuOp.UNMAP_PAGE, address, BATCH);
    }

    /** Checks that all calls succeeded, and that each was recorded or none was to be. */
    void check() {
        if (guest.stats().failures() != 0 || guest.stats().mappedFrames() != 0) {
            throw new IllegalStateException("not a valid measurement: " + guest.stats());
        }
        if (journal != null && journal.store().lastSequence() < guest.stats().calls()) {
            throw new IllegalStateException("calls=" + guest.stats().calls() + " records="
                    + journal.store().lastSequence() + ", not a valid measurement");
        }
    }

    @Override
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
