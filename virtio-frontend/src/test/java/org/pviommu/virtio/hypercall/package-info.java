/** Tests of the hypercall device, with a driver's side written by hand. */
@NullMarked
package org.pviommu.virtio.hypercall;

import org.jspecify.annotations.NullMarked;
