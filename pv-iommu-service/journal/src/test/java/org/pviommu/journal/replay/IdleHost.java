package org.pviommu.journal.replay;

import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.IotlbGather;

/** A host IOMMU that says yes and remembers nothing, for measurements. */
record IdleHost(long lastBfn) implements HostIommu {
    @Override
    public HostCapabilities capabilities() {
        return new HostCapabilities("idle", lastBfn, 4096, true);
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        return new Space();
    }

    @Override
    public void onFault(FaultListener listener) {
        // no device, no fault
    }

    @Override
    public void close() {
        // nothing is open
    }

    private static final class Space implements HostAddressSpace {
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
        public void destroy() {
            // nothing is open
        }
    }
}
