/**
 * Virtqueues, the virtio-iommu device, and vhost-user, each in a package of its own.
 *
 * <p>Floor 2: may call the engine, the hypercall ABI and the native headers; knows neither the host backends nor the
 * journal.
 */
@NullMarked
package org.pviommu.virtio;

import org.jspecify.annotations.NullMarked;
