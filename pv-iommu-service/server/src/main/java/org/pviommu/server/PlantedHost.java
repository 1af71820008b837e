package org.pviommu.server;

import java.util.concurrent.atomic.AtomicLong;
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
    /** Neither the first nor the last of the 2,048 runs of the demonstration's guest. */
    private static final long PLANTED_MAP_CALL = 1_000;

    private static final int ENOSPC = 28;

    private final HostIommu real;
    private final Plant plant;
    private final AtomicLong mapCalls = new AtomicLong();

    PlantedHost(HostIommu real, Plant plant) {
        this.real = real;
        this.plant = plant;
    }

    @Override
    public HostCapabilities capabilities() {
        return real.capabilities();
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
            boolean chosen = mapCalls.incrementAndGet() == PLANTED_MAP_CALL;
            if (chosen && plant == Plant.MAP) {
                return 0;
            }
            int result = space.map(firstBfn, pages, memory, offsetBytes, access);
            return chosen && plant == Plant.STATUS ? -ENOSPC : result;
        }

        /** What was left out cannot be removed either; saying so would give the plant away to the engine. */
        @Override
        public long unmap(long firstBfn, long pages) {
            long removed = space.unmap(firstBfn, pages);
            return plant == Plant.MAP && removed < 0 ? pages : removed;
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
