package org.pviommu.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.engine.Access;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.IotlbGather;
import org.pviommu.host.DmaFault.Reason;
import org.pviommu.host.SimulatedIommu.Settings;
import org.pviommu.host.contract.ArenaMemory;

/** What the simulated IOMMU has beyond the contract: its IOTLB, faults, counters, inspection and lost memory. */
class SimulatedIommuTest {
    private static final int ENDPOINT = 8;
    private static final int PAGE = 4096;

    private final SimulatedIommu iommu = new SimulatedIommu(Settings.defaults());
    private final ArenaMemory memory = new ArenaMemory(4);
    private final MemorySegment word = MemorySegment.ofArray(new byte[8]);
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
    void shouldSayWhatItCanDo() {
        assertEquals(new HostCapabilities("simulated", (1L << 36) - 1, 0x4020_1000L, true), iommu.capabilities());
        assertFalse(new SimulatedIommu(Settings.defaults().withCutsMappings(false))
                .capabilities()
                .cutsMappings());
        assertEquals(
                99,
                new SimulatedIommu(Settings.defaults().withLastBfn(99))
                        .capabilities()
                        .lastBfn());
    }

    @Test
    void shouldNameTheLimitOfASettingThatIsOutOfBounds() {
        assertMessage("lastBfn=68719476736 max=68719476735", () -> new Settings(1L << 36, true));
        assertMessage("lastBfn=-1 max=68719476735", () -> new Settings(-1, true));
        assertMessage("iotlbEntries=-1 min=0", () -> new Settings(1, true, -1));
    }

    @Test
    void shouldCountHitsMissesAndFlushes() {
        map(5, 2, 0);

        iommu.dmaRead(ENDPOINT, 5 * PAGE, MemorySegment.ofArray(new byte[2 * PAGE]));
        iommu.dmaRead(ENDPOINT, 5 * PAGE, MemorySegment.ofArray(new byte[2 * PAGE]));
        iommu.dmaRead(ENDPOINT, 5 * PAGE, word);
        assertEquals(new IommuStatistics(1, 2, 3, 2, 0, 0, 0), iommu.statistics());

        flush(5, 5);
        assertEquals(new IommuStatistics(1, 1, 3, 2, 1, 0, 0), iommu.statistics());
        flushWholeSpace();
        assertEquals(new IommuStatistics(1, 0, 3, 2, 1, 1, 0), iommu.statistics());
        iommu.dmaRead(ENDPOINT, 9 * PAGE, word);
        assertEquals(new IommuStatistics(1, 0, 3, 3, 1, 1, 1), iommu.statistics());
    }

    @Test
    void shouldShowWhatTheIotlbHolds() {
        map(5, 2, 1);
        long id = iommu.spaceId(ENDPOINT).orElseThrow();
        assertNull(iommu.iotlb().entry(id, 6));

        iommu.dmaRead(ENDPOINT, 6 * PAGE, word);

        IotlbEntry entry = new IotlbEntry(id, 6, memory, 2 * PAGE, Access.READ_WRITE);
        assertEquals(entry, iommu.iotlb().entry(id, 6));
        assertEquals(List.of(entry), iommu.iotlb().entries());
        assertNull(iommu.iotlb().entry(id, 5));
        assertNull(iommu.iotlb().entry(id + 1, 6));
        assertTrue(iommu.iotlb().containsFrame(memory, 2 * PAGE));
        assertFalse(iommu.iotlb().containsFrame(memory, PAGE));
        assertFalse(iommu.iotlb().containsFrame(new ArenaMemory(4), 2 * PAGE));
        assertTrue(iommu.iotlb().containsMemory(memory));
    }

    @Test
    void shouldShowAStaleEntryUntilItsFlush() {
        map(5, 1, 1);
        assertTrue(iommu.cache(ENDPOINT, 5));
        assertEquals(1, space.unmap(5, 1));
        assertNull(iommu.walk(ENDPOINT, 5));
        assertTrue(iommu.iotlb().containsFrame(memory, PAGE));
        flush(4, 4);
        flush(6, 6);
        assertTrue(iommu.iotlb().containsFrame(memory, PAGE));

        flush(5, 5);

        assertFalse(iommu.iotlb().containsMemory(memory));
    }

    @Test
    void shouldCacheOnlyWhatIsMappedNowAndEvictNothing() {
        map(5, 1, 0);

        assertFalse(iommu.cache(ENDPOINT, 6));
        assertFalse(iommu.cache(ENDPOINT + 1, 5));
        assertTrue(iommu.cache(ENDPOINT, 5));
        assertEquals(1, space.unmap(5, 1));
        map(5, 1, 3);
        assertFalse(iommu.cache(ENDPOINT, 5), "the stale entry stays");

        assertTrue(iommu.iotlb().containsFrame(memory, 0));
        assertFalse(iommu.iotlb().containsFrame(memory, 3 * PAGE));
        assertEquals(new IommuStatistics(1, 1, 0, 0, 0, 0, 0), iommu.statistics());
    }

    @Test
    void shouldForgetTheEntriesOfADestroyedAddressSpaceAndNeverReuseItsNumber() {
        map(5, 1, 0);
        assertTrue(iommu.cache(ENDPOINT, 5));
        long id = iommu.spaceId(ENDPOINT).orElseThrow();

        space.destroy();

        assertEquals(0, iommu.iotlb().size());
        assertEquals(OptionalLong.empty(), iommu.spaceId(ENDPOINT));
        assertEquals(0, iommu.dmaRead(ENDPOINT, 5 * PAGE, word));
        assertEquals(0, iommu.createAddressSpace().attach(ENDPOINT));
        assertTrue(iommu.spaceId(ENDPOINT).orElseThrow() > id);
    }

    @Test
    void shouldRefuseEverythingOnADestroyedAddressSpace() {
        space.destroy();

        assertEquals(-HostErrno.ENODEV, space.map(1, 1, memory, 0, Access.READ));
        assertEquals(-HostErrno.ENODEV, space.unmap(1, 1));
        assertEquals(-HostErrno.ENODEV, space.flush(new IotlbGather()));
        assertEquals(-HostErrno.ENODEV, space.attach(ENDPOINT));
        assertEquals(-HostErrno.ENOENT, space.detach(ENDPOINT));
    }

    @Test
    void shouldRefuseEverythingOnceClosed() {
        map(5, 1, 0);
        iommu.close();

        assertEquals(0, iommu.dmaRead(ENDPOINT, 5 * PAGE, word));
        assertEquals(Reason.BLOCKED, iommu.recentFaults().getLast().reason());
        HostIommuException refusal = assertThrows(HostIommuException.class, iommu::createAddressSpace);
        assertEquals(HostErrno.ENODEV, refusal.errno());
        assertEquals(0, iommu.statistics().addressSpaces());
    }

    @Test
    void shouldTellWrongArgumentsFromRangesBeyondTheAperture() {
        long lastBfn = iommu.capabilities().lastBfn();
        assertEquals(-HostErrno.EINVAL, space.map(-1, 1, memory, 0, Access.READ));
        assertEquals(-HostErrno.EINVAL, space.map(1, 0, memory, 0, Access.READ));
        assertEquals(-HostErrno.EINVAL, space.map(1, -1, memory, 0, Access.READ));
        assertEquals(-HostErrno.EINVAL, space.map(1, 1, memory, 0, 0));
        assertEquals(-HostErrno.EINVAL, space.map(1, 1, memory, 0, 4));
        assertEquals(-HostErrno.EINVAL, space.map(1, 1, memory, 1, Access.READ));
        assertEquals(-HostErrno.EINVAL, space.map(1, 1, memory, -PAGE, Access.READ));
        assertEquals(-HostErrno.EINVAL, space.map(1, 1, memory, 4 * PAGE, Access.READ));
        assertEquals(-HostErrno.EINVAL, space.map(1, 4, memory, PAGE, Access.READ));
        assertEquals(-HostErrno.EINVAL, space.map(0, lastBfn + 1, memory, 0, Access.READ));
        assertEquals(-HostErrno.ERANGE, space.map(lastBfn, 2, memory, 0, Access.READ));
        assertEquals(-HostErrno.ERANGE, space.map(lastBfn + 1, 1, memory, 0, Access.READ));
        assertEquals(-HostErrno.ERANGE, space.map(1, Long.MAX_VALUE, memory, 0, Access.READ));
        assertEquals(-HostErrno.EINVAL, space.unmap(0, 0));
        assertEquals(-HostErrno.ERANGE, space.unmap(lastBfn, 2));
        assertEquals(List.of(), iommu.areas(ENDPOINT));
    }

    @Test
    void shouldReportEachFaultWithItsReason() {
        List<String> told = new ArrayList<>();
        iommu.onFault((endpoint, iova, write) -> told.add(endpoint + " " + Long.toHexString(iova) + " " + write));
        map(5, 1, 0);
        assertEquals(0, space.map(6, 1, memory, 0, Access.READ));
        assertEquals(0, space.map(7, 1, memory, 0, Access.WRITE));

        assertEquals(PAGE, iommu.dmaWrite(ENDPOINT, 5 * PAGE, MemorySegment.ofArray(new byte[3 * PAGE])));
        assertEquals(0, iommu.dmaRead(ENDPOINT, 7 * PAGE + 16, word));
        assertEquals(0, iommu.dmaRead(ENDPOINT, -4, word));
        assertEquals(0, iommu.dmaRead(99, 5 * PAGE, word));

        assertEquals(
                List.of(
                        new DmaFault(ENDPOINT, 6 * PAGE, true, Reason.NOT_PERMITTED),
                        new DmaFault(ENDPOINT, 7 * PAGE + 16, false, Reason.NOT_PERMITTED),
                        new DmaFault(ENDPOINT, -4, false, Reason.NOT_MAPPED),
                        new DmaFault(99, 5 * PAGE, false, Reason.BLOCKED)),
                iommu.recentFaults());
        assertEquals(List.of("8 6000 true", "8 7010 false", "8 fffffffffffffffc false", "99 5000 false"), told);
    }

    @Test
    void shouldRememberTheLatestFaultsOnly() {
        for (int i = 0; i < 100; i++) {
            iommu.dmaRead(ENDPOINT, i * (long) PAGE, word);
        }

        assertEquals(100, iommu.statistics().faults());
        assertEquals(64, iommu.recentFaults().size());
        assertEquals(36L * PAGE, iommu.recentFaults().getFirst().iovaBytes());
        assertEquals(99L * PAGE, iommu.recentFaults().getLast().iovaBytes());
    }

    @Test
    void shouldLetAFaultListenerCallBackIntoTheIommu() {
        map(5, 1, 0);
        assertTrue(iommu.cache(ENDPOINT, 5));
        iommu.onFault((endpoint, iova, write) -> flush(5, 5));

        iommu.dmaRead(ENDPOINT, 6 * PAGE, word);

        assertEquals(0, iommu.iotlb().size());
    }

    @Test
    void shouldTreatClosedMemoryAsAFault() {
        map(5, 1, 0);
        memory.close();

        assertEquals(0, iommu.dmaRead(ENDPOINT, 5 * PAGE, word));
        assertEquals(0, iommu.dmaWrite(ENDPOINT, 5 * PAGE, word));

        assertEquals(Reason.MEMORY_GONE, iommu.recentFaults().getLast().reason());
        assertEquals(2, iommu.statistics().faults());
    }

    @Test
    void shouldNotTakeTheCallersMistakeForAFault() {
        map(5, 1, 0);
        Arena arena = Arena.ofShared();
        MemorySegment closed = arena.allocate(8);
        arena.close();

        assertThrows(IllegalStateException.class, () -> iommu.dmaRead(ENDPOINT, 5 * PAGE, closed));
        assertThrows(IllegalArgumentException.class, () -> iommu.dmaRead(ENDPOINT, 5 * PAGE, word.asReadOnly()));
        assertEquals(0, iommu.statistics().faults());
        flush(5, 5); // and no read section was left open
    }

    @Test
    void shouldRefuseABufferThatIsTooLongToCount(@TempDir Path folder) throws IOException {
        try (FileChannel file = FileChannel.open(
                        folder.resolve("long"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
                Arena arena = Arena.ofConfined()) {
            MemorySegment tooLong = file.map(FileChannel.MapMode.READ_WRITE, 0, 1L << 31, arena);

            assertMessage("lengthBytes=2147483648 max=2147483647", () -> iommu.dmaRead(ENDPOINT, 0, tooLong));
        }
    }

    /** Often enough that the copy runs compiled, where the JVM reports a lost page later than interpreted code does. */
    @Test
    void shouldTreatAFileThatWasCutShortAsAFault(@TempDir Path folder) throws IOException {
        Path path = folder.resolve("guest-memory");
        try (FileChannel file = FileChannel.open(
                        path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
                Arena arena = Arena.ofShared()) {
            file.truncate(0);
            MemorySegment mapped = file.map(FileChannel.MapMode.READ_WRITE, 0, 4L * PAGE, arena);
            assertEquals(0, space.map(5, 4, new MappedMemory(mapped), 0, Access.READ_WRITE));
            byte[] page = new byte[PAGE];
            for (int i = 0; i < 30_000; i++) {
                assertEquals(PAGE, iommu.dmaRead(ENDPOINT, 5 * PAGE, MemorySegment.ofArray(page)));
                assertEquals(8, iommu.dmaWrite(ENDPOINT, 6 * PAGE, word));
            }
            file.truncate(PAGE);
            for (int i = 0; i < 5_000; i++) {
                assertEquals(PAGE, iommu.dmaRead(ENDPOINT, 5 * PAGE, MemorySegment.ofArray(page)));
                assertEquals(0, iommu.dmaRead(ENDPOINT, 6 * PAGE, MemorySegment.ofArray(page)));
                assertEquals(0, iommu.dmaWrite(ENDPOINT, 7 * PAGE, word));
            }
            assertEquals(Reason.MEMORY_GONE, iommu.recentFaults().getLast().reason());
            assertEquals(10_000, iommu.statistics().faults());
            flush(5, 8);
        }
    }

    private record MappedMemory(MemorySegment segment) implements GuestMemory {
        @Override
        public int fileDescriptor() {
            return -1;
        }

        @Override
        public long fileOffsetBytes() {
            return 0;
        }

        @Override
        public void close() {}
    }

    @Test
    void shouldBindManyEndpoints() {
        HostAddressSpace other = iommu.createAddressSpace();
        for (int endpoint = -50; endpoint < 50; endpoint++) {
            if (endpoint != ENDPOINT) {
                assertEquals(0, (endpoint % 2 == 0 ? space : other).attach(endpoint));
            }
        }
        assertEquals(0, space.attach(ENDPOINT), "again to the same is no change");
        long even = iommu.spaceId(ENDPOINT).orElseThrow();
        assertEquals(0, space.detach(10));
        assertEquals(-HostErrno.ENOENT, space.detach(10));
        assertEquals(-HostErrno.ENOENT, space.detach(11));

        for (int endpoint = -50; endpoint < 50; endpoint++) {
            OptionalLong bound = iommu.spaceId(endpoint);
            if (endpoint == 10) {
                assertTrue(bound.isEmpty());
            } else {
                assertEquals(endpoint % 2 == 0, bound.orElseThrow() == even, "endpoint=" + endpoint);
            }
        }
        assertTrue(iommu.spaceId(50).isEmpty());
        space.destroy();
        assertTrue(iommu.spaceId(-50).isEmpty());
        assertTrue(iommu.spaceId(-49).isPresent());
    }

    @Test
    void shouldStillTranslateWhenTheIotlbIsFull() {
        try (SimulatedIommu small = new SimulatedIommu(new Settings(99, true, 1))) {
            HostAddressSpace tiny = small.createAddressSpace();
            assertEquals(0, tiny.attach(1));
            assertEquals(0, tiny.map(0, 4, memory, 0, Access.READ_WRITE));
            assertTrue(small.cache(1, 0));
            assertFalse(small.cache(1, 1));

            assertEquals(4 * PAGE, small.dmaRead(1, 0, MemorySegment.ofArray(new byte[4 * PAGE])));

            assertEquals(new IommuStatistics(1, 1, 1, 3, 0, 0, 0), small.statistics());
        }
    }

    private void map(long firstBfn, long pages, long firstFrame) {
        assertEquals(0, space.map(firstBfn, pages, memory, firstFrame * PAGE, Access.READ_WRITE));
    }

    private void flush(long firstBfn, long lastBfn) {
        IotlbGather gather = new IotlbGather();
        gather.add(firstBfn, lastBfn - firstBfn + 1);
        assertEquals(0, space.flush(gather));
    }

    private void flushWholeSpace() {
        IotlbGather gather = new IotlbGather();
        for (int i = 0; i <= IotlbGather.MAX_RANGES; i++) {
            gather.add(2L * i, 1);
        }
        assertEquals(0, space.flush(gather));
    }

    private static void assertMessage(String expected, Runnable call) {
        assertEquals(
                expected,
                assertThrows(IllegalArgumentException.class, call::run).getMessage());
    }
}
