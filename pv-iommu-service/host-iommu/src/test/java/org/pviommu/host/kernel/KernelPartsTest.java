package org.pviommu.host.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.HostIommuException;
import org.pviommu.host.kernel.HostInspection.Finding;
import org.pviommu.host.kernel.HostInspection.Level;
import org.pviommu.natives.iommu.vfio_iommu_type1_info;

class KernelPartsTest {
    @TempDir
    private Path root;

    /** Linux 6.1 puts the first link at 84: a multiple of 4 and not of 8. */
    @Test
    void shouldReadACapabilityChainThatIsNotAligned() {
        MemorySegment info = Arena.ofAuto().allocate(200, 8);
        vfio_iommu_type1_info.flags(info, 3);
        vfio_iommu_type1_info.iova_pgsizes(info, 0x1000);
        vfio_iommu_type1_info.cap_offset(info, 84);
        capability(info, 84, 3, 160); // mappings left
        info.set(ValueLayout.JAVA_INT_UNALIGNED, 92, -1);
        capability(info, 160, 9, 100); // unknown
        capability(info, 100, 1, 0); // ranges
        info.set(ValueLayout.JAVA_INT_UNALIGNED, 108, 2);
        range(info, 116, 0, 0xfedfffffL);
        range(info, 132, 0xfef00000L, -1);

        Type1Info read = Type1Info.parse(info);

        assertEquals(0x1000, read.pageSizeMask());
        assertEquals(0xffff_ffffL, read.mappingsLeft());
        assertEquals(List.of(new FrameRange(0, 0xfedff), new FrameRange(0xfef00, (1L << 36) - 1)), read.allowed());
        assertEquals(List.of(new FrameRange(0xfee00, 0xfeeff)), AllowedRanges.holes(read.allowed(), (1L << 36) - 1));
    }

    /** A chain that turns in a circle, or leads outside, ends. */
    @Test
    void shouldNotFollowAChainForEver() {
        MemorySegment info = Arena.ofAuto().allocate(64, 8);
        vfio_iommu_type1_info.flags(info, 2);
        vfio_iommu_type1_info.cap_offset(info, 24);
        capability(info, 24, 9, 32);
        capability(info, 32, 1, 24);
        info.set(ValueLayout.JAVA_INT_UNALIGNED, 40, -1);
        assertEquals(List.of(), Type1Info.parse(info).allowed(), "one byte is no page");
        for (int offset : new int[] {-1, 57, 64, 1 << 30, 4}) {
            vfio_iommu_type1_info.cap_offset(info, offset);
            assertEquals(
                    List.of(new FrameRange(0, (1L << 36) - 1)),
                    Type1Info.parse(info).allowed());
        }
    }

    private static void capability(MemorySegment info, long at, int id, int next) {
        info.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, (short) id);
        info.set(ValueLayout.JAVA_INT_UNALIGNED, at + 4, next);
    }

    private static void range(MemorySegment info, long at, long first, long last) {
        info.set(ValueLayout.JAVA_LONG_UNALIGNED, at, first);
        info.set(ValueLayout.JAVA_LONG_UNALIGNED, at + 8, last);
    }

    @Test
    void shouldCountOnlyWholePages() {
        AllowedRanges ranges = new AllowedRanges();
        ranges.addBytes(0x10001, 0x12ffe);
        ranges.addBytes(0x100, 0xfff);
        ranges.addBytes(0x8000, 0x8fff);

        assertEquals(List.of(new FrameRange(8, 8), new FrameRange(0x11, 0x11)), ranges.frames());
        assertEquals(
                List.of(new FrameRange(0, 7), new FrameRange(9, 0x10), new FrameRange(0x12, 0x20)),
                AllowedRanges.holes(ranges.frames(), 0x20));
        assertEquals(List.of(new FrameRange(0, 5)), AllowedRanges.holes(ranges.frames(), 5));
    }

    @Test
    void D14_theLockLimitIsCheckedBeforeTheStartWithTheFigureThatIsNeeded() {
        MemoryLock limited = MemoryLock.of(limits("65536"), List.of("CapEff:\t0000000000000000"));

        HostIommuException refused = assertThrows(HostIommuException.class, () -> limited.require(1L << 30));

        assertEquals(12, refused.errno());
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.contains("limitBytes=65536") && message.contains("neededBytes=1140850688"), message);
        assertTrue(MemoryLock.of(limits("65536"), List.of("CapEff:\t0000000000004000"))
                .allows(Long.MAX_VALUE));
        assertTrue(MemoryLock.of(limits("unlimited"), List.of()).allows(Long.MAX_VALUE));
        assertFalse(MemoryLock.of(List.of(), List.of()).allows(0));
        MemoryLock exact = MemoryLock.of(limits("1140850688"), List.of());
        assertTrue(exact.allows(1L << 30));
        assertFalse(exact.allows((1L << 30) + 1));
        assertTrue(MemoryLock.current().exempt() || MemoryLock.current().limitBytes() > 0);
    }

    private static List<String> limits(String soft) {
        return List.of("Limit  Soft Limit", "Max locked memory         " + soft + "   unlimited  bytes");
    }

    @Test
    void shouldFindTheDevicesOfAMachine() throws Exception {
        ModelKernel kernel = new ModelKernel(root, 2);
        HostDevices devices = new HostDevices(kernel.paths().sysfs());

        HostDevices.Device device = devices.find(ModelKernel.endpoint(1));

        assertEquals(new HostDevices.Device(ModelKernel.endpoint(1), "0000:00:05.0", "vfio-pci", 11, "vfio1"), device);
        assertEquals(List.of(10, 11), devices.groups());
        assertEquals(List.of("0000:00:05.0"), devices.members(11));
        assertEquals(1, devices.reserved(11).size());
    }

    @Test
    void shouldInspectAMachineWithEverything() throws Exception {
        ModelKernel kernel = new ModelKernel(root, 1);
        List<Finding> findings = inspect(kernel, ModelKernel.endpoint(0));

        assertEquals(
                List.of(),
                findings.stream().filter(each -> each.level() == Level.MISSING).toList());
        assertTrue(textOf(findings, "0000:00:04.0").contains("reserved="), findings.toString());
        assertTrue(textOf(findings, "verdict").contains("iommufd"), findings.toString());
        assertEquals(0, kernel.open.size());
    }

    @Test
    void shouldNameTheCommandThatMendsADevice() throws Exception {
        ModelKernel kernel = new ModelKernel(root, 1);
        Path driver = kernel.paths().sysfs().resolve("bus/pci/devices/0000:00:04.0/driver");
        Path other = kernel.paths().sysfs().resolve("bus/pci/drivers/e1000");
        Files.createDirectories(other);
        Files.delete(driver);
        Files.createSymbolicLink(driver, other);

        Finding found = inspect(kernel, ModelKernel.endpoint(0)).stream()
                .filter(each -> each.subject().equals("0000:00:04.0"))
                .findFirst()
                .orElseThrow();

        assertEquals(Level.MISSING, found.level());
        assertTrue(found.text().contains("e1000"), found.text());
        assertTrue(found.mend().contains("driver_override") && found.mend().contains("unbind"), found.mend());
    }

    /** Wherever the tests run: no exception, an answer to each question, and without root. */
    @Test
    void shouldInspectThisMachine() {
        List<Finding> findings = HostInspection.run(List.of());

        assertTrue(findings.stream().anyMatch(each -> each.subject().equals("verdict")), findings.toString());
        assertTrue(findings.stream().anyMatch(each -> each.subject().equals("memory lock")), findings.toString());
    }

    private static List<Finding> inspect(ModelKernel kernel, int endpoint) throws Exception {
        Files.createDirectories(kernel.paths().vfio().resolve("devices"));
        Files.createFile(kernel.paths().vfio().resolve("devices/vfio0"));
        return new HostInspection(kernel, kernel.paths(), new MemoryLock(Long.MAX_VALUE, false))
                .inspect(List.of(endpoint));
    }

    private static String textOf(List<Finding> findings, String subject) {
        return findings.stream()
                .filter(each -> each.subject().equals(subject))
                .map(Finding::text)
                .findFirst()
                .orElse("");
    }
}
