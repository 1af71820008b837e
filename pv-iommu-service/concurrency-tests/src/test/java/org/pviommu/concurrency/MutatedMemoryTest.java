package org.pviommu.concurrency;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.host.SimulatedIommu;

/**
 * Catalogue A07 at length: while a guest makes calls of all kinds that map and unmap, another thread rewrites their operations.
 * What the log was told is what was applied, operation by operation, whatever was in the guest's memory by then.
 */
class MutatedMemoryTest {
    static final int LAST_BFN = 4095;
    /** Frames of the guest; the array lies behind them. Inclusive. */
    static final FrameRange MEMORY = new FrameRange(0x100, 0x1ff);

    private static final FrameRange HYPERVISORS = new FrameRange(0x180, 0x18f);
    private static final FrameRange RESERVED_BFNS = new FrameRange(0x300, 0x3ff);
    private static final FrameRange ARRAY = new FrameRange(0x1000, 0x10ff);
    private static final int ENDPOINT = 8;

    private static final long OPERATIONS = 1_500_000;
    /** A run in which the other thread hardly got to write would prove nothing, so it goes on until it did. */
    private static final long CHANGES = 10_000;
    /** Several slices of the engine. */
    private static final int MAX_OPERATIONS = 10_000;

    private static final int[] SUB_OPS = {
        IommuOp.MAP_PAGE,
        IommuOp.UNMAP_PAGE,
        IommuOp.MIXED,
        IommuOp.MIXED,
        IommuOp.MAP_RANGE,
        IommuOp.UNMAP_RANGE,
        IommuOp.MAP_PAGE
    };

    private record Memory(MemorySegment segment) implements GuestMemory {
        @Override
        public int fileDescriptor() {
            return -1;
        }

        @Override
        public long fileOffsetBytes() {
            return 0;
        }

        @Override
        public void close() {
            // lives as long as the test's arena
        }
    }

    /** The log exists before the engine that tells it, and the memory it looks at before both. */
    private static Guest addGuest(Engine engine, MemorySegment array, MemorySegment data) {
        GuestPolicy policy = new GuestPolicy(true, true, 1 << 16, 1 << 16, 64, 700, 1, List.of(HYPERVISORS));
        ReservedRegion msi = new ReservedRegion(RESERVED_BFNS, ReservedRegion.Kind.MSI);
        Guest guest = engine.addGuest(1, policy, List.of(new EndpointDescriptor(ENDPOINT, List.of(msi))));
        guest.registerMemory(MEMORY.first(), MEMORY.count(), new Memory(data));
        guest.registerMemory(ARRAY.first(), ARRAY.count(), new Memory(array));
        return guest;
    }

    private static long seed() {
        String given = System.getProperty("seed", "");
        long seed = given.isEmpty() ? new Random().nextLong() : Long.parseLong(given);
        System.out.println("MutatedMemoryTest: -Dseed=" + seed);
        return seed;
    }

    @Test
    @Timeout(300) // only a hang guard
    void A07_whatWasRecordedIsWhatWasApplied() throws InterruptedException {
        long seed = seed();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment array = arena.allocate(ARRAY.count() << 12, 4096);
            MemorySegment data = arena.allocate(MEMORY.count() << 12, 4096);
            ReplayLog log = new ReplayLog(LAST_BFN, MEMORY, HYPERVISORS, RESERVED_BFNS, array, MAX_OPERATIONS);
            Mutator mutator = new Mutator(array, MAX_OPERATIONS, seed + 1);
            Thread otherProcessor = Thread.ofPlatform().name("mutator").start(mutator);
            try {
                run(log, mutator, array, data, new SplittableRandom(seed));
            } finally {
                mutator.stop();
                otherProcessor.join();
            }
        }
    }

    private static void run(
            ReplayLog log, Mutator mutator, MemorySegment array, MemorySegment data, SplittableRandom random) {
        SimulatedIommu host =
                new SimulatedIommu(SimulatedIommu.Settings.defaults().withLastBfn(LAST_BFN));
        try (Engine engine = new Engine(host, log)) {
            Guest guest = addGuest(engine, array, data);
            try (HypercallExecutor executor = new HypercallExecutor(engine, guest)) {
                while (log.operations() < OPERATIONS || log.changedMeanwhile() < CHANGES) {
                    int subOp = SUB_OPS[random.nextInt(SUB_OPS.length)];
                    int count = 1 + random.nextInt(random.nextInt(4) == 0 ? MAX_OPERATIONS : 600);
                    mutator.use(subOp);
                    for (int i = 0; i < count; i++) {
                        mutator.writeElement(subOp, i, random);
                    }
                    log.beginCall();
                    assertEquals(0, executor.call(subOp, ARRAY.first() << 12, count), IommuOp.name(subOp));
                    log.compare(guest.ownSpace(), subOp, count);
                }
                long hostPages = host.areas(ENDPOINT).stream()
                        .mapToLong(area -> area.pages())
                        .sum();
                assertEquals(guest.ownSpace().mappedPages(), hostPages, "pages of the host");
            }
        }
        System.out.println("MutatedMemoryTest: operations=" + log.operations() + " changed after they were copied="
                + log.changedMeanwhile());
    }
}
