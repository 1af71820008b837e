package org.pviommu.server;

import org.pviommu.engine.HostIommu;
import org.pviommu.engine.HostIommuException;
import org.pviommu.host.SimulatedIommu;
import org.pviommu.host.kernel.IommufdIommu;
import org.pviommu.host.kernel.MemoryLock;
import org.pviommu.host.kernel.Type1Iommu;
import org.pviommu.server.config.GuestSettings;
import org.pviommu.server.config.HostConfig;
import org.pviommu.server.config.ServiceSettings;

/** Opens the host IOMMU that the settings name. */
final class Hosts {
    private static final long PAGE_BYTES = 4096;

    private Hosts() {}

    /**
     * Opens it.
     *
     * @throws StartException naming what the machine lacks and what mends it
     */
    static HostIommu open(ServiceSettings settings) {
        HostConfig host = settings.host();
        try {
            if (host.isKernel()) {
                MemoryLock.current().require(lockedBytes(settings));
            }
            return switch (host.kind()) {
                case SIMULATED -> new SimulatedIommu(new SimulatedIommu.Settings(host.lastBfn(), host.cutsMappings()));
                case IOMMUFD -> IommufdIommu.open(settings.endpointIds());
                case VFIO_TYPE1 -> Type1Iommu.open(settings.endpointIds(), host.remaps());
            };
        } catch (HostIommuException refused) {
            throw new StartException("host=" + host.kind().text() + ": " + refused.getMessage(), refused);
        }
    }

    /**
     * What the guests may map at most: mapped pages are pinned, and one that is mapped twice counts twice. Without named guests there
     * is at least one of the default kind. Cannot overflow: saturates.
     */
    private static long lockedBytes(ServiceSettings settings) {
        long pages = 0;
        for (GuestSettings guest : settings.guests().values()) {
            pages = saturated(pages, guest.policy().maxMappedFrames());
        }
        if (settings.guests().isEmpty()) {
            pages = settings.defaultPolicy().maxMappedFrames();
        }
        return pages > Long.MAX_VALUE / PAGE_BYTES ? Long.MAX_VALUE : pages * PAGE_BYTES;
    }

    private static long saturated(long a, long b) {
        return a > Long.MAX_VALUE - b ? Long.MAX_VALUE : a + b;
    }
}
