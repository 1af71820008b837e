/**
 * A disk that this process serves, as an endpoint behind the virtual IOMMU: every byte that goes to or from the guest, and every
 * access to the rings, is translated first.
 *
 * <p>Everything that a guest puts into a request is checked before anything happens; a request that breaks a rule is answered with
 * an error, or goes back unwritten when there is no room for an answer. An access that the IOMMU refuses costs the request it
 * belongs to and is reported as a fault.
 *
 * <p>Threads: that of the device's socket; counters are read by any.
 */
@NullMarked
package org.pviommu.virtio.block;

import org.jspecify.annotations.NullMarked;
