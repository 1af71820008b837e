/**
 * The ring transport: processes that act as a guest kernel connect to a Unix socket, get slots in shared memory, and
 * make hypercalls through them.
 *
 * <p>Called by the application's wiring only, through {@link org.pviommu.server.ring.RingServer}. One acceptor thread
 * checks who connects; then one platform thread per connection owns everything of that guest: its socket, its slots and
 * its calls into the engine. Threads share the stop flag, the stop eventfd and counters, nothing else.
 *
 * <p>All that comes from the other side is hostile: messages are checked before anything changes, shared fields are
 * read once, and whatever a guest does wrong ends at most its own connection.
 */
@NullMarked
package org.pviommu.server.ring;

import org.jspecify.annotations.NullMarked;
