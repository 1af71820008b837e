/**
 * The guest's memory, as vhost-user sockets tell it, in the engine.
 *
 * <p>Threads: any; sockets of one guest have one {@link org.pviommu.virtio.memory.GuestMemoryShare}.
 */
@NullMarked
package org.pviommu.virtio.memory;

import org.jspecify.annotations.NullMarked;
