/**
 * Split virtqueues, the device's side: what a guest offers is read once, checked, and answered.
 *
 * <p>Everything in guest memory is hostile and may change at any moment. A bad chain costs the guest that chain, which goes back
 * with used length 0; a ring whose indices cannot be trusted is stopped and never read again. Nothing here throws for what a guest
 * wrote. The one exception that comes from a guest is {@link java.lang.InternalError}, when the file behind its memory has been
 * cut short: whoever serves the connection catches it and drops that connection.
 *
 * <p>Threads: one per queue, at a time.
 */
@NullMarked
package org.pviommu.virtio.queue;

import org.jspecify.annotations.NullMarked;
