package org.pviommu.host.kernel;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.Errno;

/**
 * The kernel's IOMMU by VFIO containers and groups, the older interface: type1, version 2 and never 1. Each group of the named
 * endpoints gets a container at the start, which is empty, and so blocks it, until an endpoint is attached.
 *
 * <p>Threads: any; the map of groups does not change after the start.
 */
public final class Type1Iommu implements KernelIommu {
    private static final long PAGE_BYTES = 4096;

    private final KernelCalls calls = new KernelCalls();
    private final HostDevices sysfs;
    private final boolean remaps;
    private final Map<Integer, HostDevices.Device> devices = new LinkedHashMap<>();
    private final Map<Integer, Type1Container> containers = new LinkedHashMap<>();
    private final Map<Integer, List<FrameRange>> allowed = new LinkedHashMap<>();
    private final Set<Type1Space> spaces = new HashSet<>();
    private long lastBfn = HostCapabilities.MAX_LAST_BFN;
    private long pageSizeMask = PAGE_BYTES;
    private boolean closed;

    private Type1Iommu(Kernel kernel, KernelPaths paths, List<Integer> endpoints, boolean remaps) {
        sysfs = new HostDevices(paths.sysfs());
        this.remaps = remaps;
        try {
            for (int endpoint : endpoints) {
                HostDevices.Device device = paths.usable(sysfs, endpoint);
                devices.put(endpoint, device);
                if (!containers.containsKey(device.group())) {
                    Type1Container container = Type1Container.open(kernel, calls, paths, device.group());
                    containers.put(device.group(), container);
                    look(device.group(), Type1Info.of(container));
                }
            }
        } catch (RuntimeException failed) {
            close();
            throw failed;
        }
    }

    /**
     * Opens the groups of the endpoints.
     *
     * @param endpoints PCI devices, each with the driver vfio-pci
     * @param remaps whether a page may be taken out of a larger mapping by removing the mapping and making it again around the page,
     *     during which its neighbours are unmapped for a moment; otherwise -EBUSY
     * @throws HostIommuException naming what is missing and how it is mended; nothing is left open
     */
    public static Type1Iommu open(List<Integer> endpoints, boolean remaps) {
        return open(Kernel.linux(), KernelPaths.usual(), endpoints, remaps);
    }

    static Type1Iommu open(Kernel kernel, KernelPaths paths, List<Integer> endpoints, boolean remaps) {
        return new Type1Iommu(kernel, paths, endpoints, remaps);
    }

    private void look(int group, Type1Info info) {
        if ((info.pageSizeMask() & -info.pageSizeMask()) > PAGE_BYTES || info.pageSizeMask() == 0) {
            throw new HostIommuException(
                    "IOMMU group " + group + " maps pages 0x" + Long.toHexString(info.pageSizeMask())
                            + ", 4096 is needed",
                    Errno.EINVAL);
        }
        allowed.put(group, info.allowed());
        lastBfn = Math.min(lastBfn, AllowedRanges.lastBfn(info.allowed()));
        pageSizeMask = info.pageSizeMask() | PAGE_BYTES;
        if (lastBfn < 0) {
            throw new HostIommuException("IOMMU group " + group + " has no usable bus addresses", Errno.ENOSPC);
        }
    }

    @Override
    public HostCapabilities capabilities() {
        return new HostCapabilities("vfio-type1", lastBfn, pageSizeMask, remaps);
    }

    @Override
    public EndpointDescriptor describe(EndpointDescriptor configured) {
        int group = device(configured.endpointId()).group();
        List<FrameRange> holes = AllowedRanges.holes(allowed.getOrDefault(group, List.of()), lastBfn);
        return EndpointMerge.of(configured, group, holes, sysfs.reserved(group));
    }

    @Override
    public synchronized HostAddressSpace createAddressSpace() {
        if (closed) {
            throw new HostIommuException("vfio-type1 is closed", Errno.ENODEV);
        }
        Type1Space space = new Type1Space(this, lastBfn, remaps);
        spaces.add(space);
        return space;
    }

    /** The container of an endpoint's group, or null. */
    @Nullable
    Type1Container container(int endpoint) {
        HostDevices.Device device = devices.get(endpoint);
        return device == null ? null : containers.get(device.group());
    }

    synchronized void forget(Type1Space space) {
        spaces.remove(space);
    }

    @Override
    public DeviceFile openDevice(int endpoint) {
        HostDevices.Device device = device(endpoint);
        Type1Container container = container(endpoint);
        if (container == null) {
            throw new HostIommuException("device " + device.address() + " has no group", Errno.ENODEV);
        }
        return container.openDevice(device.address());
    }

    private HostDevices.Device device(int endpoint) {
        HostDevices.Device device = devices.get(endpoint);
        if (device == null) {
            throw new HostIommuException(
                    "endpoint " + PciAddress.of(endpoint) + " was not named when the service started", Errno.ENODEV);
        }
        return device;
    }

    @Override
    public KernelStatistics statistics() {
        return calls.statistics();
    }

    /** Empties and closes all containers, with which the devices are blocked. Idempotent. */
    @Override
    public synchronized void close() {
        closed = true;
        List.copyOf(spaces).forEach(Type1Space::destroy);
        containers.values().forEach(Type1Container::close);
    }
}
