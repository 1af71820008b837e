/** Tests of the block device, with the driver's side and the translation written by hand. */
@NullMarked
package org.pviommu.virtio.block;

import org.jspecify.annotations.NullMarked;
