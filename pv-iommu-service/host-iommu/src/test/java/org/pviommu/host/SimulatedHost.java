package org.pviommu.host;

import java.lang.foreign.MemorySegment;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostIommu;
import org.pviommu.host.contract.ArenaMemory;
import org.pviommu.host.contract.HostUnderTest;

/** The simulated IOMMU for the contract, by itself or behind a wrapper. */
record SimulatedHost(SimulatedIommu simulated, HostIommu iommu, boolean keepsStaleEntries) implements HostUnderTest {

    static SimulatedHost of(SimulatedIommu.Settings settings) {
        SimulatedIommu simulated = new SimulatedIommu(settings);
        return new SimulatedHost(simulated, simulated, settings.iotlbEntries() > 0);
    }

    @Override
    public int endpoint(int index) {
        return index == 0 ? 0x0001_0008 : -1;
    }

    @Override
    public GuestMemory allocate(int pages) {
        return new ArenaMemory(pages);
    }

    @Override
    public int dmaRead(int endpoint, long iovaBytes, MemorySegment into) {
        return simulated.dmaRead(endpoint, iovaBytes, into);
    }

    @Override
    public int dmaWrite(int endpoint, long iovaBytes, MemorySegment from) {
        return simulated.dmaWrite(endpoint, iovaBytes, from);
    }

    @Override
    public void close() {
        iommu.close();
    }
}
