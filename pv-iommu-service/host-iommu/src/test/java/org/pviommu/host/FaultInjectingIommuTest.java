package org.pviommu.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.Access;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.IotlbGather;
import org.pviommu.host.HostCall.Kind;
import org.pviommu.host.SimulatedIommu.Settings;
import org.pviommu.host.contract.ArenaMemory;

class FaultInjectingIommuTest {
    private static final int ENDPOINT = 8;

    private final SimulatedIommu simulated = new SimulatedIommu(Settings.defaults());
    private final FaultInjectingIommu iommu = new FaultInjectingIommu(simulated, 1);
    private final ArenaMemory memory = new ArenaMemory(16);
    private HostAddressSpace space;

    @BeforeEach
    void attachOneEndpoint() {
        space = iommu.createAddressSpace();
        assertEquals(0, space.attach(ENDPOINT));
    }

    @AfterEach
    void close() {
        iommu.close();
    }

    @Test
    void shouldFailTheNthMapFromNowAndNotReachTheHost() {
        assertEquals(0, map(1));
        iommu.failNth(Kind.MAP, 2, HostErrno.ENOMEM);

        assertEquals(0, map(2));
        assertEquals(-HostErrno.ENOMEM, map(3));
        assertEquals(0, map(4));

        assertEquals(3, simulated.areas(ENDPOINT).size());
        assertNull(simulated.walk(ENDPOINT, 3));
        assertEquals(1, iommu.injections());
        assertEquals(4, iommu.calls(Kind.MAP));
    }

    @Test
    void shouldFailTheNthCallWhateverItIs() {
        long before = iommu.calls();
        iommu.failNthCall(3, HostErrno.EPERM);

        assertEquals(0, map(1));
        assertEquals(1, space.unmap(1, 1));
        assertEquals(-HostErrno.EPERM, space.flush(gather(1, 1)));
        assertEquals(0, space.flush(gather(1, 1)));

        assertEquals(before + 4, iommu.calls());
    }

    @Test
    void shouldFailEachKindOnItsOwn() {
        assertEquals(0, map(1));
        for (Kind kind : Kind.values()) {
            iommu.failNth(kind, 1, HostErrno.ENOSPC);
        }

        HostIommuException refusal = assertThrows(HostIommuException.class, iommu::createAddressSpace);
        assertEquals(HostErrno.ENOSPC, refusal.errno());
        assertEquals(-HostErrno.ENOSPC, map(2));
        assertEquals(-HostErrno.ENOSPC, space.unmap(1, 1));
        assertEquals(-HostErrno.ENOSPC, space.flush(gather(1, 1)));
        assertEquals(-HostErrno.ENOSPC, space.attach(99));
        assertEquals(-HostErrno.ENOSPC, space.detach(ENDPOINT));

        assertNotNull(simulated.walk(ENDPOINT, 1), "neither unmapped nor detached");
        assertTrue(simulated.spaceId(99).isEmpty());
        assertEquals(1, simulated.statistics().addressSpaces());
        assertEquals(6, iommu.injections());
    }

    @Test
    void D11_shouldNotFlushTheHostWhenTheFlushIsToFail() {
        assertEquals(0, map(1));
        assertTrue(simulated.cache(ENDPOINT, 1));
        assertEquals(1, space.unmap(1, 1));
        iommu.failNth(Kind.FLUSH, 1, 5);

        assertEquals(-5, space.flush(gather(1, 1)));

        assertTrue(simulated.iotlb().containsFrame(memory, 0));
        assertEquals(0, space.flush(gather(1, 1)));
        assertFalse(simulated.iotlb().containsFrame(memory, 0));
    }

    @Test
    void D09_shouldReallyRemoveFewerPages() {
        assertEquals(0, space.map(10, 5, memory, 0, Access.READ_WRITE));
        iommu.shortenNthUnmap(1, 2);

        assertEquals(2, space.unmap(10, 5));

        assertNull(simulated.walk(ENDPOINT, 11));
        assertNotNull(simulated.walk(ENDPOINT, 12));
        assertEquals(3, space.unmap(12, 3));
    }

    @Test
    void D10_shouldReallyRemoveMorePages() {
        assertEquals(0, space.map(10, 2, memory, 0, Access.READ_WRITE));
        assertEquals(0, space.map(12, 4, memory, 2 * 4096, Access.READ_WRITE));
        iommu.extendNthUnmap(1, 3);

        assertEquals(5, space.unmap(10, 2));

        assertNull(simulated.walk(ENDPOINT, 14));
        assertNotNull(simulated.walk(ENDPOINT, 15));
    }

    @Test
    void shouldExtendOnlyAsFarAsPagesAreMappedAndExist() {
        long lastBfn = iommu.capabilities().lastBfn();
        assertEquals(0, map(20));
        assertEquals(0, map(22));
        assertEquals(0, map(lastBfn));
        iommu.extendNthUnmap(1, 8);
        iommu.extendNthUnmap(2, 8);
        iommu.extendNthUnmap(3, Long.MAX_VALUE);

        assertEquals(1, space.unmap(20, 1));
        assertEquals(1, space.unmap(lastBfn, 1));
        assertEquals(1, space.unmap(22, 1));
    }

    @Test
    void D17_shouldAnswerWithTheWrongSign() {
        iommu.failNth(Kind.MAP, 1, -HostErrno.ENOMEM);

        assertEquals(HostErrno.ENOMEM, map(1));
    }

    @Test
    void D12_shouldRunAnActionBeforeTheCall() {
        assertEquals(0, map(1));
        assertTrue(simulated.cache(ENDPOINT, 1));
        assertEquals(1, space.unmap(1, 1));
        List<Boolean> cachedBefore = new ArrayList<>();
        iommu.beforeNth(Kind.FLUSH, 1, () -> cachedBefore.add(simulated.iotlb().containsFrame(memory, 0)));

        assertEquals(0, space.flush(gather(1, 1)));

        assertEquals(List.of(true), cachedBefore);
        assertFalse(simulated.iotlb().containsFrame(memory, 0));
    }

    @Test
    void shouldForgetItsPlansWhenToldToBehave() {
        iommu.failNth(Kind.MAP, 1, HostErrno.ENOMEM);
        iommu.failNthCall(1, HostErrno.ENOMEM);
        iommu.failRandomly(Kind.MAP, 1, HostErrno.ENOMEM);

        iommu.behave();

        assertEquals(0, map(1));
        assertEquals(0, iommu.injections());
    }

    @Test
    void shouldTellTheListenerWhatTheCallerWasTold() {
        List<HostCall> calls = new ArrayList<>();
        iommu.onCall(calls::add);
        iommu.failNth(Kind.MAP, 2, HostErrno.ENOMEM);
        iommu.shortenNthUnmap(1, 1);
        iommu.failNth(Kind.CREATE, 2, HostErrno.ENOSPC);

        HostAddressSpace second = iommu.createAddressSpace();
        assertThrows(HostIommuException.class, iommu::createAddressSpace);
        second.map(4, 3, memory, 0, Access.READ);
        second.map(9, 1, memory, 0, Access.READ);
        second.unmap(4, 3);
        IotlbGather gather = gather(4, 4);
        gather.add(7, 2);
        second.flush(gather);
        second.attach(77);
        second.detach(78);

        List<FrameRange> none = List.of();
        assertEquals(
                List.of(
                        new HostCall(Kind.CREATE, 2, 0, 0, 0, none, 0, false),
                        new HostCall(Kind.CREATE, 0, 0, 0, 0, none, -HostErrno.ENOSPC, true),
                        new HostCall(Kind.MAP, 2, 0, 4, 3, none, 0, false),
                        new HostCall(Kind.MAP, 2, 0, 9, 1, none, -HostErrno.ENOMEM, true),
                        new HostCall(Kind.UNMAP, 2, 0, 4, 3, none, 1, true),
                        new HostCall(
                                Kind.FLUSH, 2, 0, 0, 0, List.of(new FrameRange(4, 4), new FrameRange(7, 8)), 0, false),
                        new HostCall(Kind.ATTACH, 2, 77, 0, 0, none, 0, false),
                        new HostCall(Kind.DETACH, 2, 78, 0, 0, none, -HostErrno.ENOENT, false)),
                calls);
    }

    @Test
    void shouldRepeatARandomRunFromItsSeed() {
        List<HostCall> first = randomRun(42);

        assertEquals(first, randomRun(42));
        assertNotEquals(first, randomRun(43));
        long failed = first.stream()
                .filter(call -> call.outcome() == -HostErrno.ENOMEM)
                .count();
        long shorter = first.stream()
                .filter(call -> call.kind() == Kind.UNMAP && call.outcome() > 0 && call.outcome() < call.pages())
                .count();
        long longer = first.stream()
                .filter(call -> call.kind() == Kind.UNMAP && call.outcome() > call.pages())
                .count();
        assertTrue(failed > 0 && shorter > 0 && longer > 0, failed + " " + shorter + " " + longer);
    }

    private static List<HostCall> randomRun(long seed) {
        List<HostCall> calls = new ArrayList<>();
        ArenaMemory frames = new ArenaMemory(16);
        try (FaultInjectingIommu host = new FaultInjectingIommu(new SimulatedIommu(Settings.defaults()), seed)) {
            host.onCall(calls::add);
            host.failRandomly(Kind.MAP, 0.2, HostErrno.ENOMEM);
            host.shortenUnmapsRandomly(0.2, 3);
            host.extendUnmapsRandomly(0.2, 3);
            HostAddressSpace random = host.createAddressSpace();
            for (int i = 0; i < 400; i++) {
                random.map(8L * i, 8, frames, 0, Access.READ);
                random.unmap(8L * i, 4);
            }
        }
        return calls;
    }

    @Test
    void shouldRefusePlansThatMakeNoSense() {
        assertMessage("nth=0 min=1", () -> iommu.failNth(Kind.MAP, 0, 1));
        assertMessage("nth=0 min=1", () -> iommu.failNthCall(0, 1));
        assertMessage("errno=0 is success", () -> iommu.failNth(Kind.MAP, 1, 0));
        assertMessage("maxPages=0 min=1", () -> iommu.shortenNthUnmap(1, 0));
        assertMessage("maxExtraPages=0 min=1", () -> iommu.extendNthUnmap(1, 0));
        assertMessage("probability=1.5 range=0..1", () -> iommu.failRandomly(Kind.MAP, 1.5, 1));
        assertMessage("errnos is empty", () -> iommu.failRandomly(Kind.MAP, 1));
    }

    private int map(long bfn) {
        return space.map(bfn, 1, memory, 0, Access.READ_WRITE);
    }

    private static IotlbGather gather(long firstBfn, long lastBfn) {
        IotlbGather gather = new IotlbGather();
        gather.add(firstBfn, lastBfn - firstBfn + 1);
        return gather;
    }

    private static void assertMessage(String expected, Runnable call) {
        assertEquals(
                expected,
                assertThrows(IllegalArgumentException.class, call::run).getMessage());
    }
}
