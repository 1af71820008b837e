package org.pviommu.host.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.pviommu.engine.FrameRange;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.vfio_info_cap_header;
import org.pviommu.natives.iommu.vfio_iommu_type1_info;
import org.pviommu.natives.iommu.vfio_iommu_type1_info_cap_iova_range;
import org.pviommu.natives.iommu.vfio_iommu_type1_info_dma_avail;
import org.pviommu.natives.iommu.vfio_iova_range;

/**
 * What a container says about itself. Its capability chain is walked without trust in alignment: old kernels put structures with
 * 64-bit fields at multiples of 4 only.
 *
 * @param pageSizeMask page sizes in bytes, one bit each
 * @param allowed where it can map, ascending; all of the aperture when it does not say
 * @param mappingsLeft how many more mappings it takes; -1 when it does not say
 */
record Type1Info(long pageSizeMask, List<FrameRange> allowed, long mappingsLeft) {
    private static final int MAX_INFO_BYTES = 64 * 1024;
    /** More links than any kernel has kinds of them. */
    private static final int MAX_LINKS = 64;

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    /** Asks twice: how long the answer is, then for the answer. A negative errno's exception is the caller's. */
    static Type1Info of(Type1Container container) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment head = vfio_iommu_type1_info.allocate(arena);
            vfio_iommu_type1_info.argsz(head, (int) head.byteSize());
            container.require(container.ask(LinuxIommu.VFIO_IOMMU_GET_INFO(), head), "says nothing about itself");
            int sizeBytes = Math.clamp(vfio_iommu_type1_info.argsz(head), (int) head.byteSize(), MAX_INFO_BYTES);
            MemorySegment info = arena.allocate(sizeBytes, Long.BYTES);
            vfio_iommu_type1_info.argsz(info, sizeBytes);
            container.require(container.ask(LinuxIommu.VFIO_IOMMU_GET_INFO(), info), "says nothing about itself");
            return parse(info);
        }
    }

    static Type1Info parse(MemorySegment info) {
        AllowedRanges ranges = new AllowedRanges();
        boolean bounded = false;
        long mappingsLeft = -1;
        int flags = vfio_iommu_type1_info.flags(info);
        long pageSizes =
                (flags & LinuxIommu.VFIO_IOMMU_INFO_PGSIZES()) != 0 ? vfio_iommu_type1_info.iova_pgsizes(info) : 0;
        long at = (flags & LinuxIommu.VFIO_IOMMU_INFO_CAPS()) != 0
                ? Integer.toUnsignedLong(vfio_iommu_type1_info.cap_offset(info))
                : 0;
        for (int link = 0; link < MAX_LINKS && isInside(info, at, vfio_info_cap_header.sizeof()); link++) {
            MemorySegment capability = info.asSlice(at);
            int id = Short.toUnsignedInt(capability.get(SHORT, vfio_info_cap_header.id$offset()));
            if (id == LinuxIommu.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE()) {
                bounded |= addRanges(capability, ranges);
            } else if (id == LinuxIommu.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL()
                    && capability.byteSize() >= vfio_iommu_type1_info_dma_avail.sizeof()) {
                mappingsLeft =
                        Integer.toUnsignedLong(capability.get(INT, vfio_iommu_type1_info_dma_avail.avail$offset()));
            }
            at = Integer.toUnsignedLong(capability.get(INT, vfio_info_cap_header.next$offset()));
        }
        if (!bounded) {
            ranges.addBytes(0, -1);
        }
        return new Type1Info(pageSizes, ranges.frames(), mappingsLeft);
    }

    /** A chain ends with the offset 0; one that leads into the fixed part, or outside, is no chain. */
    private static boolean isInside(MemorySegment info, long at, long sizeBytes) {
        return at >= vfio_iommu_type1_info.pad$offset() && at <= info.byteSize() - sizeBytes;
    }

    private static boolean addRanges(MemorySegment capability, AllowedRanges ranges) {
        long first = vfio_iommu_type1_info_cap_iova_range.sizeof();
        if (capability.byteSize() < first) {
            return false;
        }
        long claimed =
                Integer.toUnsignedLong(capability.get(INT, vfio_iommu_type1_info_cap_iova_range.nr_iovas$offset()));
        long count = Math.min(claimed, (capability.byteSize() - first) / vfio_iova_range.sizeof());
        for (long i = 0; i < count; i++) {
            long range = first + i * vfio_iova_range.sizeof();
            ranges.addBytes(
                    capability.get(LONG, range + vfio_iova_range.start$offset()),
                    capability.get(LONG, range + vfio_iova_range.end$offset()));
        }
        return true;
    }
}
