package org.pviommu.host.kernel;

import java.nio.file.Path;
import org.pviommu.engine.HostIommuException;
import org.pviommu.natives.Errno;
import org.pviommu.natives.NativeException;

/**
 * Where the kernel's nodes are, and the clear words when one is not.
 *
 * @param iommu {@code /dev/iommu}
 * @param vfio {@code /dev/vfio}: the container node, one node per group, and {@code devices}
 * @param sysfs {@code /sys}
 */
record KernelPaths(Path iommu, Path vfio, Path sysfs) {

    static KernelPaths usual() {
        return new KernelPaths(Path.of("/dev/iommu"), Path.of("/dev/vfio"), Path.of("/sys"));
    }

    /**
     * Opens a node.
     *
     * @throws HostIommuException that says how access is given
     */
    static Kernel.Node open(Kernel kernel, Path node) {
        try {
            return kernel.open(node.toString());
        } catch (NativeException refused) {
            throw new HostIommuException(node + " cannot be opened" + why(refused.errno(), node), refused.errno());
        }
    }

    private static String why(int errno, Path node) {
        return switch (errno) {
            case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
                ": this kernel does not offer it or its module is not loaded; pvi doctor says what there is";
            case Errno.EACCES, Errno.EPERM ->
                ": no permission; give it to this user, for instance: setfacl -m u:$(id -un):rw " + node;
            case Errno.EBUSY -> ": another process has it";
            default -> "";
        };
    }

    /**
     * The device of an endpoint, when vfio-pci has it and an IOMMU is in front of it.
     *
     * @throws HostIommuException otherwise, with the command that mends it
     */
    HostDevices.Device usable(HostDevices devices, int endpoint) {
        HostDevices.Device device = devices.find(endpoint);
        if (device == null) {
            throw new HostIommuException("there is no PCI device " + PciAddress.of(endpoint), Errno.ENODEV);
        }
        if (device.group() < 0) {
            throw new HostIommuException(
                    "device " + device.address() + " is behind no IOMMU; the kernel may need intel_iommu=on",
                    Errno.ENODEV);
        }
        if (!"vfio-pci".equals(device.driver())) {
            throw new HostIommuException(
                    "device " + device.address() + " has the driver "
                            + (device.driver() == null ? "none" : device.driver()) + ", not vfio-pci: " + mend(device),
                    Errno.ENODEV);
        }
        return device;
    }

    /** The command that gives a device to vfio-pci. */
    String mend(HostDevices.Device device) {
        return "modprobe vfio-pci; echo vfio-pci > /sys/bus/pci/devices/" + device.address() + "/driver_override; "
                + (device.driver() == null
                        ? ""
                        : "echo " + device.address() + " > /sys/bus/pci/devices/" + device.address()
                                + "/driver/unbind; ")
                + "echo " + device.address() + " > /sys/bus/pci/drivers_probe";
    }
}
