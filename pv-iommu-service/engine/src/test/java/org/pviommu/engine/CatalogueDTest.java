package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.ARRAY_MFN;
import static org.pviommu.engine.Bench.ARRAY_PAGES;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.ENDPOINT;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.AttachOp;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;

/**
 * Section D of the fault catalogue: the host fails at its k-th call, for every k that there is in a scenario with each kind of
 * call. After each call of the guest {@link Bench#check} compares tables, host, holds and quotas.
 *
 * <p>D09, D10, D11 and D18 are in {@link HostRefusalTest} besides, D13, D15 and D16 in {@link GuestDeathTest}; D14 needs a
 * kernel.
 */
class CatalogueDTest {
    private static final int EBUSY = 16;
    private static final int ENODEV = 19;
    private static final int SECOND = 0x0001_0010;
    private static final long HANG_GUARD_SECONDS = 60;
    private static final Set<Kind> REFUSABLE =
            Set.of(Kind.CREATE, Kind.MAP, Kind.UNMAP, Kind.FLUSH, Kind.ATTACH, Kind.DETACH);

    private static Bench bench() {
        EndpointDescriptor second = new EndpointDescriptor(SECOND, List.of());
        return new Bench(
                Bench.policy(1 << 20, 4096, 6),
                new RecordingHost(Bench.LAST_BFN, true),
                List.of(Bench.endpoint(), second));
    }

    // The scenario.

    /** Collects what the guest is told. */
    private static final class Guestly {
        final Bench bench;
        final Set<Integer> statuses = new HashSet<>();

        Guestly(Bench bench) {
            this.bench = bench;
        }

        /** An address space that could not be made is -ENOENT for the call. */
        void call(int cmd, Element... elements) {
            long result = bench.driver.run(cmd, elements);
            assertTrue(
                    result == 0 || result == IommuStatus.EIO || result == IommuStatus.ENOENT, () -> "result=" + result);
            if (result != IommuStatus.ENOENT) {
                for (int status : bench.driver.statuses()) {
                    statuses.add(status);
                }
            }
            bench.check();
        }

        /** Every sub-operation that reaches the host, with runs, early flushes, deferred ones and remaps. */
        void doEverything() {
            call(IommuOp.ALLOC_CONTEXT, ContextOp.any());
            call(IommuOp.ATTACH_DEVICE, new AttachOp(SECOND, 1));
            call(IommuOp.MAP_PAGE, Op.rw(508, DATA_MFN).run(8));
            call(IommuOp.MAP_PAGE, Op.rw(1, DATA_MFN + 20), Op.ro(3, DATA_MFN + 20), Op.rw(5, DATA_MFN + 22));
            call(IommuOp.cmd(IommuOp.MAP_RANGE, 0, 1), RangeOp.rw(100, DATA_MFN, 10), RangeOp.rw(200, DATA_MFN, 2));
            call(
                    IommuOp.MIXED,
                    MixedOp.unmap(1),
                    MixedOp.map(1, DATA_MFN + 30),
                    MixedOp.unmap(508),
                    MixedOp.unmap(509),
                    MixedOp.map(508, DATA_MFN + 31));
            call(IommuOp.cmd(IommuOp.UNMAP_RANGE, IommuOp.F_DEFER, 1), RangeOp.at(100, 4));
            call(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.at(510), Op.at(511));
            bench.driver.flush(0);
            bench.check();
            call(IommuOp.UNMAP_RANGE, RangeOp.at(0, 1 << 16)); // more than may be held
            call(IommuOp.ATTACH_DEVICE, new AttachOp(SECOND, 0));
            call(IommuOp.FREE_CONTEXT, new ContextOp(1));
        }

        /** The host is well again: the guest can be taken down, and nothing of it is left. */
        void die() {
            bench.host.observe(call -> {});
            bench.host.behave();
            bench.engine.removeGuest(bench.guest);
            assertNull(bench.engine.guest(Bench.GUEST));
            assertEquals(1, bench.data.closes());
            assertEquals(
                    0, bench.guest.stats().mappedFrames() + bench.guest.stats().heldFrames());
            assertEquals(0, bench.guest.stats().tablePages());
        }
    }

    /** The {@code k}-th refusable call from now on is answered with {@code answer}; the kinds that it hit go to {@code hit}. */
    private static void refuseNth(RecordingHost host, int k, long answer, Set<Kind> kinds, Set<Kind> hit) {
        int[] seen = {0};
        host.observe(call -> {
            if (kinds.contains(call.kind()) && ++seen[0] == k) {
                host.answerOnce(call.kind(), answer);
                hit.add(call.kind());
            }
        });
    }

    /** Refuses each call in turn, until a scenario ends without a refusal; what the guest was told for each kind. */
    private static void sweep(long answer, Set<Kind> kinds, Set<Integer> allowed) {
        Set<Kind> everHit = new HashSet<>();
        boolean hit = true;
        for (int k = 1; hit; k++) {
            Set<Kind> now = new HashSet<>();
            try (Bench bench = bench()) {
                refuseNth(bench.host, k, answer, kinds, now);
                Guestly guest = new Guestly(bench);
                guest.doEverything();
                assertTrue(allowed.containsAll(guest.statuses), "k=" + k + " " + now + " " + guest.statuses);
                assertFalse(now.contains(Kind.MAP) && guest.statuses.equals(Set.of(0)), "k=" + k + " told as success");
                guest.die();
            }
            everHit.addAll(now);
            hit = !now.isEmpty();
        }
        assertEquals(kinds, everHit, "not in the scenario");
    }

    /** What other elements get because of the one that was refused: nothing mapped there, or still mapped or owed there. */
    private static Set<Integer> allowed(int... mapped) {
        Set<Integer> statuses = new HashSet<>(
                Set.of(IommuStatus.OK, IommuStatus.EIO, IommuStatus.ENOENT, IommuStatus.EADDRINUSE, IommuStatus.EBUSY));
        for (int status : mapped) {
            statuses.add(status);
        }
        return statuses;
    }

    // D01 to D08.

    @Test
    void D01_ebusy() {
        sweep(-EBUSY, REFUSABLE, allowed());
    }

    @Test
    void D02_enomemHalfMapsNothing() {
        sweep(-12, REFUSABLE, allowed(IommuStatus.ENOMEM));
    }

    @Test
    void D03_enospcIsPassedOnAndNotRetried() {
        sweep(-28, REFUSABLE, allowed(IommuStatus.ENOSPC));
        try (Bench bench = bench()) {
            bench.host.answerAlways(Kind.MAP, -28);
            bench.driver.map(Op.rw(1, DATA_MFN).run(8));
            assertEquals(IommuStatus.ENOSPC, bench.driver.status(7));
            assertEquals(1, bench.host.count(Kind.MAP));
        }
    }

    @Test
    void D04_efault() {
        sweep(-14, REFUSABLE, allowed());
    }

    @Test
    void D05_einvalIsCounted() {
        sweep(-22, REFUSABLE, allowed());
        try (Bench bench = bench()) {
            bench.host.answerOnce(Kind.MAP, -22);
            bench.driver.map(Op.rw(1, DATA_MFN));
            assertEquals(1, bench.guest.stats().failures());
        }
    }

    /** Only a flush is tried again, and only so often; nothing is applied twice (the recording host would refuse). */
    @Test
    void D06_eintr() {
        sweep(-4, REFUSABLE, allowed());
        try (Bench bench = bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(2));
            bench.host.answerAlways(Kind.FLUSH, -4);
            bench.host.forgetCalls();
            bench.driver.unmapRun(1, 2);
            assertEquals(AddressSpace.FLUSH_ATTEMPTS, bench.host.count(Kind.FLUSH));
            assertEquals(1, bench.host.count(Kind.UNMAP));
        }
    }

    @Test
    void D07_epermIsNotTheGuestsFault() {
        sweep(-1, REFUSABLE, allowed());
    }

    @Test
    void D08_eoverflow() {
        sweep(-75, REFUSABLE, allowed());
    }

    /** A positive answer to an unmap is a count, so a wrong sign cannot be told there. */
    @ParameterizedTest
    @ValueSource(longs = {5, 12, 28, 4095, Integer.MIN_VALUE + 1L, -4095, -133, -1000})
    void D17_wrongSignsAndUnknownErrnosAreNeverSuccess(long answer) {
        Set<Kind> kinds = new HashSet<>(REFUSABLE);
        if (answer > 0) {
            kinds.remove(Kind.UNMAP);
        }
        sweep(answer, kinds, allowed());
    }

    // D09 to D13.

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void D09_shortUnmapsAtEachCall(long removed) {
        sweep(removed, Set.of(Kind.UNMAP), allowed());
    }

    @ParameterizedTest
    @ValueSource(longs = {6, 4096})
    void D10_longUnmapsAtEachCall(long removed) {
        sweep(removed, Set.of(Kind.UNMAP), allowed());
    }

    @Test
    void D11_aFlushThatFailsQuarantinesItsFramesAtEachPlace() {
        Set<Kind> hit = new HashSet<>();
        for (int k = 1; k == 1 || !hit.isEmpty(); k++) {
            hit.clear();
            try (Bench bench = bench()) {
                refuseFlushesFromThe(k, bench.host, hit);
                Guestly guest = new Guestly(bench);
                guest.doEverything(); // check() finds a frame that was released without its flush
                guest.die();
            }
        }
    }

    private static void refuseFlushesFromThe(int k, RecordingHost host, Set<Kind> hit) {
        int[] seen = {0};
        host.observe(call -> {
            if (call.kind() == Kind.FLUSH && ++seen[0] == k) {
                host.answerAlways(Kind.FLUSH, -5);
                hit.add(Kind.FLUSH);
            }
        });
    }

    /** Guests do not wait for each other. What waits for the flush stays held, and nobody is told that it is over. */
    @Test
    void D12_aHangingFlushReleasesNothingAndStopsNobodyElse() throws InterruptedException {
        CountDownLatch hanging = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        TestMemory otherMemory = new TestMemory(ARRAY_PAGES);
        try (Bench bench = bench()) {
            Guest other = bench.engine.addGuest(Bench.GUEST + 1, GuestPolicy.permissive(), List.of());
            other.registerMemory(ARRAY_MFN, ARRAY_PAGES, otherMemory);
            bench.driver.map(Op.rw(1, DATA_MFN));
            bench.host.observe(call -> {
                if (call.kind() == Kind.FLUSH && call.space() == 0) {
                    hanging.countDown();
                    await(over);
                }
            });
            bench.driver.write(Op.at(1));
            Thread caller = Thread.ofPlatform().start(() -> bench.driver.call(IommuOp.UNMAP_PAGE, 1));
            try (GuestDriver otherDriver = new GuestDriver(bench.engine, other, otherMemory, ARRAY_MFN)) {
                await(hanging);

                otherDriver.map(Op.rw(1, ARRAY_MFN + 1));
                assertEquals(0, otherDriver.unmapRun(1, 1));
                assertEquals(0, otherDriver.status(0));
                assertEquals(1, bench.holds(DATA_MFN));
                assertEquals(GuestDriver.OLD_STATUS, bench.driver.status(0));
                assertNull(bench.space().translate(1), "readers do not wait");
            } finally {
                over.countDown();
                caller.join();
            }
            assertEquals(0, bench.driver.status(0));
            assertEquals(0, bench.holds(DATA_MFN));
            bench.engine.removeGuest(other);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(HANG_GUARD_SECONDS, TimeUnit.SECONDS), "hangs");
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** From the k-th call on the host refuses everything; whatever a device might still reach stays held. */
    @Test
    void D13_aHostThatIsGoneInTheMiddle() {
        boolean hit = true;
        for (int k = 1; hit; k++) {
            try (Bench bench = bench()) {
                boolean[] gone = {false};
                int[] seen = {0};
                int nth = k;
                bench.host.observe(call -> {
                    if (REFUSABLE.contains(call.kind()) && ++seen[0] == nth) {
                        gone[0] = true;
                        REFUSABLE.forEach(kind -> bench.host.answerAlways(kind, -ENODEV));
                    }
                });
                Guestly guest = new Guestly(bench);
                guest.doEverything();
                assertTrue(allowed().containsAll(guest.statuses), "k=" + k + " " + guest.statuses);
                hit = gone[0];
                if (hit) {
                    bench.engine.removeGuest(bench.guest);
                    assertSame(bench.guest, bench.engine.guest(Bench.GUEST), "detachment is not certain");
                    assertEquals(0, bench.data.closes());
                }
                guest.die();
            }
        }
    }

    // D15, D16: endpoints of one group.

    private static final int MATE = 0x0001_0018;

    private static Bench benchWithGroup() {
        List<EndpointDescriptor> group =
                List.of(new EndpointDescriptor(ENDPOINT, 3, List.of()), new EndpointDescriptor(MATE, 3, List.of()));
        return new Bench(Bench.policy(1 << 20, 4096, 64), new RecordingHost(Bench.LAST_BFN, true), group);
    }

    private static void assertTogetherOrBlocked(Bench bench, int k) {
        AddressSpace one = bench.guest.attachment(ENDPOINT);
        AddressSpace other = bench.guest.attachment(MATE);
        assertTrue(one == null || other == null || one.equals(other), "apart after k=" + k);
        bench.check(); // the host agrees
    }

    @Test
    void D15_endpointsOfAGroupAreNeverApartWhicheverCallIsRefused() {
        Set<Kind> hit = new HashSet<>();
        for (int k = 1; k == 1 || !hit.isEmpty(); k++) {
            hit.clear();
            try (Bench bench = benchWithGroup()) {
                int context = bench.driver.allocContext();
                refuseNth(bench.host, k, -5, Set.of(Kind.ATTACH, Kind.DETACH), hit);

                bench.driver.run(IommuOp.ATTACH_DEVICE, new AttachOp(ENDPOINT, context), new AttachOp(MATE, context));

                assertTogetherOrBlocked(bench, k);
                int[] expected = hit.isEmpty() ? new int[2] : bench.driver.statuses();
                assertArrayEquals(expected, bench.driver.statuses());
                assertEquals(hit.isEmpty(), Set.of(0).equals(Set.of(bench.driver.status(0) | bench.driver.status(1))));
            }
        }
    }

    @Test
    void D16_anEndpointThatCannotEvenGoBackIsBlockedUntilItIsAttachedAgain() {
        try (Bench bench = benchWithGroup()) {
            int context = bench.driver.allocContext();
            bench.host.answerAlways(Kind.ATTACH, -5);

            bench.driver.run(IommuOp.ATTACH_DEVICE, new AttachOp(ENDPOINT, context), new AttachOp(MATE, context));

            assertArrayEquals(new int[] {IommuStatus.EIO, IommuStatus.EBUSY}, bench.driver.statuses());
            assertNull(bench.guest.attachment(ENDPOINT));
            assertNull(bench.guest.attachment(MATE));
            assertEquals(Set.of(), bench.hostSpace().endpoints());

            bench.host.behave();
            bench.driver.run(IommuOp.ATTACH_DEVICE, new AttachOp(ENDPOINT, context), new AttachOp(MATE, context));
            assertArrayEquals(new int[2], bench.driver.statuses());
            assertTogetherOrBlocked(bench, 0);
        }
    }

    // D18.

    /** What the host is asked for is known before it is asked, so nothing can be mapped and untracked. */
    @Test
    void D18_eachPageIsTrackedBeforeTheHostMapsIt() {
        try (Bench bench = bench()) {
            bench.host.observe(call -> {
                if (call.kind() == Kind.MAP) {
                    for (long bfn = call.first(); bfn < call.first() + call.pages(); bfn++) {
                        assertNotNull(bench.space().translate(bfn), "untracked");
                    }
                    assertEquals(1, bench.holds(DATA_MFN));
                }
            });
            bench.driver.map(Op.rw(508, DATA_MFN).run(8));
            bench.host.observe(call -> {});
            assertArrayEquals(new int[8], bench.driver.statuses());
        }
    }
}
