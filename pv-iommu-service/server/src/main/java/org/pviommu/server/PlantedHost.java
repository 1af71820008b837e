package org.pviommu.server;

import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.IotlbGather;

/**
 * A host IOMMU with one {@link Plant} in it. Only the demonstration uses it; the wrapped host and the engine above do not
 * know.
 */
final class PlantedHost implements HostIommu {
    /** Somewhere in the middle of the memory of the demonstration's guest. */
    private static final long PLANTED_BFN = 0x12345;

    private static final int ENOSPC = 28;

    private final HostIommu real;
    private final Plant plant;

    PlantedHost(HostIommu real, Plant plant) {
        this.real = real;
        this.plant = plant;
    }

    @Override
    public HostCapabilities capabilities() {
        return real.capabilities();
    }

    @Override
    public EndpointDescriptor describe(EndpointDescriptor configured) {
        return real.describe(configured);
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        return new PlantedSpace(real.createAddressSpace());
    }

    @Override
    public void onFault(FaultListener listener) {
        real.onFault(listener);
    }

    @Override
    public void close() {
        real.close();
    }

    private final class PlantedSpace implements HostAddressSpace {
        private final HostAddressSpace space;

        PlantedSpace(HostAddressSpace space) {
            this.space = space;
        }

        @Override
        public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
            boolean chosen = firstBfn <= PLANTED_BFN && PLANTED_BFN - firstBfn < pages;
            if (chosen && plant == Plant.MAP) {
                return 0;
            }
            int result = space.map(firstBfn, pages, memory, offsetBytes, access);
            return chosen && plant == Plant.STATUS ? -ENOSPC : result;
        }

        /**
         * What was left out cannot be removed. Saying so would give the plant away to the engine, so it removes page by
         * page whatever is there.
         */
        @Override
        public long unmap(long firstBfn, long pages) {
            if (plant != Plant.MAP) {
                return space.unmap(firstBfn, pages);
            }
            for (long page = 0; page < pages; page++) {
                space.unmap(firstBfn + page, 1);
            }
            return pages;
        }

        @Override
        public int flush(IotlbGather gather) {
            return plant == Plant.FLUSH ? 0 : space.flush(gather);
        }

        @Override
        public int attach(int endpoint) {
            return space.attach(endpoint);
        }

        @Override
        public int detach(int endpoint) {
            return space.detach(endpoint);
        }

        @Override
        public void destroy() {
            space.destroy();
        }
    }
}
