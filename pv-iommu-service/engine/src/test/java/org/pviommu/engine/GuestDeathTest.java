package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.pviommu.engine.Bench.ARRAY_MFN;
import static org.pviommu.engine.Bench.ARRAY_PAGES;
import static org.pviommu.engine.Bench.DATA_MFN;
import static org.pviommu.engine.Bench.DATA_PAGES;
import static org.pviommu.engine.Bench.ENDPOINT;
import static org.pviommu.engine.Bench.GUEST;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.support.HostCall.Kind;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;

/** How guests come and go, and what of their memory may be given back when. */
class GuestDeathTest {

    // Death.

    @Test
    void shouldBlockUnmapFlushAndGiveBackInOrder() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(600));
            bench.driver.map(Op.rw(0xa_0000, DATA_MFN));
            bench.host.forgetCalls();
            List<Kind> order = new ArrayList<>();
            bench.data.observeClose(() -> assertTrue(bench.hostSpace().isDestroyed()));
            bench.host.observe(call -> {
                order.add(call.kind());
                assertEquals(0, bench.data.closes(), "memory is given back last");
                if (call.kind() == Kind.FLUSH) {
                    assertTrue(call.wholeSpace());
                    assertEquals(2, bench.holds(DATA_MFN), "held until flushed");
                }
            });

            bench.engine.removeGuest(bench.guest);

            assertEquals(List.of(Kind.DETACH, Kind.UNMAP, Kind.UNMAP, Kind.FLUSH, Kind.DESTROY), order);
            assertEquals(0, bench.hostSpace().mappedPages());
            assertEquals(1, bench.data.closes());
            assertEquals(1, bench.arrays.closes());
            assertNull(bench.engine.guest(GUEST));
            assertEquals(List.of(), bench.guest.regions());
            assertEquals(0, bench.guest.stats().mappedFrames());
            assertEquals(0, bench.guest.stats().heldFrames());
            assertEquals(0, bench.guest.stats().tablePages());
            assertEquals(0, bench.space().mappedPages());

            bench.engine.removeGuest(bench.guest);
            assertEquals(1, bench.data.closes(), "exactly once");
            assertEquals(1, bench.host.count(Kind.DESTROY));
        }
    }

    @Test
    void shouldAnswerADeadGuestWithEperm() {
        try (Bench bench = new Bench()) {
            bench.driver.write(Op.rw(1, DATA_MFN));
            bench.engine.removeGuest(bench.guest);
            for (int subOp = IommuOp.QUERY_CAPS; subOp <= IommuOp.MIXED; subOp++) {
                assertEquals(IommuStatus.EPERM, bench.driver.call(subOp, 1));
            }
            EngineException refusal =
                    assertThrows(EngineException.class, () -> bench.guest.registerMemory(0x9000, 1, new TestMemory(1)));
            assertEquals(EngineException.Kind.NOT_FOUND, refusal.kind());
        }
    }

    /** Also what an earlier call left owed is flushed and released. */
    @Test
    void shouldReleaseWhatIsOwed() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(4));
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.driver.unmapRun(1, 2);
            bench.host.behave();
            bench.engine.removeGuest(bench.guest);
            assertNull(bench.engine.guest(GUEST));
            assertEquals(1, bench.data.closes());
            assertEquals(0, bench.guest.stats().heldFrames());
            assertEquals(0, bench.space().owedPages());
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Kind.class,
            names = {"FLUSH", "DETACH", "UNMAP"})
    void D13_numberAndMemoryStayTakenUntilTheHostCanPromise(Kind refused) {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(4));
            bench.host.answerAlways(refused, -5);

            bench.engine.removeGuest(bench.guest);

            assertSame(bench.guest, bench.engine.guest(GUEST));
            assertFalse(bench.guest.isAlive());
            assertEquals(0, bench.data.closes());
            assertEquals(0, bench.arrays.closes());
            assertEquals(0, bench.host.count(Kind.DESTROY));
            if (refused != Kind.DETACH) {
                assertEquals(1, bench.holds(DATA_MFN), "not proved to be out of reach");
            }
            EngineException busy = assertThrows(
                    EngineException.class, () -> bench.engine.addGuest(GUEST, Bench.policy(1, 4, 1), List.of()));
            assertEquals(EngineException.Kind.BUSY, busy.kind());
            EngineException taken = assertThrows(
                    EngineException.class,
                    () -> bench.engine.addGuest(GUEST + 1, Bench.policy(1, 4, 1), List.of(Bench.endpoint())));
            assertEquals(EngineException.Kind.BUSY, taken.kind());

            bench.host.behave();
            Guest next = bench.engine.addGuest(GUEST, Bench.policy(1, 4, 1), List.of(Bench.endpoint()));
            assertNotSame(bench.guest, next);
            assertEquals(1, bench.data.closes());
            assertEquals(1, bench.arrays.closes());
            assertEquals(1, bench.host.count(Kind.DESTROY));
            assertEquals(0, bench.hostSpace().mappedPages());
            assertEquals(Set.of(ENDPOINT), bench.host.space(1).endpoints());
        }
    }

    /** One page that cannot be removed must not keep the others mapped (XSA-386). */
    @Test
    void shouldGoOnPastAPageThatCannotBeRemoved() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN).run(8));
            bench.host.refuseToCut(4);
            bench.engine.removeGuest(bench.guest);
            assertEquals(1, bench.hostSpace().mappedPages());
            assertSame(bench.guest, bench.engine.guest(GUEST));
            bench.host.behave();
            bench.engine.close();
            assertEquals(0, bench.hostSpace().mappedPages());
            assertEquals(1, bench.data.closes());
        }
    }

    /** An errno other than -EBUSY speaks about the whole run; asking again page by page would take the square of it. */
    @Test
    void shouldAskAHostThatRefusesARunOnlyOnce() {
        try (Bench bench = new Bench()) {
            Op[] ops = Op.rw(0, DATA_MFN).run(1000);
            bench.driver.map(ops);
            bench.host.answerAlways(Kind.UNMAP, -5);
            bench.host.forgetCalls();
            bench.engine.removeGuest(bench.guest);
            assertEquals(1, bench.host.count(Kind.UNMAP));
            assertEquals(1000, bench.space().mappedPages());
        }
    }

    @Test
    void shouldTakeShortUnmapsForWhatTheyAre() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(0, DATA_MFN).run(10));
            bench.host.answerOnce(Kind.UNMAP, 3);
            bench.host.answerOnce(Kind.UNMAP, 1);
            bench.engine.removeGuest(bench.guest);
            assertNull(bench.engine.guest(GUEST), "everything was removed, if not at once");
            assertEquals(1, bench.data.closes());
        }
    }

    /** A translation of a dead guest must not be one of whoever got its table pages. */
    @Test
    void shouldTranslateNothingForADeadGuest() {
        try (Bench bench = new Bench()) {
            AddressSpace dead = bench.space();
            bench.driver.map(Op.rw(0x123, DATA_MFN));
            bench.engine.removeGuest(bench.guest);
            assertNull(dead.translate(0x123));
            assertEquals(List.of(), dead.mappings(0, 10));

            // The pool hands out the page returned last first, so the next guest gets the same root.
            Guest next = bench.engine.addGuest(9, GuestPolicy.permissive(), List.of());
            next.registerMemory(ARRAY_MFN, ARRAY_PAGES, bench.arrays);
            try (HypercallExecutor executor = new HypercallExecutor(bench.engine, next)) {
                bench.driver.write(Op.rw(0x123, ARRAY_MFN));
                assertEquals(0, executor.call(IommuOp.MAP_PAGE, bench.driver.arrayAddress(), 1));
            }
            assertEquals(new Translation(0x123, ARRAY_MFN, 3), next.ownSpace().translate(0x123));
            assertNull(dead.translate(0x123));
            assertEquals(List.of(), dead.mappings(0, 10));
        }
    }

    @Test
    void shouldTranslateNothingOnceTheEngineIsClosed() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(0x123, DATA_MFN));
            AddressSpace dead = bench.space();
            bench.engine.removeGuest(bench.guest);
            bench.engine.close();
            assertNull(dead.translate(0x123));
            assertEquals(List.of(), dead.mappings(0, 10));
        }
    }

    /** A page that the pool has twice would be two guests' table. */
    @Test
    void shouldNotGiveTablePagesBackTwiceWhenTheHostThrowsAtTheEnd() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(0x123, DATA_MFN));
            bench.host.failOnce(Kind.DESTROY, new IllegalStateException("our bug"));
            assertThrows(IllegalStateException.class, () -> bench.engine.removeGuest(bench.guest));

            Guest one = bench.engine.addGuest(GUEST, GuestPolicy.permissive(), List.of());
            Guest two = bench.engine.addGuest(GUEST + 1, GuestPolicy.permissive(), List.of());

            assertEquals(1, bench.data.closes());
            one.registerMemory(ARRAY_MFN, ARRAY_PAGES, bench.arrays);
            try (HypercallExecutor executor = new HypercallExecutor(bench.engine, one)) {
                bench.driver.write(Op.rw(0x123, ARRAY_MFN));
                assertEquals(0, executor.call(IommuOp.MAP_PAGE, bench.driver.arrayAddress(), 1));
            }
            assertNull(two.ownSpace().translate(0x123));
        }
    }

    @Test
    void shouldFinishATearDownThatFailedWhileMemoryWasGivenBack() {
        try (Bench bench = new Bench()) {
            bench.arrays.observeClose(() -> {
                throw new IllegalStateException("the transport's bug");
            });
            assertThrows(IllegalStateException.class, () -> bench.engine.removeGuest(bench.guest));
            bench.engine.addGuest(GUEST, GuestPolicy.permissive(), List.of(Bench.endpoint()));
            assertEquals(1, bench.arrays.closes());
            assertEquals(1, bench.data.closes());
            assertEquals(1, bench.host.count(Kind.DESTROY));
        }
    }

    @Test
    void shouldRemoveAllGuestsWhenTheEngineCloses() {
        Bench bench = new Bench();
        bench.driver.map(Op.rw(1, DATA_MFN));
        bench.close();
        assertEquals(1, bench.data.closes());
        assertEquals(0, bench.hostSpace().mappedPages());
        assertEquals(1, bench.host.closes());
    }

    // Birth.

    @Test
    void shouldLeaveNothingBehindWhenTheHostRefusesAnAddressSpace() {
        RecordingHost host = new RecordingHost(Bench.LAST_BFN, true);
        try (Engine engine = new Engine(host, BatchLog.none())) {
            host.answerOnce(Kind.CREATE, -12);
            EngineException refusal = assertThrows(
                    EngineException.class,
                    () -> engine.addGuest(1, GuestPolicy.permissive(), List.of(Bench.endpoint())));
            assertEquals(EngineException.Kind.HOST, refusal.kind());
            assertTrue(String.valueOf(refusal.getMessage()).contains("errno=12"));
            assertNull(engine.guest(1));
            engine.addGuest(2, GuestPolicy.permissive(), List.of(Bench.endpoint()));
        }
    }

    private static final EndpointDescriptor SECOND = new EndpointDescriptor(99, List.of());

    private static EngineException refusedSecondEndpoint(Engine engine, RecordingHost host) {
        host.observe(call -> {
            if (call.kind() == Kind.ATTACH && call.first() == 99) {
                host.answerOnce(Kind.ATTACH, -16);
            }
        });
        return assertThrows(
                EngineException.class,
                () -> engine.addGuest(1, GuestPolicy.permissive(), List.of(Bench.endpoint(), SECOND)));
    }

    @Test
    void D15_allEndpointsOfABornGuestAreAttachedOrNone() {
        RecordingHost host = new RecordingHost(Bench.LAST_BFN, true);
        try (Engine engine = new Engine(host, BatchLog.none())) {
            assertEquals(
                    EngineException.Kind.HOST,
                    refusedSecondEndpoint(engine, host).kind());
            assertEquals(Set.of(), host.space(0).endpoints());
            assertTrue(host.space(0).isDestroyed());
            assertNull(engine.guest(1));
            host.observe(call -> {});
            engine.addGuest(1, GuestPolicy.permissive(), List.of(Bench.endpoint(), SECOND));
            assertEquals(Set.of(ENDPOINT, 99), host.space(1).endpoints());
        }
    }

    /** When not even the way back works, the endpoint is still attached to something that somebody has to take down. */
    @Test
    void D16_aGuestThatCouldNeitherBeAttachedNorDetachedIsNotForgotten() {
        RecordingHost host = new RecordingHost(Bench.LAST_BFN, true);
        try (Engine engine = new Engine(host, BatchLog.none())) {
            host.answerAlways(Kind.DETACH, -5);
            assertEquals(
                    EngineException.Kind.HOST,
                    refusedSecondEndpoint(engine, host).kind());
            assertEquals(Set.of(ENDPOINT), host.space(0).endpoints());
            host.behave();
            host.observe(call -> {});

            engine.addGuest(1, GuestPolicy.permissive(), List.of(Bench.endpoint(), SECOND));

            assertEquals(Set.of(), host.space(0).endpoints());
            assertTrue(host.space(0).isDestroyed());
            assertEquals(Set.of(ENDPOINT, 99), host.space(1).endpoints());
        }
    }

    @Test
    void shouldRefuseANumberOrAnEndpointInUse() {
        try (Bench bench = new Bench()) {
            int spaces = bench.host.count(Kind.CREATE);
            EngineException number = assertThrows(
                    EngineException.class, () -> bench.engine.addGuest(GUEST, GuestPolicy.permissive(), List.of()));
            EngineException endpoint = assertThrows(
                    EngineException.class,
                    () -> bench.engine.addGuest(8, GuestPolicy.permissive(), List.of(Bench.endpoint())));
            assertEquals("guest=7 is in use", number.getMessage());
            assertEquals("endpoint=0x10008 belongs to guest=7", endpoint.getMessage());
            assertEquals(spaces, bench.host.count(Kind.CREATE));
            assertEquals(List.of(bench.guest), bench.engine.guests());
        }
    }

    // Memory.

    private static EngineException refusedUnregister(Bench bench, long firstMfn, long pages) {
        return assertThrows(EngineException.class, () -> bench.guest.unregisterMemory(firstMfn, pages));
    }

    @Test
    void shouldKeepMemoryThatIsMapped() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN + 3));
            assertEquals(
                    EngineException.Kind.BUSY,
                    refusedUnregister(bench, DATA_MFN, DATA_PAGES).kind());
            assertEquals(0, bench.data.closes());
            bench.driver.unmapRun(1, 1);
            bench.unregister(DATA_MFN, DATA_PAGES);
            assertEquals(1, bench.data.closes());
            bench.driver.map(Op.rw(1, DATA_MFN + 3));
            assertEquals(IommuStatus.ENXIO, bench.driver.status(0));
        }
    }

    @Test
    void shouldFlushFirstWhatIsOnlyOwed() {
        try (Bench bench = new Bench()) {
            bench.driver.map(Op.rw(1, DATA_MFN + 3));
            bench.host.answerAlways(Kind.FLUSH, -5);
            bench.driver.unmapRun(1, 1);
            assertEquals(
                    EngineException.Kind.BUSY,
                    refusedUnregister(bench, DATA_MFN, DATA_PAGES).kind());
            assertEquals(1, bench.holds(DATA_MFN + 3));
            bench.host.behave();
            bench.data.observeClose(() -> assertFalse(bench.hostSpace().reaches(bench.data)));
            bench.unregister(DATA_MFN, DATA_PAGES);
            assertEquals(1, bench.data.closes());
            assertEquals(0, bench.guest.stats().heldFrames());
        }
    }

    @Test
    void shouldNotFlushForMemoryThatNobodyHolds() {
        try (Bench bench = new Bench()) {
            bench.host.forgetCalls();
            bench.unregister(DATA_MFN, DATA_PAGES);
            assertEquals(List.of(), bench.host.calls());
        }
    }

    @Test
    void shouldUnregisterOnlyWhatWasRegistered() {
        try (Bench bench = new Bench()) {
            for (long[] range : new long[][] {
                {DATA_MFN, DATA_PAGES - 1}, {DATA_MFN + 1, DATA_PAGES - 1}, {Bench.NO_MFN, 1}, {-1, 1}, {DATA_MFN, 0}
            }) {
                assertEquals(
                        EngineException.Kind.NOT_FOUND,
                        refusedUnregister(bench, range[0], range[1]).kind());
            }
            assertEquals(0, bench.data.closes());
        }
    }

    private static EngineException.Kind refusedRegister(Bench bench, long firstMfn, long pages, int memoryPages) {
        TestMemory memory = new TestMemory(memoryPages);
        EngineException.Kind kind = assertThrows(
                        EngineException.class, () -> bench.guest.registerMemory(firstMfn, pages, memory))
                .kind();
        assertEquals(0, memory.closes(), "the memory stays the caller's");
        return kind;
    }

    @Test
    void shouldRefuseMemoryThatMakesNoSense() {
        try (Bench bench = new Bench()) {
            long lastMfn = PageEntry.LAST_MFN;
            long[][] senseless = {
                {0x9000, 0}, {0x9000, -1}, {0x9000, Long.MIN_VALUE}, {0x9000, Long.MAX_VALUE}, {-1, 1},
                {lastMfn, 2}, {lastMfn + 1, 1}, {Long.MAX_VALUE, 1}, {0x9000, 2}, {0x9000, (1L << 52) + 1}
            };
            for (long[] range : senseless) {
                assertEquals(
                        EngineException.Kind.INVALID,
                        refusedRegister(bench, range[0], range[1], 1),
                        Arrays.toString(range));
            }
            bench.register(lastMfn, 1, new TestMemory(1)); // the last frame there is
            bench.driver.map(Op.rw(1, lastMfn));
            assertEquals(0, bench.driver.status(0));
            assertEquals(new Translation(1, lastMfn, 3), bench.space().translate(1));
        }
    }

    @Test
    void shouldRefuseMemoryThatOverlaps() {
        try (Bench bench = new Bench()) {
            long[][] overlapping = {
                {DATA_MFN, DATA_PAGES}, {DATA_MFN - 1, 2}, {DATA_MFN + DATA_PAGES - 1, 1}, {DATA_MFN + 5, 1}
            };
            for (long[] range : overlapping) {
                assertEquals(EngineException.Kind.EXISTS, refusedRegister(bench, range[0], range[1], (int) range[1]));
            }
            bench.register(DATA_MFN - 1, 1, new TestMemory(1));
            bench.register(DATA_MFN + DATA_PAGES, 1, new TestMemory(1));
            assertEquals(4, bench.guest.regions().size());
        }
    }

    @Test
    void shouldLimitRegisteredMemory() {
        GuestPolicy policy = new GuestPolicy(true, true, ARRAY_PAGES + DATA_PAGES + 2, 10, 10, 10, 1, List.of());
        try (Bench bench = new Bench(policy)) {
            assertEquals(EngineException.Kind.LIMIT, refusedRegister(bench, 0x9000, 3, 3));
            bench.register(0x9000, 2, new TestMemory(2));
            assertEquals(EngineException.Kind.LIMIT, refusedRegister(bench, 0xa000, 1, 1));
            bench.unregister(0x9000, 2);
            bench.register(0xa000, 1, new TestMemory(1));
        }
    }
}
