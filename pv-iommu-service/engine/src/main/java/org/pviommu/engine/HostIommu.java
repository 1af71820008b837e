package org.pviommu.engine;

/**
 * Port: a host IOMMU that the engine programs (simulated, iommufd, VFIO type1).
 *
 * <p>Results are numbers, not exceptions: 0 or a count is success, a negative Linux errno is a refusal. The engine turns
 * refusals into statuses of the operations concerned.
 */
public interface HostIommu extends AutoCloseable {

    /** What this host can do; does not change while the service runs. */
    HostCapabilities capabilities();

    /**
     * Makes an empty address space.
     *
     * @throws HostIommuException when the host refuses
     */
    HostAddressSpace createAddressSpace();

    /**
     * What this host knows about an endpoint that the operator has named: its group and what it reserves inside the aperture
     * (the MSI window, for one) are added to what was configured. Asked once, before the guest of the endpoint is admitted; the
     * answer is recorded with the guest.
     *
     * @throws HostIommuException ENODEV when there is no such device here
     */
    default EndpointDescriptor describe(EndpointDescriptor configured) {
        return configured;
    }

    /** Where faults of devices are reported; replaces the previous listener. Called from the thread of the device. */
    void onFault(FaultListener listener);

    @Override
    void close();

    /** Told about each DMA that the host IOMMU refused. */
    @FunctionalInterface
    interface FaultListener {
        /**
         * One refused access.
         *
         * @param endpoint the device
         * @param iovaBytes the bus address of the refused access
         * @param write whether the device wanted to write
         */
        void fault(int endpoint, long iovaBytes, boolean write);
    }
}
