package org.pviommu.virtio.queue;

/**
 * Where the front-end says that a queue lies, as its own (user) addresses.
 *
 * @param size number of descriptors
 * @param descriptors the descriptor table
 * @param available the available ring
 * @param used the used ring
 */
public record RingAddresses(int size, long descriptors, long available, long used) {}
