package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.ARRAY_MFN;
import static org.pviommu.engine.Bench.DATA_MFN;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.TestMemory;

/** The path of an operation allocates nothing on the Java heap, measured and not believed. */
class HotPathAllocationTest {
    /**
     * Until the last compiler is done, code allocates that does not afterwards, and when that is depends on how busy the machine
     * is. Code that allocates keeps doing so, so patience hides nothing.
     */
    private static final long PATIENCE_NS = 60_000_000_000L;

    private static final int OPS = 128;
    private static final int WARM_BATCHES = 20_000;
    private static final int MEASURED_BATCHES = 2_000;

    /** For all measured batches together: what the measuring itself and the runtime may cost. */
    private static final long ALLOWED_BYTES = 4096;

    /** A host that does nothing: what it would allocate is not the engine's. */
    private static final class IdleHost implements HostIommu, HostAddressSpace {
        private final HostCapabilities capabilities = new HostCapabilities("idle", Bench.LAST_BFN, 4096, true);

        @Override
        public HostCapabilities capabilities() {
            return capabilities;
        }

        @Override
        public HostAddressSpace createAddressSpace() {
            return this;
        }

        @Override
        public void onFault(FaultListener listener) {}

        @Override
        public void close() {}

        @Override
        public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
            return 0;
        }

        @Override
        public long unmap(long firstBfn, long pages) {
            return pages;
        }

        @Override
        public int flush(IotlbGather gather) {
            return 0;
        }

        @Override
        public int attach(int endpoint) {
            return 0;
        }

        @Override
        public int detach(int endpoint) {
            return 0;
        }

        @Override
        public void destroy() {}
    }

    enum Pattern {
        ONE_RUN,
        SINGLE_PAGES,
        SCATTERED_TABLES,
        ALL_BAD
    }

    private static Op[] operations(Pattern pattern) {
        Op[] ops = new Op[OPS];
        switch (pattern) {
            case ONE_RUN -> ops = Op.rw(1000, DATA_MFN).run(OPS);
            case SINGLE_PAGES -> {
                List<Op> shuffled =
                        new ArrayList<>(Arrays.asList(Op.rw(1000, DATA_MFN).run(OPS)));
                Collections.shuffle(shuffled, new Random(1));
                ops = shuffled.toArray(ops);
            }
            case SCATTERED_TABLES -> Arrays.setAll(ops, i -> Op.rw(i * 4096L, DATA_MFN + i));
            case ALL_BAD -> Arrays.setAll(ops, i -> Op.rw(Bench.MSI_FIRST + i, DATA_MFN + i));
        }
        return ops;
    }

    @ParameterizedTest
    @EnumSource(Pattern.class)
    void shouldAllocateNothingPerOperation(Pattern pattern) {
        assertAllocatesNothing(driver -> driver.write(operations(pattern)), driver -> {
            driver.call(IommuOp.MAP_PAGE, OPS);
            driver.call(IommuOp.LOOKUP_PAGE, OPS);
            driver.call(IommuOp.UNMAP_PAGE, OPS);
        });
    }

    /** Removals and maps of the same bus frames in turn: each call leaves what the next one removes. */
    @ParameterizedTest
    @ValueSource(ints = {0, IommuOp.F_DEFER})
    void shouldAllocateNothingInMixedCalls(int modifier) {
        MixedOp[] ops = new MixedOp[OPS];
        Arrays.setAll(ops, i -> i % 2 == 0 ? MixedOp.unmap(1000 + i) : MixedOp.map(999 + i, DATA_MFN + i));
        assertAllocatesNothing(driver -> driver.write(ops), driver -> {
            driver.call(IommuOp.cmd(IommuOp.MIXED, modifier, 0), OPS);
            driver.flush(0);
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {0, IommuOp.F_DEFER})
    void shouldAllocateNothingInRangeCalls(int modifier) {
        RangeOp[] ops = new RangeOp[16];
        Arrays.setAll(ops, i -> RangeOp.rw(1000 + 20L * i, DATA_MFN + 15L * i, i));
        assertAllocatesNothing(driver -> driver.write(ops), driver -> {
            driver.call(IommuOp.MAP_RANGE, ops.length);
            driver.call(IommuOp.cmd(IommuOp.UNMAP_RANGE, modifier, 0), ops.length);
            driver.flush(0);
        });
    }

    private static void assertAllocatesNothing(Consumer<GuestDriver> preparation, Consumer<GuestDriver> batch) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        assertTrue(threads.isThreadAllocatedMemoryEnabled());
        try (Engine engine = new Engine(new IdleHost(), BatchLog.none())) {
            EndpointDescriptor endpoint = Bench.endpoint();
            Guest guest = engine.addGuest(1, GuestPolicy.permissive(), List.of(endpoint));
            TestMemory arrays = new TestMemory(1);
            guest.registerMemory(ARRAY_MFN, 1, arrays);
            guest.registerMemory(DATA_MFN, 256, new TestMemory(256));
            try (GuestDriver driver = new GuestDriver(engine, guest, arrays, ARRAY_MFN)) {
                preparation.accept(driver);
                repeat(driver, batch, WARM_BATCHES);
                long done = guest.stats().unmaps() + guest.stats().failures();
                long deadlineNs = System.nanoTime() + PATIENCE_NS;
                long allocated = measure(threads, driver, batch);
                while (allocated > ALLOWED_BYTES && System.nanoTime() < deadlineNs) {
                    allocated = measure(threads, driver, batch);
                }
                assertTrue(allocated <= ALLOWED_BYTES, "allocatedBytes=" + allocated + " max=" + ALLOWED_BYTES);
                assertTrue(guest.stats().unmaps() + guest.stats().failures() > done, "it did something");
                assertEquals(0, guest.stats().heldFrames());
            }
        }
    }

    private static long measure(ThreadMXBean threads, GuestDriver driver, Consumer<GuestDriver> batch) {
        long before = threads.getCurrentThreadAllocatedBytes();
        repeat(driver, batch, MEASURED_BATCHES);
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    private static void repeat(GuestDriver driver, Consumer<GuestDriver> batch, int times) {
        for (int i = 0; i < times; i++) {
            batch.accept(driver);
        }
    }
}
