package org.pviommu.host.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.Errno;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.vfio_group_status;
import org.pviommu.natives.iommu.vfio_iommu_type1_dma_map;
import org.pviommu.natives.iommu.vfio_iommu_type1_dma_unmap;

/**
 * One IOMMU group in a container of its own, for as long as the service runs. A container keeps its mappings only while a group is
 * in it, and a group cannot leave while its device is open; so it is the mappings that come and go with the address space, and a
 * group without an address space is in an empty container, which blocks it.
 *
 * <p>Requests are made once, so that mapping and removing allocate nothing. One thread at a time.
 */
final class Type1Container implements AutoCloseable {
    private static final int PAGE_SHIFT = 12;

    private final Kernel kernel;
    private final KernelCalls calls;
    private final int groupNumber;
    private final Kernel.Node container;
    private final Kernel.Node group;
    private final MemorySegment mapRequest;
    private final MemorySegment removal;
    private final MemorySegment emptying;
    /** The address space whose mappings are in it; null when it is empty. */
    private @Nullable Type1Space space;

    private Type1Container(
            Kernel kernel, KernelCalls calls, int groupNumber, Kernel.Node container, Kernel.Node group) {
        this.kernel = kernel;
        this.calls = calls;
        this.groupNumber = groupNumber;
        this.container = container;
        this.group = group;
        Arena arena = Arena.ofAuto();
        mapRequest = vfio_iommu_type1_dma_map.allocate(arena);
        vfio_iommu_type1_dma_map.argsz(mapRequest, (int) vfio_iommu_type1_dma_map.sizeof());
        removal = Iommufd.newRemoval(arena);
        emptying = Iommufd.newRemoval(arena);
        vfio_iommu_type1_dma_unmap.flags(emptying, LinuxIommu.VFIO_DMA_UNMAP_FLAG_ALL());
    }

    /**
     * Opens a group and puts it into a container.
     *
     * @throws HostIommuException saying what the kernel refused; nothing is left open
     */
    static Type1Container open(Kernel kernel, KernelCalls calls, KernelPaths paths, int group) {
        Path groupNode = paths.vfio().resolve(Integer.toString(group));
        Kernel.Node container = KernelPaths.open(kernel, paths.vfio().resolve("vfio"));
        Kernel.Node opened = null;
        try {
            opened = KernelPaths.open(kernel, groupNode);
            Type1Container made = new Type1Container(kernel, calls, group, container, opened);
            made.join();
            return made;
        } catch (RuntimeException failed) {
            if (opened != null) {
                opened.close();
            }
            container.close();
            throw failed;
        }
    }

    private void join() {
        int version = container.ioctl(LinuxIommu.VFIO_GET_API_VERSION(), 0);
        if (version != LinuxIommu.VFIO_API_VERSION()) {
            throw new HostIommuException("VFIO version=" + version + " known=0", Errno.EOPNOTSUPP);
        }
        // Version 1 of type1 claims success for cuts that it does not make, or makes too much of them.
        if (container.ioctl(LinuxIommu.VFIO_CHECK_EXTENSION(), LinuxIommu.VFIO_TYPE1v2_IOMMU()) != 1) {
            throw new HostIommuException(
                    "the kernel has no VFIO type1 version 2; its module is vfio_iommu_type1", Errno.EOPNOTSUPP);
        }
        if (container.ioctl(LinuxIommu.VFIO_CHECK_EXTENSION(), LinuxIommu.VFIO_UNMAP_ALL()) != 1) {
            throw new HostIommuException(
                    "the kernel's VFIO cannot empty a container; Linux 5.12 can", Errno.EOPNOTSUPP);
        }
        requireViable();
        try (Arena local = Arena.ofConfined()) {
            MemorySegment number = local.allocate(ValueLayout.JAVA_INT);
            number.set(ValueLayout.JAVA_INT, 0, container.number());
            require(asked(group, LinuxIommu.VFIO_GROUP_SET_CONTAINER(), number), "cannot be put into a container");
        }
        int refused = KernelErrno.ofCall(container.ioctl(LinuxIommu.VFIO_SET_IOMMU(), LinuxIommu.VFIO_TYPE1v2_IOMMU()));
        require(
                refused,
                refused == -Errno.EPERM
                        ? "cannot be used: the platform does not isolate interrupts; with "
                                + "vfio_iommu_type1.allow_unsafe_interrupts=1 on the kernel command line it can be used all the "
                                + "same, at the risk that a device forges interrupts"
                        : "cannot be used with type1");
    }

    private void requireViable() {
        try (Arena local = Arena.ofConfined()) {
            MemorySegment status = vfio_group_status.allocate(local);
            vfio_group_status.argsz(status, (int) vfio_group_status.sizeof());
            require(asked(group, LinuxIommu.VFIO_GROUP_GET_STATUS(), status), "says nothing about itself");
            if ((vfio_group_status.flags(status) & LinuxIommu.VFIO_GROUP_FLAGS_VIABLE()) == 0) {
                throw new HostIommuException(
                        "IOMMU group " + groupNumber
                                + " cannot be used: each of its devices must have the driver vfio-pci or none",
                        Errno.EBUSY);
            }
        }
    }

    int groupNumber() {
        return groupNumber;
    }

    @Nullable
    Type1Space space() {
        return space;
    }

    void space(@Nullable Type1Space newSpace) {
        space = newSpace;
    }

    /** Maps one area: 0, or a negative errno and nothing changed. */
    int map(long firstBfn, long pages, long address, int access) {
        vfio_iommu_type1_dma_map.flags(mapRequest, flags(access));
        vfio_iommu_type1_dma_map.vaddr(mapRequest, address);
        vfio_iommu_type1_dma_map.iova(mapRequest, firstBfn << PAGE_SHIFT);
        vfio_iommu_type1_dma_map.size(mapRequest, pages << PAGE_SHIFT);
        return calls.zeroOrError(calls.ask(container, LinuxIommu.VFIO_IOMMU_MAP_DMA(), mapRequest, calls.maps));
    }

    private static int flags(int access) {
        return ((access & Access.READ) != 0 ? LinuxIommu.VFIO_DMA_MAP_FLAG_READ() : 0)
                | ((access & Access.WRITE) != 0 ? LinuxIommu.VFIO_DMA_MAP_FLAG_WRITE() : 0);
    }

    /** Removes whole areas, as {@link Removal#outcome}. */
    long unmap(long firstBfn, long pages) {
        vfio_iommu_type1_dma_unmap.iova(removal, firstBfn << PAGE_SHIFT);
        vfio_iommu_type1_dma_unmap.size(removal, pages << PAGE_SHIFT);
        int answer = calls.ask(container, LinuxIommu.VFIO_IOMMU_UNMAP_DMA(), removal, calls.unmaps);
        return Removal.outcome(answer, vfio_iommu_type1_dma_unmap.size(removal), pages, calls);
    }

    /** Removes everything: 0, or a negative errno. */
    int unmapAll() {
        vfio_iommu_type1_dma_unmap.iova(emptying, 0);
        vfio_iommu_type1_dma_unmap.size(emptying, 0);
        return calls.zeroOrError(calls.ask(container, LinuxIommu.VFIO_IOMMU_UNMAP_DMA(), emptying, calls.unmaps));
    }

    /** Opens the device; the caller closes it. While it is open the group stays where it is. */
    DeviceFile openDevice(String address) {
        try (Arena local = Arena.ofConfined()) {
            int opened = group.ioctl(LinuxIommu.VFIO_GROUP_GET_DEVICE_FD(), local.allocateFrom(address));
            if (opened < 0) {
                throw new HostIommuException("device " + address + " cannot be opened", -opened);
            }
            try (Kernel.Node node = kernel.adopt(opened, address)) {
                return node.duplicate();
            }
        }
    }

    int ask(int request, MemorySegment argument) {
        return asked(container, request, argument);
    }

    private int asked(Kernel.Node node, int request, MemorySegment argument) {
        return calls.zeroOrError(calls.ask(node, request, argument, calls.others));
    }

    void require(int result, String what) {
        if (result != 0) {
            throw new HostIommuException("IOMMU group " + groupNumber + " " + what, -result);
        }
    }

    /** The container first: with it go the mappings. */
    @Override
    public void close() {
        space = null;
        container.close();
        group.close();
    }
}
