/**
 * Tables that tell a guest's firmware and kernel which devices are behind a virtio-iommu. Plain values and text: no service, no
 * state, any thread.
 */
@NullMarked
package org.pviommu.server.topology;

import org.jspecify.annotations.NullMarked;
