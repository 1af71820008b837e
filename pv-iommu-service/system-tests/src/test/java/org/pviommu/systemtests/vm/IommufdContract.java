package org.pviommu.systemtests.vm;

import java.util.List;
import org.pviommu.host.contract.HostIommuContract;
import org.pviommu.host.contract.HostUnderTest;
import org.pviommu.host.contract.KernelHost;
import org.pviommu.host.kernel.IommufdIommu;

/** The contract suite on iommufd. Runs in a virtual machine only, see {@link ContractScenario}. */
class IommufdContract extends HostIommuContract {
    @Override
    protected HostUnderTest open() {
        List<Integer> endpoints = ContractScenario.endpoints();
        return new KernelHost(IommufdIommu.open(endpoints), endpoints, false, EduDma::new);
    }
}
