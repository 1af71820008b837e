package org.pviommu.host;

import org.pviommu.host.contract.HostIommuContract;
import org.pviommu.host.contract.HostUnderTest;

/** As a kernel that does not cut, with a 39-bit aperture. */
class RefusingSimulatedIommuContractTest extends HostIommuContract {
    @Override
    protected HostUnderTest open() {
        return SimulatedHost.of(new SimulatedIommu.Settings((1L << 27) - 1, false));
    }
}
