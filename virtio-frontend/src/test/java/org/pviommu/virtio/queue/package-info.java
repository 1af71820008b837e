/** Tests of the split virtqueue, with a driver's side written by hand. */
@NullMarked
package org.pviommu.virtio.queue;

import org.jspecify.annotations.NullMarked;
