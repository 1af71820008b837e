package org.pviommu.host.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.Errno;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.vfio_device_attach_iommufd_pt;
import org.pviommu.natives.iommu.vfio_device_bind_iommufd;
import org.pviommu.natives.iommu.vfio_device_detach_iommufd_pt;

/**
 * A device that was opened by its own node and bound to an iommufd. Bound and not attached it is blocked: the kernel gives it a
 * domain in which nothing is mapped. Under the lock of {@link IommufdIommu}.
 */
final class IommufdDevice implements AutoCloseable {
    private final HostDevices.Device device;
    private final Kernel.Node node;
    private final KernelCalls calls;
    private List<FrameRange> allowed = List.of();
    private @Nullable Object user;
    private boolean lent;
    private boolean gone;

    private IommufdDevice(HostDevices.Device device, Kernel.Node node, KernelCalls calls) {
        this.device = device;
        this.node = node;
        this.calls = calls;
    }

    /**
     * Binds an open node; closes it on failure.
     *
     * @throws HostIommuException when the kernel refuses
     */
    static IommufdDevice bind(HostDevices.Device device, Kernel.Node node, Iommufd iommufd) {
        try (Arena local = Arena.ofConfined()) {
            MemorySegment request = vfio_device_bind_iommufd.allocate(local);
            // Without the token, which came later: an older kernel refuses a flag, never a shorter structure.
            vfio_device_bind_iommufd.argsz(request, (int) vfio_device_bind_iommufd.token_uuid_ptr$offset());
            vfio_device_bind_iommufd.iommufd(request, iommufd.node().number());
            KernelCalls calls = iommufd.calls();
            int refused = calls.zeroOrError(
                    calls.ask(node, LinuxIommu.VFIO_DEVICE_BIND_IOMMUFD(), request, calls.attachments));
            if (refused != 0) {
                node.close();
                throw new HostIommuException(
                        "device " + device.address() + " cannot be bound" + why(refused), -refused);
            }
            return new IommufdDevice(device, node, calls);
        }
    }

    private static String why(int refused) {
        return switch (-refused) {
            case Errno.EPERM ->
                ": the platform does not isolate interrupts; with iommufd.allow_unsafe_interrupts=1 on the kernel command "
                        + "line it can be used all the same, at the risk that a device forges interrupts";
            case Errno.EBUSY -> ": another process has it";
            case Errno.EINVAL -> ": another member of its IOMMU group is used by a driver, or it is bound already";
            default -> "";
        };
    }

    HostDevices.Device device() {
        return device;
    }

    List<FrameRange> allowed() {
        return allowed;
    }

    void allowed(List<FrameRange> found) {
        allowed = found;
    }

    /** The address space that translates for it; null when it is blocked. */
    @Nullable
    Object user() {
        return user;
    }

    /** Lets {@code ioas} translate: 0, or a negative errno; -ENODEV when the device has gone. */
    int attach(int ioas, Object newUser) {
        if (gone) {
            return -Errno.ENODEV;
        }
        try (Arena local = Arena.ofConfined()) {
            MemorySegment request = vfio_device_attach_iommufd_pt.allocate(local);
            vfio_device_attach_iommufd_pt.argsz(request, (int) vfio_device_attach_iommufd_pt.pasid$offset());
            vfio_device_attach_iommufd_pt.pt_id(request, ioas);
            int result = calls.zeroOrError(
                    calls.ask(node, LinuxIommu.VFIO_DEVICE_ATTACH_IOMMUFD_PT(), request, calls.attachments));
            if (result == 0) {
                user = newUser;
            }
            return result;
        }
    }

    /**
     * Blocks the device: 0, or a negative errno. A device that has vanished is let go by closing its file, which the kernel cannot
     * refuse and which detaches it; that is not certain while somebody else has the file open.
     */
    int detach() {
        if (gone) {
            user = null;
            return 0;
        }
        int result;
        try (Arena local = Arena.ofConfined()) {
            MemorySegment request = vfio_device_detach_iommufd_pt.allocate(local);
            vfio_device_detach_iommufd_pt.argsz(request, (int) vfio_device_detach_iommufd_pt.pasid$offset());
            result = calls.zeroOrError(
                    calls.ask(node, LinuxIommu.VFIO_DEVICE_DETACH_IOMMUFD_PT(), request, calls.attachments));
        }
        if (result != 0 && release()) {
            result = 0;
        }
        if (result == 0) {
            user = null;
        }
        return result;
    }

    Kernel.Node node() {
        return node;
    }

    /**
     * The kernel wants the device back: its file is closed, and with that it is blocked. Its address space goes on without it.
     *
     * @return false when somebody else has it open, and has to close it first
     */
    boolean release() {
        if (!gone && !lent) {
            gone = true;
            node.close();
        }
        return gone;
    }

    DeviceFile lend() {
        if (gone) {
            throw new HostIommuException("device " + device.address() + " has gone", Errno.ENODEV);
        }
        lent = true;
        return node.duplicate();
    }

    @Override
    public void close() {
        user = null;
        if (!gone) {
            gone = true;
            node.close();
        }
    }
}
