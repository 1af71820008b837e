package org.pviommu.host.kernel;

import org.pviommu.engine.HostIommu;
import org.pviommu.natives.DeviceFile;

/** A host IOMMU of the running kernel. */
public interface KernelIommu extends HostIommu {

    /** Counters for people and tests. */
    KernelStatistics statistics();

    /**
     * Another descriptor of the open device behind an endpoint, for whoever drives it: registers, interrupts, its reset.
     *
     * <p>While one is open, a device that the kernel wants back stays bound: whoever has it has to close it.
     *
     * @return the caller's to close
     * @throws org.pviommu.engine.HostIommuException ENODEV without such a device
     */
    DeviceFile openDevice(int endpoint);

    /**
     * {@inheritDoc}
     *
     * <p>The kernel tells VFIO users nothing about faults: it writes them to its own log. The listener is not called.
     */
    @Override
    default void onFault(FaultListener listener) {
        // nothing to listen to
    }
}
