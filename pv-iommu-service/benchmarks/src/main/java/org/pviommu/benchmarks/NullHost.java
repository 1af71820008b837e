package org.pviommu.benchmarks;

import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.IotlbGather;

/** A host IOMMU that agrees to everything and does nothing, so that only the engine is measured. */
final class NullHost implements HostIommu, HostAddressSpace {
    @Override
    public HostCapabilities capabilities() {
        return new HostCapabilities("null", PageTable.LAST_BFN, 4096, true);
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        return this;
    }

    @Override
    public void onFault(FaultListener listener) {}

    @Override
    public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
        return 0;
    }

    @Override
    public long unmap(long firstBfn, long pages) {
        return pages;
    }

    @Override
    public int flush(IotlbGather gather) {
        return 0;
    }

    @Override
    public int attach(int endpoint) {
        return 0;
    }

    @Override
    public int detach(int endpoint) {
        return 0;
    }

    @Override
    public void destroy() {}

    @Override
    public void close() {}
}
