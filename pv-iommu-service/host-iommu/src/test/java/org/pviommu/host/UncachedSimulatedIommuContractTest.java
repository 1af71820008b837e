package org.pviommu.host;

import org.pviommu.host.contract.HostIommuContract;
import org.pviommu.host.contract.HostUnderTest;

/** Without an IOTLB each access walks the table, which is what races with cuts need to show. */
class UncachedSimulatedIommuContractTest extends HostIommuContract {
    @Override
    protected HostUnderTest open() {
        return SimulatedHost.of(new SimulatedIommu.Settings((1L << 36) - 1, true, 0));
    }
}
