/**
 * Hypercalls of a virtual machine's kernel, as requests of a virtio device of our own; docs/hypercall-abi.md, Transports.
 *
 * <p>A request is copied out of guest memory once. What is in it is the engine's to judge; here only its size matters.
 *
 * <p>Threads: that of the device's socket.
 */
@NullMarked
package org.pviommu.virtio.hypercall;

import org.jspecify.annotations.NullMarked;
