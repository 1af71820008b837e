package org.pviommu.host.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.natives.Errno;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.iommu.LinuxIommu;

/**
 * Looks at what this machine can do as a host, and says what is missing and which command mends it. Needs no root: what it may not open
 * it says so about. It changes nothing that outlasts it; an endpoint that it is asked about is opened for a moment, which the kernel
 * refuses when another process has it.
 */
public final class HostInspection {
    private final Kernel kernel;
    private final KernelPaths paths;
    private final HostDevices sysfs;
    private final MemoryLock memoryLock;
    private final List<Finding> findings = new ArrayList<>();

    /** How good a finding is. */
    public enum Level {
        /** As it should be. */
        OK,
        /** Good to know; nothing to mend. */
        NOTE,
        /** Missing: something needs it. */
        MISSING
    }

    /**
     * One thing that was looked at.
     *
     * @param level how good it is
     * @param subject what was looked at
     * @param text what was seen
     * @param mend the command that mends it; empty when there is nothing to mend, or no command can
     */
    public record Finding(Level level, String subject, String text, String mend) {}

    HostInspection(Kernel kernel, KernelPaths paths, MemoryLock memoryLock) {
        this.kernel = kernel;
        this.paths = paths;
        this.memoryLock = memoryLock;
        sysfs = new HostDevices(paths.sysfs());
    }

    /**
     * Inspects this machine.
     *
     * @param endpoints devices that are to be given to guests; empty to look only at the machine
     */
    public static List<Finding> run(List<Integer> endpoints) {
        return new HostInspection(Kernel.linux(), KernelPaths.usual(), MemoryLock.current()).inspect(endpoints);
    }

    List<Finding> inspect(List<Integer> endpoints) {
        kernelRelease();
        boolean iommu = groups();
        boolean iommufd = iommufd();
        boolean nodes = deviceNodes();
        boolean type1 = container();
        limits();
        endpoints.forEach(endpoint -> endpoint(endpoint, iommufd && nodes, type1));
        verdict(iommu, iommufd && nodes, type1);
        return List.copyOf(findings);
    }

    private void kernelRelease() {
        try {
            add(
                    Level.NOTE,
                    "kernel",
                    "Linux "
                            + Files.readString(Path.of("/proc/sys/kernel/osrelease"))
                                    .strip(),
                    "");
        } catch (IOException unreadable) {
            add(Level.NOTE, "kernel", "release unknown", "");
        }
    }

    private boolean groups() {
        List<Integer> groups = sysfs.groups();
        if (groups.isEmpty()) {
            add(
                    Level.MISSING,
                    "IOMMU",
                    "the kernel has no IOMMU groups: none in the machine, off in the firmware (VT-d, AMD-Vi), or off in the kernel",
                    "kernel command line: intel_iommu=on (Intel); AMD's is on when the firmware has it on");
            return false;
        }
        long vfio = groups.stream().filter(this::hasVfioDevice).count();
        add(Level.OK, "IOMMU", "groups=" + groups.size() + ", with a device of vfio-pci=" + vfio, "");
        groups.stream().filter(this::hasVfioDevice).forEach(this::group);
        return true;
    }

    private boolean hasVfioDevice(int group) {
        return sysfs.members(group).stream().anyMatch(address -> "vfio-pci".equals(sysfs.driverOf(address)));
    }

    /** A group can be used when each member has vfio-pci, no driver, or one that does no DMA for devices behind it. */
    private void group(int group) {
        List<String> foreign = sysfs.members(group).stream()
                .filter(address -> !usable(sysfs.driverOf(address)))
                .toList();
        String members = "group " + group + ": " + String.join(" ", sysfs.members(group)) + reserved(group);
        if (foreign.isEmpty()) {
            add(Level.OK, "group", members, "");
        } else {
            String first = foreign.getFirst();
            add(
                    Level.MISSING,
                    "group",
                    members + ", which cannot be used while other drivers have " + String.join(" ", foreign),
                    "echo " + first + " > /sys/bus/pci/devices/" + first + "/driver/unbind");
        }
    }

    private static boolean usable(@Nullable String driver) {
        return driver == null || driver.equals("vfio-pci") || driver.equals("pcieport") || driver.equals("pci-stub");
    }

    private String reserved(int group) {
        StringBuilder text = new StringBuilder();
        for (ReservedRegion region : sysfs.reserved(group)) {
            text.append(text.isEmpty() ? "; reserved bfns" : ",").append(" 0x");
            text.append(Long.toHexString(region.bfns().first())).append("-0x");
            text.append(Long.toHexString(region.bfns().last())).append(" (");
            text.append(region.kind().name().toLowerCase(Locale.ROOT)).append(')');
        }
        return text.toString();
    }

    private boolean iommufd() {
        try (Iommufd iommufd = new Iommufd(kernel.open(paths.iommu().toString()), new KernelCalls())) {
            IommufdProbe.Found found = IommufdProbe.run(iommufd, HostCapabilities.MAX_LAST_BFN);
            add(
                    found.cuts() ? Level.OK : Level.NOTE,
                    "iommufd",
                    paths.iommu()
                            + (found.cuts() ? ", takes pages out of larger mappings" : ", removes whole mappings only")
                            + (found.mapsFiles() ? ", maps by file" : ", maps by address (by file needs Linux 6.14)"),
                    "");
            return true;
        } catch (NativeException refused) {
            notOpened("iommufd", paths.iommu(), refused.errno(), "modprobe iommufd");
            return false;
        } catch (HostIommuException refused) {
            add(Level.MISSING, "iommufd", String.valueOf(refused.getMessage()), "");
            return false;
        }
    }

    private boolean deviceNodes() {
        Path folder = paths.vfio().resolve("devices");
        try (Stream<Path> nodes = Files.list(folder)) {
            List<Path> all = nodes.sorted().toList();
            List<Path> closed = all.stream()
                    .filter(node -> !Files.isReadable(node) || !Files.isWritable(node))
                    .toList();
            if (!closed.isEmpty()) {
                add(
                        Level.MISSING,
                        "device nodes",
                        "no permission for " + closed.getFirst() + " (" + closed.size() + " of " + all.size() + ")",
                        "setfacl -m u:$(id -un):rw " + closed.getFirst());
            } else if (!all.isEmpty()) {
                add(Level.OK, "device nodes", "in " + folder + ": " + all.size(), "");
            }
            return true;
        } catch (IOException absent) {
            add(
                    Level.NOTE,
                    "device nodes",
                    folder
                            + " is not there: no device has vfio-pci, or the kernel lacks CONFIG_VFIO_DEVICE_CDEV (Linux 6.6)",
                    "");
            return false;
        }
    }

    private boolean container() {
        Path node = paths.vfio().resolve("vfio");
        try (Kernel.Node container = kernel.open(node.toString())) {
            boolean type1 = container.ioctl(LinuxIommu.VFIO_CHECK_EXTENSION(), LinuxIommu.VFIO_TYPE1v2_IOMMU()) == 1;
            add(
                    type1 ? Level.OK : Level.MISSING,
                    "vfio-type1",
                    node + (type1 ? ", type1 version 2" : " has no type1 version 2"),
                    type1 ? "" : "modprobe vfio_iommu_type1");
            return type1;
        } catch (NativeException refused) {
            notOpened("vfio-type1", node, refused.errno(), "modprobe vfio_iommu_type1 vfio-pci");
            return false;
        }
    }

    private void notOpened(String subject, Path node, int errno, String load) {
        boolean permission = errno == Errno.EACCES || errno == Errno.EPERM;
        add(
                Level.MISSING,
                subject,
                node + (permission ? ": no permission" : " cannot be opened (" + Errno.name(errno) + ")"),
                permission ? "setfacl -m u:$(id -un):rw " + node : load);
    }

    private void limits() {
        if (memoryLock.exempt()) {
            add(Level.OK, "memory lock", "CAP_IPC_LOCK: no limit", "");
        } else if (memoryLock.limitBytes() == Long.MAX_VALUE) {
            add(Level.OK, "memory lock", "unlimited", "");
        } else {
            long usable = Math.max(0, memoryLock.limitBytes() - MemoryLock.MARGIN_BYTES);
            add(
                    usable == 0 ? Level.MISSING : Level.NOTE,
                    "memory lock",
                    "limitBytes=" + memoryLock.limitBytes() + ": guests may map up to " + usable
                            + " bytes together, by their quotas max-mapped-frames",
                    usable == 0 ? "ulimit -l unlimited (as root), or LimitMEMLOCK= in the unit" : "");
        }
    }

    private void endpoint(int endpoint, boolean byIommufd, boolean byType1) {
        String subject = PciAddress.of(endpoint);
        HostDevices.Device device = sysfs.find(endpoint);
        try {
            paths.usable(sysfs, endpoint);
        } catch (HostIommuException unusable) {
            String mend = device == null || device.group() < 0 ? "" : paths.mend(device);
            add(Level.MISSING, subject, String.valueOf(unusable.getMessage()), mend);
            return;
        }
        if (!byIommufd && !byType1) {
            add(Level.NOTE, subject, "has vfio-pci; no interface to open it", "");
            return;
        }
        try (KernelIommu host = byIommufd
                ? IommufdIommu.open(kernel, paths, List.of(endpoint))
                : Type1Iommu.open(kernel, paths, List.of(endpoint), false)) {
            add(Level.OK, subject, described(host, endpoint), "");
        } catch (HostIommuException refused) {
            add(Level.MISSING, subject, String.valueOf(refused.getMessage()), "");
        }
    }

    private static String described(KernelIommu host, int endpoint) {
        HostCapabilities can = host.capabilities();
        EndpointDescriptor endpointThere = host.describe(new EndpointDescriptor(endpoint, List.of()));
        return "by " + can.name() + ": group=" + endpointThere.group() + " lastBfn=0x" + Long.toHexString(can.lastBfn())
                + " pageSizes=0x" + Long.toHexString(can.pageSizeMask()) + " reserved=" + endpointThere.reserved();
    }

    private void verdict(boolean iommu, boolean iommufd, boolean type1) {
        if (iommu && iommufd) {
            add(Level.OK, "verdict", "pvi serve --host iommufd can work here", "");
        } else if (iommu && type1) {
            add(Level.OK, "verdict", "pvi serve --host vfio-type1 can work here", "");
        } else {
            add(Level.NOTE, "verdict", "only pvi serve --host simulated works here, which needs nothing", "");
        }
    }

    private void add(Level level, String subject, String text, String mend) {
        findings.add(new Finding(level, subject, text, mend));
    }
}
