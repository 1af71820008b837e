/**
 * The kernel's IOMMU as a host: {@link org.pviommu.host.kernel.IommufdIommu} by {@code /dev/iommu} and the devices' own nodes,
 * {@link org.pviommu.host.kernel.Type1Iommu} by VFIO containers and groups, and {@link org.pviommu.host.kernel.HostInspection},
 * which says what of that a machine can do.
 *
 * <p>Only the server and the rooms above it construct these. All calls to the kernel go through one package-private interface,
 * {@code Kernel}, which tests replace; all its answers go through one table, {@code KernelErrno}.
 *
 * <p>Threads: an address space is changed by one thread at a time, as the port promises; different address spaces share the
 * descriptor of an iommufd and a lock on it. Devices do DMA at any time, and the kernel invalidates inside each removal, so
 * nothing is left for a flush to do.
 */
@NullMarked
package org.pviommu.host.kernel;

import org.jspecify.annotations.NullMarked;
