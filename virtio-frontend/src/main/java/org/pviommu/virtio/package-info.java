/**
 * Virtqueues, the virtio-iommu device, the hypercall device and vhost-user.
 *
 * <p>Floor 2: may call the engine, the hypercall ABI and the native headers; knows neither the host backends nor the
 * journal. Nothing is served yet: this room gets its first class with virtio-iommu.
 */
@NullMarked
package org.pviommu.virtio;

import org.jspecify.annotations.NullMarked;
