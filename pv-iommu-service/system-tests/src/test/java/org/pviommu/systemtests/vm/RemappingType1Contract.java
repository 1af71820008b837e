package org.pviommu.systemtests.vm;

import java.util.List;
import org.pviommu.host.contract.HostIommuContract;
import org.pviommu.host.contract.HostUnderTest;
import org.pviommu.host.contract.KernelHost;
import org.pviommu.host.kernel.Type1Iommu;

/** The contract suite on VFIO type1 that cuts by mapping again. Runs in a virtual machine only, see {@link ContractScenario}. */
class RemappingType1Contract extends HostIommuContract {
    @Override
    protected HostUnderTest open() {
        List<Integer> endpoints = ContractScenario.endpoints();
        return new KernelHost(Type1Iommu.open(endpoints, true), endpoints, true, EduDma::new);
    }
}
