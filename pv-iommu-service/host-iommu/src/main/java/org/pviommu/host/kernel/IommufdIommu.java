package org.pviommu.host.kernel;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.Errno;

/**
 * The kernel's IOMMU by {@code /dev/iommu}: one IOAS per address space, endpoints by the devices' own nodes. All endpoints are opened
 * and bound at the start, so that what is missing shows then, and each of them is blocked until it is attached.
 *
 * <p>Threads: any. Attaching, detaching and the list of address spaces are under one lock; mapping is not.
 */
public final class IommufdIommu implements KernelIommu {
    private static final Logger LOG = System.getLogger(IommufdIommu.class.getName());
    /** 4 KiB; larger pages are the kernel's own business, and off where pages are cut out. */
    private static final long PAGE_SIZE_MASK = 1L << 12;

    private final KernelCalls calls = new KernelCalls();
    private final HostDevices sysfs;
    private final Iommufd iommufd;
    private final Map<Integer, IommufdDevice> devices = new LinkedHashMap<>();
    private final Set<IommufdSpace> spaces = new HashSet<>();
    private final IommufdProbe.Found found;
    private final ReleaseRequests releases = new ReleaseRequests(this::release);
    private boolean closed;

    private IommufdIommu(Kernel kernel, KernelPaths paths, List<Integer> endpoints) {
        sysfs = new HostDevices(paths.sysfs());
        iommufd = new Iommufd(KernelPaths.open(kernel, paths.iommu()), calls);
        try {
            for (int endpoint : endpoints) {
                devices.put(endpoint, open(kernel, paths, endpoint));
            }
            devices.values().forEach(this::findAllowed);
            // With counters of its own, so that what it tries does not show in the statistics.
            devices.forEach((endpoint, device) -> releases.watch(endpoint, device.node(), calls));
            found = IommufdProbe.run(new Iommufd(iommufd.node(), new KernelCalls()), lastBfn());
        } catch (RuntimeException failed) {
            close();
            throw failed;
        }
    }

    /**
     * Opens the IOMMU and binds the endpoints.
     *
     * @param endpoints PCI devices, each with the driver vfio-pci
     * @throws HostIommuException naming what is missing and how it is mended; nothing is left open
     */
    public static IommufdIommu open(List<Integer> endpoints) {
        return open(Kernel.linux(), KernelPaths.usual(), endpoints);
    }

    static IommufdIommu open(Kernel kernel, KernelPaths paths, List<Integer> endpoints) {
        IommufdIommu iommu = new IommufdIommu(kernel, paths, endpoints);
        iommu.releases.start();
        return iommu;
    }

    private IommufdDevice open(Kernel kernel, KernelPaths paths, int endpoint) {
        HostDevices.Device device = paths.usable(sysfs, endpoint);
        if (device.node() == null) {
            throw new HostIommuException(
                    "device " + device.address() + " has no node in "
                            + paths.vfio().resolve("devices")
                            + ": the kernel lacks CONFIG_VFIO_DEVICE_CDEV; use --host vfio-type1",
                    Errno.ENODEV);
        }
        Path node = paths.vfio().resolve("devices").resolve(device.node());
        return IommufdDevice.bind(device, KernelPaths.open(kernel, node), iommufd);
    }

    /** In the thread that hears the kernel. */
    private void release(int endpoint) {
        boolean released;
        synchronized (this) {
            IommufdDevice device = devices.get(endpoint);
            released = device != null && device.release();
        }
        LOG.log(
                Level.WARNING,
                "the kernel wants device {0} back: {1}",
                PciAddress.of(endpoint),
                released ? "released, its guest goes on without it" : "whoever drives it has to close it");
    }

    /** The ranges of a device show in an address space that it is attached to. */
    private void findAllowed(IommufdDevice device) {
        int ioas = iommufd.alloc(false);
        try {
            int refused = device.attach(ioas, this);
            if (refused != 0) {
                throw new HostIommuException("device " + device.device().address() + " cannot be attached", -refused);
            }
            device.allowed(iommufd.allowed(ioas));
            device.detach();
        } finally {
            iommufd.destroy(ioas);
        }
    }

    private long lastBfn() {
        long last = devices.values().stream()
                .mapToLong(device -> AllowedRanges.lastBfn(device.allowed()))
                .min()
                .orElse(HostCapabilities.MAX_LAST_BFN);
        if (last < 0) {
            throw new HostIommuException("a device has no usable bus addresses", Errno.ENOSPC);
        }
        return last;
    }

    @Override
    public HostCapabilities capabilities() {
        return new HostCapabilities("iommufd", found.lastBfn(), PAGE_SIZE_MASK, found.cuts());
    }

    /** Whether guest memory is mapped by its file; otherwise by address, which needs it mapped in this process. */
    public boolean mapsFiles() {
        return found.mapsFiles();
    }

    @Override
    public EndpointDescriptor describe(EndpointDescriptor configured) {
        IommufdDevice device = device(configured.endpointId());
        List<FrameRange> holes = AllowedRanges.holes(device.allowed(), found.lastBfn());
        return EndpointMerge.of(
                configured,
                device.device().group(),
                holes,
                sysfs.reserved(device.device().group()));
    }

    @Override
    public synchronized HostAddressSpace createAddressSpace() {
        if (closed) {
            throw new HostIommuException("iommufd is closed", Errno.ENODEV);
        }
        IommufdSpace space = new IommufdSpace(this, iommufd, iommufd.alloc(found.cuts()), found);
        spaces.add(space);
        return space;
    }

    synchronized int attach(int endpoint, IommufdSpace space) {
        IommufdDevice device = devices.get(endpoint);
        if (device == null) {
            return -Errno.ENODEV;
        }
        if (device.user() != null) {
            return device.user() == space ? 0 : -Errno.EBUSY;
        }
        return device.attach(space.ioas(), space);
    }

    synchronized int detach(int endpoint, IommufdSpace space) {
        IommufdDevice device = devices.get(endpoint);
        return device == null || device.user() != space ? -Errno.ENOENT : device.detach();
    }

    /** Blocks what is attached, then gives the IOAS back, and with it what is mapped. */
    synchronized void destroy(IommufdSpace space) {
        if (spaces.remove(space)) {
            devices.values().stream().filter(device -> device.user() == space).forEach(IommufdDevice::detach);
            iommufd.destroy(space.ioas());
        }
    }

    @Override
    public synchronized DeviceFile openDevice(int endpoint) {
        return device(endpoint).lend();
    }

    private IommufdDevice device(int endpoint) {
        IommufdDevice device = devices.get(endpoint);
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

    /** Lets go of devices first, so that they are blocked, then of all address spaces. Idempotent. */
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        releases.close(); // without the lock, for which its thread may be waiting
        synchronized (this) {
            List.copyOf(spaces).forEach(IommufdSpace::destroy);
            devices.values().forEach(IommufdDevice::close);
            iommufd.close();
        }
    }
}
