/** Tests across the packages of this room. */
@NullMarked
package org.pviommu.virtio;

import org.jspecify.annotations.NullMarked;
