/**
 * vhost-user, the device's side: one Unix socket for each device, over which a virtual machine monitor hands in its memory, its
 * queues and its event counters.
 *
 * <p>The peer is hostile: sizes are checked before anything is allocated, descriptors are closed on every path, a refused message
 * changes nothing. What cannot be refused in words ends the connection, never the service.
 *
 * <p>Threads: one for each device socket, which handles messages and queues in turn, so that memory never goes while a request
 * uses it. {@link org.pviommu.virtio.vhost.VhostDevice} is called by that thread only.
 */
@NullMarked
package org.pviommu.virtio.vhost;

import org.jspecify.annotations.NullMarked;
