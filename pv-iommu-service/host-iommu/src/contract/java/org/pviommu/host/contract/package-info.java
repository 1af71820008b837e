/**
 * What every backend of {@link org.pviommu.engine.HostIommu} has to do, as tests. A backend is tested by a subclass of
 * {@link org.pviommu.host.contract.HostIommuContract} that brings a {@link org.pviommu.host.contract.HostUnderTest}:
 * itself, memory that its devices reach, and a device that does DMA.
 *
 * <p>Test support: nothing of the service calls it. Threads are the tests' own.
 */
@NullMarked
package org.pviommu.host.contract;

import org.jspecify.annotations.NullMarked;
