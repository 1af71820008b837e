package org.pviommu.host.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.engine.Access;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.IotlbGather;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.natives.Errno;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.iommu.LinuxIommu;

/** Section D of the fault catalogue, as far as it needs no kernel: each answer of the kernel, at the iommufd backend. */
class CatalogueDIommufdTest {
    private static final int MAP_FILE = LinuxIommu.IOMMU_IOAS_MAP_FILE();
    private static final int MAP = LinuxIommu.IOMMU_IOAS_MAP();
    private static final int UNMAP = LinuxIommu.VFIO_IOMMU_UNMAP_DMA();
    private static final int SELECT = LinuxIommu.IOMMU_VFIO_IOAS();
    private static final int DETACH = LinuxIommu.VFIO_DEVICE_DETACH_IOMMUFD_PT();
    private static final int ENDPOINT = ModelKernel.endpoint(0);
    private static final int SECOND = ModelKernel.endpoint(1);

    @TempDir
    private Path root;

    private final TestMemory memory = TestMemory.of(16);
    private ModelKernel kernel;
    private IommufdIommu iommu;
    private HostAddressSpace space;

    @BeforeEach
    void open() throws Exception {
        kernel = new ModelKernel(root, 2);
        reopen();
    }

    private void reopen() {
        iommu = IommufdIommu.open(kernel, kernel.paths(), List.of(ENDPOINT, SECOND));
        space = iommu.createAddressSpace();
        kernel.asked.clear();
    }

    @AfterEach
    void close() {
        iommu.close();
        kernel.releaseEvents.values().forEach(EventFd::close);
        assertEquals(Set.of(), kernel.open);
        assertEquals(0, kernel.plantsLeft(), "a planted answer was not asked for");
    }

    private int map(long bfn, long pages) {
        return space.map(bfn, pages, memory, 0, Access.READ_WRITE);
    }

    /** ENOMEM and ENOSPC keep their meaning for the guest; the rest becomes -EIO in the engine; nothing is mapped, nothing retried. */
    private void requireRefusal(int answer, int expected) {
        kernel.plant(MAP_FILE, answer);

        assertEquals(expected, map(100, 4));

        assertEquals(Set.of(), kernel.bfns());
        assertEquals(1, kernel.count(MAP_FILE));
        assertEquals(0, map(100, 4));
        assertEquals(1, iommu.statistics().refusals());
    }

    @Test
    void D01_ebusy() {
        requireRefusal(-Errno.EBUSY, -Errno.EBUSY);
    }

    @Test
    void D01_aBusyRemovalIsTriedAFewTimesAndNeverPassesForACut() {
        assertEquals(0, map(100, 4));
        kernel.plantRemoval(UNMAP, -Errno.EBUSY, 4096);
        assertEquals(1, space.unmap(100, 1));
        kernel.plantRemoval(UNMAP, -Errno.EBUSY, 4096);
        kernel.plantRemoval(UNMAP, -Errno.ENOMEM, 4096);
        kernel.plantRemoval(UNMAP, -Errno.EBUSY, 4096);

        assertEquals(-Errno.EIO, space.unmap(101, 1));

        assertEquals(Set.of(101L, 102L, 103L), kernel.bfns());
    }

    @Test
    void D01_anEndpointThatIsBusyIsNotTaken() {
        HostAddressSpace other = iommu.createAddressSpace();
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(1, kernel.count(LinuxIommu.VFIO_DEVICE_ATTACH_IOMMUFD_PT()));

        assertEquals(-Errno.EBUSY, other.attach(ENDPOINT));
        assertEquals(-Errno.ENOENT, other.detach(ENDPOINT));
    }

    @Test
    void D02_enomem() {
        requireRefusal(-Errno.ENOMEM, -Errno.ENOMEM);
    }

    @Test
    void D03_enospc() {
        requireRefusal(-Errno.ENOSPC, -Errno.ENOSPC);
    }

    @Test
    void D04_efault() {
        requireRefusal(-Errno.EFAULT, -Errno.EFAULT);
    }

    @Test
    void D05_einvalIsCountedAsOurMistake() {
        kernel.plant(MAP, -Errno.EINVAL);

        assertEquals(-Errno.EINVAL, space.map(100, 1, memory.withoutFile(), 0, Access.READ_WRITE));

        assertEquals(1, iommu.statistics().invalid());
        assertEquals(Set.of(), kernel.bfns());
    }

    @Test
    void D06_eintrIsRepeatedAndAppliedOnce() {
        kernel.plant(MAP_FILE, -Errno.EINTR, 3);

        assertEquals(0, map(100, 4));

        assertEquals(4, kernel.count(MAP_FILE));
        assertEquals(Set.of(100L, 101L, 102L, 103L), kernel.bfns());
        assertEquals(3, iommu.statistics().interrupted());
    }

    @Test
    void D06_eintrIsNotRepeatedForEver() {
        kernel.plant(MAP_FILE, -Errno.EINTR, KernelCalls.MAX_REPEATS + 1);

        assertEquals(-Errno.EIO, map(100, 4));

        assertEquals(Set.of(), kernel.bfns());
    }

    @Test
    void D07_epermIsAnAlarm() {
        requireRefusal(-Errno.EPERM, -Errno.EPERM);

        assertEquals(1, iommu.statistics().denied());
    }

    @Test
    void D08_eoverflow() {
        requireRefusal(-Errno.EOVERFLOW, -Errno.EOVERFLOW);
    }

    @ParameterizedTest
    @CsvSource({"0, 2", "-14, 2", "-2, 1"})
    void D09_aShortRemovalCountsWhatTheKernelWroteBack(int answer, long removed) {
        assertEquals(0, map(100, 4));
        kernel.plantRemoval(UNMAP, answer, removed << 12);

        assertEquals(removed, space.unmap(100, 4));

        assertEquals(1, iommu.statistics().shortRemovals());
    }

    /** A call that failed before it wrote anything back leaves the size that was asked for. */
    @ParameterizedTest
    @CsvSource({"-14, 4", "-14, 0", "-14, 9"})
    void D09_aFailedRemovalWithoutASizeHasRemovedNothing(int answer, long written) {
        assertEquals(0, map(100, 4));
        kernel.plantRemoval(UNMAP, answer, written << 12);

        assertEquals(answer, space.unmap(100, 4));
    }

    @Test
    void D09_aHoleIsNoSuccess() {
        assertEquals(-Errno.ENOENT, space.unmap(100, 4));

        assertEquals(1, iommu.statistics().fruitless());
    }

    @Test
    void D10_aLongRemovalCountsWhatTheKernelWroteBack() {
        assertEquals(0, map(100, 4));
        kernel.plantRemoval(UNMAP, 0, 3 << 12);

        assertEquals(3, space.unmap(100, 1));

        assertEquals(1, iommu.statistics().longRemovals());
    }

    @Test
    void D13_aDeviceThatHasVanishedIsLetGoByClosingItsFile() {
        assertEquals(0, space.attach(ENDPOINT));
        kernel.plant(DETACH, -Errno.ENODEV);

        assertEquals(0, space.detach(ENDPOINT));

        assertEquals(List.of(), kernel.attached.keySet().stream().toList());
        assertEquals(2, kernel.open.size(), "open " + kernel.open);
        assertEquals(-Errno.ENODEV, space.attach(ENDPOINT));
        assertEquals(0, space.attach(SECOND));
    }

    @Test
    void D13_aDeviceThatSomebodyElseHasOpenIsNotCertainToBeBlocked() {
        assertEquals(0, space.attach(ENDPOINT));
        iommu.openDevice(ENDPOINT).close();
        kernel.plant(DETACH, -Errno.ENODEV);

        assertEquals(-Errno.ENODEV, space.detach(ENDPOINT));
        assertEquals(0, space.detach(ENDPOINT));
    }

    /** Unplugged, or taken from its driver: the kernel asks, and waits until the file is closed. */
    @Test
    void D13_aDeviceThatTheKernelWantsBackIsReleasedAtOnce() throws Exception {
        assertEquals(0, space.attach(ENDPOINT));
        kernel.closed.clear();
        String node = kernel.paths().vfio().resolve("devices/vfio0").toString();

        requireEvent(node).signal();

        assertEquals(node, kernel.closed.poll(60, TimeUnit.SECONDS));
        assertEquals(0, map(100, 1));
        assertEquals(0, space.detach(ENDPOINT));
        assertEquals(-Errno.ENODEV, space.attach(ENDPOINT));
        assertEquals(0, kernel.count(DETACH));
    }

    private EventFd requireEvent(String node) {
        EventFd event = kernel.releaseEvents.get(node);
        if (event == null) {
            throw new AssertionError("the backend does not listen to " + node);
        }
        return event;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 22, Integer.MAX_VALUE, -9999, -133, -25, Integer.MIN_VALUE})
    void D17_wrongSignsAndUnknownErrnosAreNeverSuccess(int answer) {
        kernel.plant(MAP_FILE, answer);
        kernel.plantRemoval(UNMAP, answer, 1 << 12);

        assertEquals(-Errno.EIO, map(100, 1));
        assertEquals(-Errno.EIO, space.unmap(100, 1));

        assertTrue(iommu.statistics().unknown() >= 1, iommu.statistics().toString());
    }

    @Test
    void D18_whatTheKernelRefusedIsNotMapped() {
        assertEquals(0, map(102, 1));

        assertEquals(-Errno.EEXIST, map(100, 4));

        assertEquals(Set.of(102L), kernel.bfns());
    }

    @Test
    void shouldAskOnceForARunAndNeverForAFlush() {
        assertEquals(0, map(100, 512 / 32));
        assertEquals(16, space.unmap(100, 16));
        assertEquals(0, map(100, 16));
        assertEquals(1, space.unmap(105, 1));
        assertEquals(0, space.flush(new IotlbGather()));

        KernelStatistics statistics = iommu.statistics();
        assertEquals(2, statistics.maps());
        assertEquals(2, statistics.unmaps());
        assertEquals(1, statistics.selections());
        assertEquals(0, statistics.fruitless());
        assertEquals(5, kernel.asked.size());
    }

    @Test
    void shouldSelectTheAddressSpaceThatIsMeant() {
        HostAddressSpace other = iommu.createAddressSpace();
        assertEquals(0, map(100, 2));
        assertEquals(0, other.map(100, 2, memory, 0, Access.READ));

        assertEquals(1, space.unmap(100, 1));
        assertEquals(1, other.unmap(101, 1));
        assertEquals(1, space.unmap(101, 1));

        assertEquals(Set.of(100L), kernel.bfns());
        assertEquals(3, iommu.statistics().selections());
    }

    @Test
    void shouldRemoveNothingAfterARefusedSelection() {
        HostAddressSpace other = iommu.createAddressSpace();
        assertEquals(0, map(100, 2));
        assertEquals(0, other.map(200, 2, memory, 0, Access.READ));
        assertEquals(1, other.unmap(200, 1));
        kernel.plant(SELECT, -Errno.ENODEV);

        assertEquals(-Errno.ENODEV, space.unmap(100, 2));

        assertEquals(Set.of(100L, 101L, 201L), kernel.bfns());
        assertEquals(2, space.unmap(100, 2));
    }

    @Test
    void shouldMapByAddressWhatHasNoFileOrNoneTheKernelTakes() {
        assertEquals(0, space.map(1, 1, memory.withoutFile(), 0, Access.READ));
        assertEquals(0, kernel.count(MAP_FILE));
        kernel.plant(MAP_FILE, -Errno.EINVAL);
        assertEquals(0, map(100, 4));
        assertEquals(0, map(200, 4));

        assertEquals(1, kernel.count(MAP_FILE));
        assertEquals(3, kernel.count(MAP));
    }

    @Test
    void shouldMapByAddressOnAKernelWithoutMappingByFile() {
        iommu.close();
        kernel.mapsFiles = false;
        reopen();

        assertFalse(iommu.mapsFiles());
        assertEquals(0, map(100, 4));
        assertEquals(0, kernel.count(MAP_FILE));
    }

    @Test
    void shouldSayThatItCannotCutAndRemoveWholeAreas() {
        iommu.close();
        kernel.cuts = false;
        reopen();
        assertFalse(iommu.capabilities().cutsMappings());
        assertEquals(0, map(100, 4));
        assertEquals(0, map(104, 2));

        assertEquals(-Errno.EBUSY, space.unmap(101, 1));
        assertEquals(-Errno.EBUSY, space.unmap(100, 3));
        assertEquals(4, space.unmap(100, 5));
        assertEquals(-Errno.ENOENT, space.unmap(100, 1));
        assertEquals(2, space.unmap(104, 2));
        assertEquals(0, iommu.statistics().refusals());
    }

    @Test
    void shouldDescribeAnEndpointByItsGroupAndHoles() {
        ReservedRegion own = new ReservedRegion(new FrameRange(5, 6), ReservedRegion.Kind.RESERVED);

        EndpointDescriptor described = iommu.describe(new EndpointDescriptor(ENDPOINT, List.of(own)));

        assertEquals((1L << 27) - 1, iommu.capabilities().lastBfn());
        assertEquals(ModelKernel.group(0), described.group());
        assertEquals(
                List.of(own, new ReservedRegion(new FrameRange(0xfee00, 0xfeeff), ReservedRegion.Kind.MSI)),
                described.reserved());
        assertThrows(HostIommuException.class, () -> iommu.describe(new EndpointDescriptor(1, List.of())));
    }

    @Test
    void shouldCheckBeforeItAsks() {
        long last = iommu.capabilities().lastBfn();

        assertEquals(-Errno.ERANGE, map(last, 2));
        assertEquals(-Errno.ERANGE, map(1, Long.MAX_VALUE));
        assertEquals(-Errno.EINVAL, map(-1, 1));
        assertEquals(-Errno.EINVAL, map(1, 0));
        assertEquals(-Errno.EINVAL, map(1, 17));
        assertEquals(-Errno.EINVAL, space.map(1, 1, memory, 1, Access.READ));
        assertEquals(-Errno.EINVAL, space.map(1, 1, memory, -4096, Access.READ));
        assertEquals(-Errno.EINVAL, space.map(1, 1, memory, 0, 0));
        assertEquals(-Errno.ERANGE, space.unmap(last + 1, 1));

        assertEquals(List.of(), kernel.asked);
    }

    @Test
    void shouldLetGoOfEverythingWithAnAddressSpace() {
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(0, map(100, 4));

        space.destroy();
        space.destroy();

        assertEquals(Set.of(), kernel.bfns());
        assertEquals(0, kernel.attached.size());
        assertEquals(-Errno.ENODEV, map(100, 1));
        assertEquals(-Errno.ENODEV, space.unmap(100, 1));
        assertEquals(-Errno.ENODEV, space.attach(ENDPOINT));
        assertEquals(-Errno.ENODEV, space.flush(new IotlbGather()));
    }

    @Test
    void shouldSayWhatIsMissingAndLeaveNothingOpen() {
        int none = ModelKernel.endpoint(20);
        HostIommuException missing =
                assertThrows(HostIommuException.class, () -> IommufdIommu.open(kernel, kernel.paths(), List.of(none)));
        iommu.close();

        assertTrue(String.valueOf(missing.getMessage()).contains("0000:00:18.0"), missing.getMessage());
        assertEquals(Set.of(), kernel.open);
    }
}
