package org.pviommu.systemtests.vm;

import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * The kernel's IOMMU, in virtual machines. Each scenario is one boot, and its cases are tests of their own. Two machines at a time: an
 * emulated processor keeps one of ours busy, and much of what they do is waiting.
 */
@Execution(ExecutionMode.CONCURRENT)
class KernelIommuScenarios {
    private static final long DIFFERENTIAL_OPERATIONS = 100_000;

    @TestFactory
    Stream<DynamicTest> stockKernelIsAMachineForTests() {
        return scenario("machine-stock", VirtualMachine.Kernel.STOCK, MachineScenario.class, "type1");
    }

    @TestFactory
    Stream<DynamicTest> ownKernelIsAMachineForTests() {
        return scenario("machine-iommufd", VirtualMachine.Kernel.IOMMUFD, MachineScenario.class, "iommufd");
    }

    @TestFactory
    Stream<DynamicTest> serviceOnIommufd() {
        return scenario("iommufd", VirtualMachine.Kernel.IOMMUFD, ServiceScenario.class, "iommufd", "cuts");
    }

    @TestFactory
    Stream<DynamicTest> serviceOnType1() {
        return scenario("type1", VirtualMachine.Kernel.STOCK, ServiceScenario.class, "vfio-type1", "refuses-cuts");
    }

    @TestFactory
    Stream<DynamicTest> serviceOnType1ThatRemaps() {
        return scenario("type1-remap", VirtualMachine.Kernel.STOCK, ServiceScenario.class, "vfio-type1", "cuts");
    }

    @TestFactory
    Stream<DynamicTest> contractOnIommufd() {
        return contract("contract-iommufd", VirtualMachine.Kernel.IOMMUFD, IommufdContract.class);
    }

    @TestFactory
    Stream<DynamicTest> contractOnType1() {
        return contract("contract-type1", VirtualMachine.Kernel.STOCK, Type1Contract.class);
    }

    @TestFactory
    Stream<DynamicTest> contractOnType1ThatRemaps() {
        return contract("contract-type1-remap", VirtualMachine.Kernel.STOCK, RemappingType1Contract.class);
    }

    @TestFactory
    Stream<DynamicTest> differentialOnIommufd() {
        return differential("differential-iommufd", VirtualMachine.Kernel.IOMMUFD, "iommufd");
    }

    @TestFactory
    Stream<DynamicTest> differentialOnType1() {
        return differential("differential-type1", VirtualMachine.Kernel.STOCK, "vfio-type1");
    }

    @TestFactory
    Stream<DynamicTest> differentialOnType1ThatRemaps() {
        return differential("differential-type1-remap", VirtualMachine.Kernel.STOCK, "vfio-type1-remap");
    }

    private static Stream<DynamicTest> contract(String name, VirtualMachine.Kernel kernel, Class<?> suite) {
        return scenario(name, kernel, VirtualMachine.Time.COUNTED, ContractScenario.class, suite.getName());
    }

    private static Stream<DynamicTest> differential(String name, VirtualMachine.Kernel kernel, String host) {
        String seed = System.getProperty("seed", "");
        return scenario(
                name,
                kernel,
                VirtualMachine.Time.REAL,
                DifferentialScenario.class,
                host,
                Long.toString(DIFFERENTIAL_OPERATIONS),
                seed.isEmpty() ? Long.toString(new Random().nextLong()) : seed);
    }

    private static Stream<DynamicTest> scenario(
            String name, VirtualMachine.Kernel kernel, Class<?> program, String... arguments) {
        return scenario(name, kernel, VirtualMachine.Time.REAL, program, arguments);
    }

    private static Stream<DynamicTest> scenario(
            String name,
            VirtualMachine.Kernel kernel,
            VirtualMachine.Time time,
            Class<?> program,
            String... arguments) {
        return VirtualMachine.run(name, kernel, time, program, arguments).stream()
                .map(each -> DynamicTest.dynamicTest(each.name(), each::require));
    }
}
