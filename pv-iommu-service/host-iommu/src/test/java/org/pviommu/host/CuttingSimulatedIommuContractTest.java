package org.pviommu.host;

import org.pviommu.host.contract.HostIommuContract;
import org.pviommu.host.contract.HostUnderTest;

/** The default: mappings are cut. */
class CuttingSimulatedIommuContractTest extends HostIommuContract {
    @Override
    protected HostUnderTest open() {
        return SimulatedHost.of(SimulatedIommu.Settings.defaults());
    }
}
