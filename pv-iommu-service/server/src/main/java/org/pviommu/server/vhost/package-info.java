/**
 * Virtual machines: guests whose devices are served on vhost-user sockets. Wires the devices of {@code virtio-frontend} to the engine,
 * and knows when a guest comes, comes back and has gone.
 *
 * <p>Called by the wiring above, and by the devices' threads, one for each socket.
 */
@NullMarked
package org.pviommu.server.vhost;

import org.jspecify.annotations.NullMarked;
