package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.ARRAY_MFN;
import static org.pviommu.engine.Bench.DATA_MFN;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordedSlice;
import org.pviommu.engine.support.TestMemory;

/** The rows of the fault catalogue that need a second thread of the guest. */
class CatalogueARaceTest {
    private static final int OPS = 64;
    private static final int BFNS = 96;

    /** Runs tasks at the same time and passes on what the first of them to fail threw. */
    static void together(List<Callable<Void>> tasks) throws InterruptedException, ExecutionException, TimeoutException {
        CyclicBarrier start = new CyclicBarrier(tasks.size());
        try (ExecutorService threads = Executors.newFixedThreadPool(tasks.size())) {
            List<Future<Void>> running = new ArrayList<>();
            for (Callable<Void> task : tasks) {
                running.add(threads.submit(() -> {
                    start.await();
                    return task.call();
                }));
            }
            for (Future<Void> one : running) {
                one.get(120, TimeUnit.SECONDS); // only a guard against a hang
            }
        }
    }

    /** What the log says was applied, applied to a model. */
    private static final class Replay {
        final Map<Long, Op> model = new HashMap<>();

        void apply(RecordedSlice slice) {
            for (int i = 0; i < slice.operations(); i++) {
                if (slice.status(i) == 0) {
                    applyOne(slice, i);
                }
            }
        }

        private void applyOne(RecordedSlice slice, int i) {
            if (slice.subOp() == IommuOp.MAP_PAGE) {
                Op op = new Op(slice.bfn(i), slice.mfn(i), slice.flags(i));
                assertNull(model.put(op.bfn(), op), "mapped twice: " + op);
                assertTrue(op.flags() == 1 || op.flags() == 3, "applied " + op);
            } else {
                assertTrue(model.remove(slice.bfn(i)) != null, "unmapped but not mapped: bfn=" + slice.bfn(i));
            }
        }

        void assertEqualTo(Bench bench) {
            assertEquals(model.size(), bench.space().mappedPages());
            model.values()
                    .forEach(op -> assertEquals(
                            new Translation(op.bfn(), op.mfn(), op.flags()),
                            bench.space().translate(op.bfn())));
        }
    }

    private static void scribble(GuestDriver driver, Random random) {
        int index = random.nextInt(OPS);
        long at = (long) index * IommuMapOp.SIZE;
        IommuMapOp.putBfn(driver.memory(), at, random.nextInt(BFNS));
        IommuMapOp.putMfn(driver.memory(), at, DATA_MFN + random.nextInt(256));
        IommuMapOp.putFlags(driver.memory(), at, random.nextInt(4));
    }

    /** The guest rewrites its array at each moment at which the engine calls out: certain to hit each call. */
    @Test
    void A07_anArrayRewrittenAfterTheCopyChangesNothing() {
        Random random = new Random(Seed.of("A07", 0));
        try (Bench bench = new Bench()) {
            Replay replay = new Replay();
            Runnable rewriteAll = () -> {
                for (int i = 0; i < OPS; i++) {
                    bench.driver.writeOne(i, Op.rw(1000 + random.nextInt(BFNS), DATA_MFN + 1000), 0);
                }
            };
            bench.log.observeReservations(rewriteAll);
            bench.host.observe(call -> rewriteAll.run());
            bench.log.observeCommits(replay::apply);
            for (int call = 0; call < 200; call++) {
                for (int i = 0; i < OPS; i++) {
                    bench.driver.writeOne(i, Op.rw(random.nextInt(BFNS), DATA_MFN + random.nextInt(256)), 0);
                }
                assertEquals(0, bench.driver.call(call % 2 == 0 ? IommuOp.MAP_PAGE : IommuOp.UNMAP_PAGE, OPS));
                replay.assertEqualTo(bench);
            }
            assertTrue(replay.model.keySet().stream().allMatch(bfn -> bfn < BFNS));
        }
    }

    @Test
    void A07_whatTheLogRecordedIsWhatWasAppliedWhateverAnotherThreadWrites() throws Exception {
        long seed = Seed.of("A07 threads", 0);
        try (Bench bench = new Bench()) {
            Replay replay = new Replay();
            bench.log.observeCommits(replay::apply);
            AtomicBoolean done = new AtomicBoolean();
            Callable<Void> mutator = () -> {
                Random random = new Random(seed);
                while (!done.get()) {
                    scribble(bench.driver, random);
                }
                return null;
            };
            Callable<Void> caller = () -> {
                try {
                    for (int call = 0; call < 4000; call++) {
                        assertEquals(0, bench.driver.call(call % 2 == 0 ? IommuOp.MAP_PAGE : IommuOp.UNMAP_PAGE, OPS));
                        bench.driver.call(IommuOp.LOOKUP_PAGE, OPS);
                        replay.assertEqualTo(bench);
                    }
                } finally {
                    done.set(true);
                }
                return null;
            };
            together(List.of(mutator, caller));
        }
    }

    /** Two virtual CPUs map and unmap the same bus frames while frames come and go. */
    @Test
    void A34_threadsOfOneGuestAgree() throws Exception {
        try (Bench bench = new Bench()) {
            int[][] balance = new int[2][BFNS];
            AtomicBoolean done = new AtomicBoolean();
            List<Callable<Void>> tasks = new ArrayList<>();
            for (int cpu = 0; cpu < 2; cpu++) {
                int mine = cpu;
                tasks.add(() -> {
                    try {
                        mapAndUnmap(bench, mine, balance[mine]);
                    } finally {
                        done.set(true);
                    }
                    return null;
                });
            }
            tasks.add(() -> {
                comeAndGo(bench, done);
                return null;
            });
            together(tasks);
            for (int bfn = 0; bfn < BFNS; bfn++) {
                int mapped = bench.space().translate(bfn) == null ? 0 : 1;
                assertEquals(mapped, balance[0][bfn] + balance[1][bfn], "bfn=" + bfn);
            }
        }
    }

    private static final long VOLATILE_MFN = 0x8000;

    private static void mapAndUnmap(Bench bench, int cpu, int[] balance) {
        Random random = new Random(Seed.of("A34 cpu" + cpu, 0));
        try (GuestDriver driver = new GuestDriver(bench.engine, bench.guest, bench.arrays, ARRAY_MFN)) {
            driver.placeArraysAt(cpu * 8192L);
            for (int call = 0; call < 20_000; call++) {
                boolean map = random.nextInt(2) == 0;
                long firstMfn = random.nextInt(4) == 0 ? VOLATILE_MFN : DATA_MFN;
                Op[] ops = Op.rw(random.nextInt(BFNS - 8), firstMfn).run(1 + random.nextInt(8));
                assertEquals(0, map ? driver.map(ops) : driver.unmap(ops));
                for (int i = 0; i < ops.length; i++) {
                    if (driver.status(i) == 0) {
                        balance[(int) ops[i].bfn()] += map ? 1 : -1;
                    }
                }
            }
        }
    }

    /** Memory is only given back when no device can reach it. */
    private static void comeAndGo(Bench bench, AtomicBoolean done) {
        while (!done.get()) {
            TestMemory memory = new TestMemory(16);
            memory.observeClose(() -> assertFalse(bench.hostSpace().reaches(memory), "given back too early"));
            bench.guest.registerMemory(VOLATILE_MFN, 16, memory);
            while (!done.get()) {
                try {
                    bench.guest.unregisterMemory(VOLATILE_MFN, 16);
                    assertEquals(1, memory.closes());
                    break;
                } catch (EngineException busy) {
                    assertEquals(EngineException.Kind.BUSY, busy.kind());
                }
            }
        }
    }

    @Test
    void A34_eachCallOfEachThreadIsCounted() throws Exception {
        try (Bench bench = new Bench()) {
            int calls = 2_000_000;
            Callable<Void> caller = () -> {
                try (GuestDriver driver = new GuestDriver(bench.engine, bench.guest, bench.arrays, ARRAY_MFN)) {
                    for (int i = 0; i < calls; i++) {
                        driver.executor().call(IommuOp.LOOKUP_PAGE, 0, 0);
                    }
                }
                return null;
            };
            together(List.of(caller, caller));
            assertEquals(2L * calls, bench.guest.stats().calls());
        }
    }

    @Test
    void A34_aGuestThatIsRemovedInMidCallGetsNoSuccessAfterwards() throws Exception {
        for (int round = 0; round < 50; round++) {
            try (Bench bench = new Bench()) {
                Callable<Void> caller = () -> {
                    for (int i = 0; i < 200; i++) {
                        boolean aliveBefore = bench.guest.isAlive();
                        long result = bench.driver.map(Op.rw(i, DATA_MFN));
                        assertTrue(result == 0 || result == -1);
                        assertTrue(aliveBefore || result == -1);
                    }
                    return null;
                };
                Callable<Void> remover = () -> {
                    bench.engine.removeGuest(bench.guest);
                    return null;
                };
                together(List.of(caller, remover));
                assertEquals(1, bench.data.closes());
                assertEquals(0, bench.hostSpace().mappedPages());
                assertEquals(1, bench.host.count(Kind.DESTROY));
            }
        }
    }
}
