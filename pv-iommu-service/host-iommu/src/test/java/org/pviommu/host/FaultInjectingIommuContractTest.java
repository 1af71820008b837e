package org.pviommu.host;

import org.pviommu.host.contract.HostIommuContract;
import org.pviommu.host.contract.HostUnderTest;

/** Without a plan the wrapper cannot be told from what it wraps. */
class FaultInjectingIommuContractTest extends HostIommuContract {
    @Override
    protected HostUnderTest open() {
        SimulatedIommu simulated = new SimulatedIommu(SimulatedIommu.Settings.defaults());
        return new SimulatedHost(simulated, new FaultInjectingIommu(simulated), true);
    }
}
