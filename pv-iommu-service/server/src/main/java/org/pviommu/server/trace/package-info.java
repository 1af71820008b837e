/**
 * Recorded request streams of virtio-iommu drivers, fed through the real device. Every thread its own run.
 */
@NullMarked
package org.pviommu.server.trace;

import org.jspecify.annotations.NullMarked;
