package org.pviommu.systemtests.vm;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kernel's IOMMU, in virtual machines. Each scenario is one boot, and its cases are tests of their own. */
class KernelIommuScenarios {
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

    private static Stream<DynamicTest> scenario(
            String name, VirtualMachine.Kernel kernel, Class<?> program, String... arguments) {
        return VirtualMachine.run(name, kernel, program, arguments).stream()
                .map(each -> DynamicTest.dynamicTest(each.name(), each::require));
    }
}
