package org.pviommu.host.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pviommu.engine.Access;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.Errno;
import org.pviommu.natives.iommu.LinuxIommu;

/** Section D of the fault catalogue, as far as it needs no kernel, at the type1 backend. */
class CatalogueDType1Test {
    private static final int MAP = LinuxIommu.VFIO_IOMMU_MAP_DMA();
    private static final int UNMAP = LinuxIommu.VFIO_IOMMU_UNMAP_DMA();
    private static final int ENDPOINT = ModelKernel.endpoint(0);
    private static final int SECOND = ModelKernel.endpoint(1);

    @TempDir
    private Path root;

    private final TestMemory memory = TestMemory.of(16);
    private ModelKernel kernel;
    private Type1Iommu iommu;
    private HostAddressSpace space;

    @BeforeEach
    void open() throws Exception {
        kernel = new ModelKernel(root, 2);
        reopen(false);
    }

    private void reopen(boolean remaps) {
        iommu = Type1Iommu.open(kernel, kernel.paths(), List.of(ENDPOINT, SECOND), remaps);
        space = iommu.createAddressSpace();
        kernel.asked.clear();
    }

    @AfterEach
    void close() {
        iommu.close();
        assertEquals(Set.of(), kernel.open);
        assertEquals(0, kernel.plantsLeft(), "a planted answer was not asked for");
    }

    private int map(long bfn, long pages) {
        return space.map(bfn, pages, memory, 0, Access.READ_WRITE);
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.EBUSY, Errno.ENOMEM, Errno.ENOSPC, Errno.EFAULT, Errno.EPERM, Errno.EOVERFLOW})
    void D01_to_D08_aRefusalMapsNothingAndIsNotRetried(int errno) {
        assertEquals(0, space.attach(ENDPOINT));
        kernel.plant(MAP, -errno);

        assertEquals(-errno, map(100, 4));

        assertEquals(1, kernel.count(MAP));
        assertEquals(Set.of(), kernel.bfns());
        assertEquals(0, map(100, 4));
    }

    @Test
    void D01_aCutIsRefusedWithoutAskingTheKernel() {
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(0, map(100, 4));
        assertEquals(0, map(104, 1));

        assertEquals(-Errno.EBUSY, space.unmap(101, 1));
        assertEquals(-Errno.EBUSY, space.unmap(100, 3));
        assertEquals(-Errno.EBUSY, space.unmap(103, 2));
        assertEquals(-Errno.ENOENT, space.unmap(99, 2));
        assertEquals(0, kernel.count(UNMAP));
        assertEquals(4, space.unmap(100, 4));
        assertEquals(Set.of(104L), kernel.bfns());
    }

    @Test
    void D03_moreMappingsThanAContainerTakes() {
        for (int i = 0; i < AreaIndex.MAX_AREAS; i++) {
            assertEquals(0, map(2L * i, 1));
        }

        assertEquals(-Errno.ENOSPC, map(2L * AreaIndex.MAX_AREAS, 1));
        assertEquals(1, space.unmap(0, 1));
        assertEquals(0, map(2L * AreaIndex.MAX_AREAS, 1));
    }

    @Test
    void D06_eintrIsRepeatedAndAppliedOnce() {
        assertEquals(0, space.attach(ENDPOINT));
        kernel.plant(MAP, -Errno.EINTR, 2);

        assertEquals(0, map(100, 1));

        assertEquals(3, kernel.count(MAP));
    }

    @Test
    void D09_aShortRemovalKeepsTheRest() {
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(0, map(100, 4));
        kernel.plantRemoval(UNMAP, 0, 3 << 12);

        assertEquals(3, space.unmap(100, 4));
        assertEquals(-Errno.ENOENT, space.unmap(100, 1));
        assertEquals(-Errno.EEXIST, map(103, 1));
    }

    @Test
    void D13_aGoneAddressSpaceAnswersNothingElse() {
        space.destroy();

        assertEquals(-Errno.ENODEV, map(1, 1));
        assertEquals(-Errno.ENODEV, space.unmap(1, 1));
        assertEquals(-Errno.ENODEV, space.attach(ENDPOINT));
        assertEquals(-Errno.ENODEV, iommu.createAddressSpace().attach(1));
    }

    @Test
    void D15_aRunThatOneGroupRefusesIsTakenBackFromTheOther() {
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(0, space.attach(SECOND));
        assertEquals(0, map(50, 1));
        kernel.asked.clear();
        kernel.plantAfter(MAP, 1, -Errno.ENOMEM);

        assertEquals(-Errno.ENOMEM, map(100, 4));

        assertEquals(Set.of(50L), kernel.bfns());
        assertEquals(0, map(100, 4));
        assertEquals(
                2,
                kernel.spaces.values().stream()
                        .filter(pages -> pages.size() == 5)
                        .count());
    }

    @Test
    void D16_aWayBackThatIsRefusedStopsTheAddressSpace() {
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(0, space.attach(SECOND));
        assertEquals(0, map(50, 1));
        kernel.plantAfter(MAP, 1, -Errno.ENOMEM);
        kernel.plant(UNMAP, -Errno.EFAULT);

        assertEquals(-Errno.ENOMEM, map(100, 4));

        assertEquals(Set.of(), kernel.bfns(), "devices reach nothing any more");
        assertEquals(-Errno.ENODEV, map(200, 1));
        assertEquals(-Errno.ENODEV, space.unmap(50, 1));
        assertEquals(0, space.detach(ENDPOINT));
        assertEquals(0, space.detach(SECOND));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, Integer.MAX_VALUE, -9999, -133})
    void D17_wrongSignsAndUnknownErrnosAreNeverSuccess(int answer) {
        assertEquals(0, space.attach(ENDPOINT));
        kernel.plant(MAP, answer);
        assertEquals(-Errno.EIO, map(100, 1));
        assertEquals(0, map(100, 1));
        kernel.plantRemoval(UNMAP, answer, 1 << 12);
        assertEquals(-Errno.EIO, space.unmap(100, 1));
        assertEquals(1, space.unmap(100, 1));
    }

    @Test
    void D18_anAttachmentThatIsRefusedHalfWayLeavesTheDeviceBlocked() {
        assertEquals(0, map(100, 4));
        assertEquals(0, map(200, 4));
        kernel.plantAfter(MAP, 1, -Errno.ENOMEM);

        assertEquals(-Errno.ENOMEM, space.attach(ENDPOINT));

        assertEquals(Set.of(), kernel.bfns());
        assertEquals(-Errno.ENOENT, space.detach(ENDPOINT));
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(8, kernel.bfns().size());
    }

    @Test
    void shouldCutByMappingAgainWhenTold() {
        iommu.close();
        reopen(true);
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(0, map(100, 5));

        assertEquals(1, space.unmap(102, 1));
        assertEquals(Set.of(100L, 101L, 103L, 104L), kernel.bfns());
        assertEquals(1, space.unmap(100, 1));
        assertEquals(1, space.unmap(104, 5));
        assertEquals(Set.of(101L, 103L), kernel.bfns());
    }

    @Test
    void shouldStopWhenACutLosesItsNeighbours() {
        iommu.close();
        reopen(true);
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(0, map(100, 5));
        kernel.plant(MAP, -Errno.ENOMEM);

        assertEquals(-Errno.EIO, space.unmap(102, 1));

        assertEquals(Set.of(), kernel.bfns());
        assertEquals(-Errno.ENODEV, map(200, 1));
    }

    @Test
    void shouldMoveAGroupWithItsMappings() {
        HostAddressSpace other = iommu.createAddressSpace();
        assertEquals(0, map(100, 2));
        assertEquals(0, other.map(200, 1, memory, 0, Access.READ));
        assertEquals(0, space.attach(ENDPOINT));
        assertEquals(Set.of(100L, 101L), kernel.bfns());
        assertEquals(-Errno.EBUSY, other.attach(ENDPOINT));

        assertEquals(0, space.detach(ENDPOINT));
        assertEquals(Set.of(), kernel.bfns());
        assertEquals(0, other.attach(ENDPOINT));
        assertEquals(Set.of(200L), kernel.bfns());
    }

    @Test
    void shouldDescribeItself() {
        assertEquals("vfio-type1", iommu.capabilities().name());
        assertEquals(0x4020_1000L, iommu.capabilities().pageSizeMask());
        EndpointDescriptor described = iommu.describe(new EndpointDescriptor(SECOND, List.of()));
        assertEquals(ModelKernel.group(1), described.group());
        assertThrows(HostIommuException.class, () -> iommu.openDevice(1));
    }
}
