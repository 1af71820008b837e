package org.pviommu.systemtests.vm;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The machine itself is as the other scenarios need it. Argument: type1 or iommufd. */
public final class MachineScenario {
    private static final long NOWHERE_IOVA = 0x12_3000;

    private MachineScenario() {}

    /** Exit code 0: all cases held. */
    public static void main(String[] arguments) {
        Cases cases = new Cases(System.out);
        boolean iommufd = arguments[0].equals("iommufd");
        List<EduDevice> devices = EduDevice.all();
        cases.run("machine-has-devices", () -> Check.equal(2, devices.size(), "edu devices"));
        cases.run("machine-has-nodes", () -> requireNodes(devices, iommufd));
        cases.run("machine-blocks-a-device-without-mappings", () -> requireBlocked(devices.getFirst()));
        cases.run("machine-has-no-network", MachineScenario::requireOnlyLoopback);
        System.exit(cases.exitCode());
    }

    private static void requireNodes(List<EduDevice> devices, boolean iommufd) {
        Check.exists(Path.of(iommufd ? "/dev/iommu" : "/dev/vfio/vfio"));
        for (EduDevice device : devices) {
            Check.exists(Path.of(iommufd ? device.node() : "/dev/vfio/" + device.group()));
        }
    }

    /** This is what "blocked" looks like to the other scenarios. */
    private static void requireBlocked(EduDevice device) {
        KernelLog log = KernelLog.start();
        int mark = log.quiet();
        device.writeMemory(NOWHERE_IOVA, Integer.BYTES);
        log.awaitRefusal(mark, device, NOWHERE_IOVA, true);
    }

    private static void requireOnlyLoopback() throws Exception {
        try (Stream<Path> interfaces = Files.list(Path.of("/sys/class/net"))) {
            Check.equal(
                    List.of("/sys/class/net/lo"), interfaces.map(Path::toString).toList(), "interfaces");
        }
    }
}
