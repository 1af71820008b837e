package org.pviommu.host.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.Errno;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.iommu_destroy;
import org.pviommu.natives.iommu.iommu_ioas_alloc;
import org.pviommu.natives.iommu.iommu_ioas_iova_ranges;
import org.pviommu.natives.iommu.iommu_iova_range;
import org.pviommu.natives.iommu.iommu_option;
import org.pviommu.natives.iommu.iommu_vfio_ioas;
import org.pviommu.natives.iommu.vfio_iommu_type1_dma_unmap;

/**
 * One open {@code /dev/iommu}: makes address spaces (IOAS), and removes pages from them.
 *
 * <p><b>Why removals take a lock.</b> The native removal takes away whole areas only. The VFIO-compatible one cuts an area, when huge
 * pages are off, but it is about the one address space that the descriptor has selected. A removal after a missed selection would
 * hit another guest's address space without any sign of it, so selection and removal are one step under one lock. The lock also
 * lets the selection be remembered: only a removal in another address space than the last one pays for it.
 */
final class Iommufd implements AutoCloseable {
    private static final int PAGE_SHIFT = 12;
    private static final int NOTHING_SELECTED = -1;
    /** More ranges than any IOMMU has holes. */
    private static final int MAX_RANGES = 256;
    /** How often a removal that met a moment's lack of memory, or somebody else's use, is tried. */
    private static final int REMOVAL_ATTEMPTS = 3;

    private final Kernel.Node node;
    private final KernelCalls calls;
    private final Arena arena = Arena.ofAuto();
    private final MemorySegment selection = iommu_vfio_ioas.allocate(arena);
    /** Under the lock, as {@link #selection} is. */
    private int selected = NOTHING_SELECTED;

    Iommufd(Kernel.Node node, KernelCalls calls) {
        this.node = node;
        this.calls = calls;
        iommu_vfio_ioas.size(selection, (int) iommu_vfio_ioas.sizeof());
        iommu_vfio_ioas.op(selection, (short) LinuxIommu.IOMMU_VFIO_IOAS_SET());
    }

    Kernel.Node node() {
        return node;
    }

    KernelCalls calls() {
        return calls;
    }

    /**
     * An empty address space.
     *
     * @param cuts whether pages will be cut out of areas: huge pages are off from the start then, because turning them off later is
     *     refused and turning them on again would make every cut fail
     * @throws HostIommuException when the kernel refuses
     */
    int alloc(boolean cuts) {
        try (Arena local = Arena.ofConfined()) {
            MemorySegment request = iommu_ioas_alloc.allocate(local);
            iommu_ioas_alloc.size(request, (int) iommu_ioas_alloc.sizeof());
            require(request(LinuxIommu.IOMMU_IOAS_ALLOC(), request), "no address space");
            int ioas = iommu_ioas_alloc.out_ioas_id(request);
            if (cuts) {
                turnOffHugePages(ioas, local);
            }
            return ioas;
        }
    }

    private void turnOffHugePages(int ioas, Arena local) {
        MemorySegment option = iommu_option.allocate(local);
        iommu_option.size(option, (int) iommu_option.sizeof());
        iommu_option.option_id(option, LinuxIommu.IOMMU_OPTION_HUGE_PAGES());
        iommu_option.op(option, (short) LinuxIommu.IOMMU_OPTION_OP_SET());
        iommu_option.object_id(option, ioas);
        iommu_option.val64(option, 0);
        int refused = request(LinuxIommu.IOMMU_OPTION(), option);
        if (refused != 0) {
            destroy(ioas);
            require(refused, "huge pages of an address space stay on");
        }
    }

    /** Gives an object back: 0, or a negative errno. */
    int destroy(int id) {
        synchronized (this) {
            if (selected == id) {
                selected = NOTHING_SELECTED; // the kernel forgets it with the object, and may use the number again
            }
        }
        try (Arena local = Arena.ofConfined()) {
            MemorySegment request = iommu_destroy.allocate(local);
            iommu_destroy.size(request, (int) iommu_destroy.sizeof());
            iommu_destroy.id(request, id);
            return request(LinuxIommu.IOMMU_DESTROY(), request);
        }
    }

    /** Where {@code ioas} may map, as frames, in ascending order; a range smaller than a page is left out. */
    List<FrameRange> allowed(int ioas) {
        try (Arena local = Arena.ofConfined()) {
            MemorySegment ranges = iommu_iova_range.allocateArray(MAX_RANGES, local);
            MemorySegment request = iommu_ioas_iova_ranges.allocate(local);
            iommu_ioas_iova_ranges.size(request, (int) iommu_ioas_iova_ranges.sizeof());
            iommu_ioas_iova_ranges.ioas_id(request, ioas);
            iommu_ioas_iova_ranges.num_iovas(request, MAX_RANGES);
            iommu_ioas_iova_ranges.allowed_iovas(request, ranges.address());
            require(request(LinuxIommu.IOMMU_IOAS_IOVA_RANGES(), request), "allowed ranges unknown");
            long alignmentBytes = iommu_ioas_iova_ranges.out_iova_alignment(request);
            if (Long.compareUnsigned(alignmentBytes, 1L << PAGE_SHIFT) > 0) {
                throw new HostIommuException(
                        "the IOMMU maps units of " + Long.toUnsignedString(alignmentBytes) + " bytes, 4096 are needed",
                        Errno.EINVAL);
            }
            AllowedRanges found = new AllowedRanges();
            for (int i = 0; i < iommu_ioas_iova_ranges.num_iovas(request); i++) {
                MemorySegment range = iommu_iova_range.asSlice(ranges, i);
                found.addBytes(iommu_iova_range.start(range), iommu_iova_range.last(range));
            }
            return found.frames();
        }
    }

    /**
     * Removes pages, wherever areas begin and end.
     *
     * @param request a structure of the caller's own, filled in here
     * @return as {@link Removal#outcome}
     */
    long remove(int ioas, MemorySegment request, long firstBfn, long pages) {
        long outcome = -Errno.EIO;
        for (int attempt = 0; attempt < REMOVAL_ATTEMPTS; attempt++) {
            vfio_iommu_type1_dma_unmap.iova(request, firstBfn << PAGE_SHIFT);
            vfio_iommu_type1_dma_unmap.size(request, pages << PAGE_SHIFT);
            int answer;
            synchronized (this) {
                answer = select(ioas);
                if (answer == 0) {
                    answer = calls.ask(node, LinuxIommu.VFIO_IOMMU_UNMAP_DMA(), request, calls.unmaps);
                }
            }
            outcome = Removal.outcome(answer, vfio_iommu_type1_dma_unmap.size(request), pages, calls);
            if (outcome > 0 || (answer != -Errno.EBUSY && answer != -Errno.ENOMEM)) {
                return outcome;
            }
        }
        return outcome;
    }

    private int select(int ioas) {
        if (selected == ioas) {
            return 0;
        }
        iommu_vfio_ioas.ioas_id(selection, ioas);
        int answer = calls.ask(node, LinuxIommu.IOMMU_VFIO_IOAS(), selection, calls.selections);
        // After a refusal it is not known what is selected, and nothing may be removed.
        selected = answer == 0 ? ioas : NOTHING_SELECTED;
        return answer;
    }

    /** A structure for {@link #remove}. */
    static MemorySegment newRemoval(Arena arena) {
        MemorySegment request = vfio_iommu_type1_dma_unmap.allocate(arena);
        vfio_iommu_type1_dma_unmap.argsz(request, (int) vfio_iommu_type1_dma_unmap.sizeof());
        return request;
    }

    int request(int request, MemorySegment argument) {
        return calls.zeroOrError(calls.ask(node, request, argument, calls.others));
    }

    private static void require(int result, String what) {
        if (result != 0) {
            throw new HostIommuException("iommufd: " + what, -result);
        }
    }

    @Override
    public void close() {
        node.close();
    }
}
