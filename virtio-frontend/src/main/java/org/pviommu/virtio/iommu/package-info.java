/**
 * The virtio-iommu device: requests and events on the wire, in two profiles, over a port that the engine's side implements.
 *
 * <p>Ranges are inclusive {@code [first, last]}, unsigned, in bytes. What can be told from a request alone is decided here; what
 * depends on domains, endpoints and mappings is the port's. Ids such as C47 name rows of the device-side conformance checklist.
 *
 * <p>Threads: that of the device's socket; faults may be reported by any.
 */
@NullMarked
package org.pviommu.virtio.iommu;

import org.jspecify.annotations.NullMarked;
