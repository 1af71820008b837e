package org.pviommu.host.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.Errno;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.iommu_ioas_map;
import org.pviommu.natives.iommu.iommu_ioas_map_file;

/**
 * Tries at the start what this kernel can do, in address spaces of its own that no device is attached to: whether a page can be cut
 * out of an area with its neighbours staying, and whether it maps by file. The way of cutting is a combination that the kernel
 * documents in pieces only, so it is not taken on trust.
 */
final class IommufdProbe {
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE_BYTES = 1L << PAGE_SHIFT;
    /** 4 GiB: inside every aperture in use, and outside every window below it. */
    private static final long BFN = 1L << 20;

    private static final int PAGES = 4;

    private IommufdProbe() {}

    /**
     * What was found.
     *
     * @param cuts whether a page can be taken out of an area
     * @param mapsFiles whether the kernel maps by file
     * @param lastBfn the last bus frame that can be translated for every device, inclusive
     */
    record Found(boolean cuts, boolean mapsFiles, long lastBfn) {}

    /** Leaves nothing behind. */
    static Found run(Iommufd iommufd, long lastBfn) {
        try (SharedMemory memory = SharedMemory.create("pvi-probe", PAGES * PAGE_BYTES, Seals.SHRINK)) {
            return new Found(cuts(iommufd, memory), mapsFiles(iommufd, memory), lastBfn);
        }
    }

    private static boolean cuts(Iommufd iommufd, SharedMemory memory) {
        int ioas;
        try {
            ioas = iommufd.alloc(true);
        } catch (HostIommuException refused) {
            return false;
        }
        try (Arena local = Arena.ofConfined()) {
            MemorySegment removal = Iommufd.newRemoval(local);
            return map(iommufd, ioas, memory, local) == 0
                    && iommufd.remove(ioas, removal, BFN + 1, 1) == 1
                    && iommufd.remove(ioas, removal, BFN + 1, 1) == -Errno.ENOENT
                    && iommufd.remove(ioas, removal, BFN, 1) == 1
                    && iommufd.remove(ioas, removal, BFN + 2, 2) == 2;
        } finally {
            iommufd.destroy(ioas);
        }
    }

    private static int map(Iommufd iommufd, int ioas, SharedMemory memory, Arena local) {
        MemorySegment request = iommu_ioas_map.allocate(local);
        iommu_ioas_map.size(request, (int) iommu_ioas_map.sizeof());
        iommu_ioas_map.flags(request, flags());
        iommu_ioas_map.ioas_id(request, ioas);
        iommu_ioas_map.user_va(request, memory.segment().address());
        iommu_ioas_map.length(request, PAGES * PAGE_BYTES);
        iommu_ioas_map.iova(request, BFN << PAGE_SHIFT);
        return iommufd.request(LinuxIommu.IOMMU_IOAS_MAP(), request);
    }

    private static boolean mapsFiles(Iommufd iommufd, SharedMemory memory) {
        int ioas = iommufd.alloc(false);
        try (Arena local = Arena.ofConfined()) {
            MemorySegment request = iommu_ioas_map_file.allocate(local);
            iommu_ioas_map_file.size(request, (int) iommu_ioas_map_file.sizeof());
            iommu_ioas_map_file.flags(request, flags());
            iommu_ioas_map_file.ioas_id(request, ioas);
            iommu_ioas_map_file.fd(request, memory.fd().value());
            iommu_ioas_map_file.length(request, PAGES * PAGE_BYTES);
            iommu_ioas_map_file.iova(request, BFN << PAGE_SHIFT);
            return iommufd.request(LinuxIommu.IOMMU_IOAS_MAP_FILE(), request) == 0;
        } finally {
            iommufd.destroy(ioas);
        }
    }

    private static int flags() {
        return LinuxIommu.IOMMU_IOAS_MAP_FIXED_IOVA()
                | LinuxIommu.IOMMU_IOAS_MAP_READABLE()
                | LinuxIommu.IOMMU_IOAS_MAP_WRITEABLE();
    }
}
