package org.pviommu.natives.libc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the bindings of iommufd and VFIO state is what the kernel's headers say, as far as the installed ones know it. To check
 * all of it, give newer ones: {@code C_INCLUDE_PATH=DIR/usr/include:DIR/usr/include/x86_64-linux-gnu}.
 */
class IommuProbeTest {

    private static final String UNCHECKED = "unchecked.";

    /** In every header we build with: these are older than the bindings' newest parts by many years. */
    private static final Set<String> ALWAYS_CHECKED = Set.of(
            "constant.VFIO_IOMMU_MAP_DMA",
            "constant.VFIO_IOMMU_UNMAP_DMA",
            "constant.VFIO_GROUP_SET_CONTAINER",
            "constant.VFIO_TYPE1v2_IOMMU",
            "sizeof.vfio_iommu_type1_dma_map",
            "offsetof.vfio_iommu_type1_dma_unmap.size",
            "offsetof.vfio_region_info.offset",
            "offsetof.vfio_iommu_type1_info_cap_iova_range.iova_ranges");

    @TempDir
    private Path workFolder;

    @Test
    void shouldStateWhatTheKernelsHeadersSay(TestReporter reporter) throws Exception {
        Map<String, Long> printed = new TreeMap<>(Probe.run(workFolder, "iommu.c"));
        Set<String> unchecked = printed.keySet().stream()
                .filter(name -> name.startsWith(UNCHECKED))
                .map(name -> name.substring(UNCHECKED.length()))
                .collect(Collectors.toCollection(TreeSet::new));
        printed.keySet().removeIf(name -> name.startsWith(UNCHECKED));
        Map<String, Long> stated = new TreeMap<>(Bindings.IOMMU.facts());
        Set<String> names = new TreeSet<>(stated.keySet());

        Map<String, Long> compared = new TreeMap<>(stated);
        compared.keySet().removeAll(unchecked);
        assertEquals(printed, compared, "the probe's values (expected) and the bindings' (actual)");

        assertTrue(printed.keySet().containsAll(ALWAYS_CHECKED), "compared " + printed.keySet());
        assertTrue(names.containsAll(unchecked), "the probe speaks of what nobody states");
        reporter.publishEntry("compared", String.valueOf(printed.size()));
        reporter.publishEntry("not checked, these headers are too old", unchecked.toString());
    }

    @Test
    void shouldFindTheBindingsToCompare() {
        Set<String> structures =
                Bindings.IOMMU.structures().stream().map(Class::getSimpleName).collect(Collectors.toSet());

        assertEquals(26, structures.size(), structures.toString());
        assertTrue(
                Bindings.IOMMU.constants().keySet().containsAll(Set.of("IOMMU_IOAS_MAP_FILE", "VFIO_TYPE1v2_IOMMU")));
    }
}
