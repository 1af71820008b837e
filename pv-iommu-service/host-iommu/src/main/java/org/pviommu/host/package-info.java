/**
 * Host IOMMU backends: what stands behind {@link org.pviommu.engine.HostIommu}.
 *
 * <p>{@link org.pviommu.host.SimulatedIommu} is the default. It needs no hardware, keeps a table of its own and an IOTLB
 * that really caches, and its DMA calls are how tests, demos and the service's own endpoints reach guest memory.
 * {@link org.pviommu.host.FaultInjectingIommu} wraps any backend and makes it fail on request.
 *
 * <p>Floor 2: knows the engine's ports and the native headers. Only the server and the rooms above it construct a
 * backend; the engine sees the port alone.
 *
 * <p>Threads: an address space is changed by one thread at a time, as the port promises; devices do DMA from any thread
 * and never wait for that writer.
 */
@NullMarked
package org.pviommu.host;

import org.jspecify.annotations.NullMarked;
