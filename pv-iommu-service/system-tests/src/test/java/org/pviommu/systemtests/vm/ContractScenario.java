package org.pviommu.systemtests.vm;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.ArrayList;
import java.util.List;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.pviommu.server.EndpointId;

/** Runs a contract suite inside the machine; each of its tests is a case. Argument: the suite's class. */
public final class ContractScenario {
    private ContractScenario() {}

    /** Exit code 0: all cases held. */
    public static void main(String[] arguments) throws ClassNotFoundException {
        Cases cases = new Cases(System.out);
        KernelLog kernel = KernelLog.start();
        LauncherFactory.create()
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selectClass(Class.forName(arguments[0])))
                                .build(),
                        new Reporter(cases));
        cases.run("kernel-does-not-complain", kernel::requireNoComplaint);
        System.exit(cases.exitCode());
    }

    /** The machine's two devices. */
    static List<Integer> endpoints() {
        List<Integer> endpoints = new ArrayList<>();
        for (String address : EduDevice.addresses()) {
            endpoints.add(EndpointId.parse(address));
        }
        return endpoints;
    }

    /** Turns the outcome of a test into a case. */
    private record Reporter(Cases cases) implements TestExecutionListener {
        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            Throwable failure = result.getThrowable().orElse(null);
            // A container only counts when it fails, for then its tests have not run.
            if (test.isTest() || failure != null) {
                cases.run(test.getDisplayName().replaceAll("[^A-Za-z0-9_]+", ""), () -> {
                    if (failure != null) {
                        throw new AssertionError(failure);
                    }
                });
            }
        }

        @Override
        public void executionSkipped(TestIdentifier test, String reason) {
            cases.run(test.getDisplayName().replaceAll("[^A-Za-z0-9_]+", ""), () -> {
                throw new AssertionError("skipped: " + reason);
            });
        }
    }
}
