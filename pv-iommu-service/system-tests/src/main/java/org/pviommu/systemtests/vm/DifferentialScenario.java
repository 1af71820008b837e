package org.pviommu.systemtests.vm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.pviommu.host.kernel.IommufdIommu;
import org.pviommu.host.kernel.KernelIommu;
import org.pviommu.host.kernel.Type1Iommu;
import org.pviommu.server.EndpointId;
import org.pviommu.systemtests.differential.DifferentialRun;
import org.pviommu.systemtests.differential.SweepRun;

/**
 * The differential test with a backend of the running kernel beside the simulated host. Faults are injected above both, so each call
 * that reaches the kernel has an answer that is known. Arguments: host (iommufd, vfio-type1, vfio-type1-remap), operations, and
 * perhaps the seed.
 */
public final class DifferentialScenario {
    /** A world that does hardly anything proves hardly anything. */
    private static final int MIN_FAILED_CALLS = 20;

    private DifferentialScenario() {}

    /** Exit code 0: no divergence. */
    public static void main(String[] arguments) {
        long operations = Long.parseLong(arguments[1]);
        long seed = arguments.length > 2 ? Long.parseLong(arguments[2]) : new Random().nextLong();
        System.err.println("seed=" + seed + " ops=" + operations);
        Cases cases = new Cases(System.out);
        KernelLog log = KernelLog.start();
        List<Integer> endpoints = new ArrayList<>();
        EduDevice.addresses().forEach(address -> endpoints.add(EndpointId.parse(address)));
        try (KernelIommu kernel = open(arguments[0], endpoints)) {
            DifferentialRun run = new DifferentialRun(seed, operations, kernel, endpoints);
            cases.run("differential", () -> System.err.println(run.run().counts()));
            cases.run("every-single-failure", () -> requireSweep(new SweepRun(seed, kernel, endpoints).run()));
            cases.run("differential-reached-the-kernel", () -> requireWork(kernel, run));
            cases.run("nothing-stays-pinned", DifferentialScenario::requireNothingPinned);
        }
        cases.run("kernel-does-not-complain", log::requireNoComplaint);
        System.exit(cases.exitCode());
    }

    private static KernelIommu open(String host, List<Integer> endpoints) {
        return switch (host) {
            case "iommufd" -> IommufdIommu.open(endpoints);
            case "vfio-type1" -> Type1Iommu.open(endpoints, false);
            case "vfio-type1-remap" -> Type1Iommu.open(endpoints, true);
            default -> throw new IllegalArgumentException("host=" + host);
        };
    }

    private static void requireSweep(int failedCalls) {
        System.err.println("failed calls, each in a world of its own: " + failedCalls);
        Check.that(failedCalls >= MIN_FAILED_CALLS, "failedCalls=" + failedCalls + " min=" + MIN_FAILED_CALLS);
    }

    private static void requireWork(KernelIommu kernel, DifferentialRun run) {
        System.err.println("operations=" + run.operationsDone() + " " + kernel.statistics());
        Check.that(kernel.statistics().maps() > 0, "no map reached the kernel");
        Check.that(kernel.statistics().unmaps() > 0, "no unmap reached the kernel");
        // type1 attaches whole groups, by calls that its statistics do not count.
        Check.that(
                kernel instanceof Type1Iommu || kernel.statistics().attachments() > 0,
                "no attachment reached the kernel");
        Check.equal(0L, kernel.statistics().unknown(), "answers that no rule covers");
        Check.equal(0L, kernel.statistics().invalid(), "requests that the kernel called invalid");
    }

    /** The guests of all worlds are gone: the kernel must have given back each frame that it held for them. */
    private static void requireNothingPinned() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmPin:") || line.startsWith("VmLck:")) {
                Check.that(line.replaceAll("\\s+", " ").endsWith(": 0 kB"), line);
            }
        }
    }
}
