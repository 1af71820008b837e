package org.pviommu.virtio.queue;

/**
 * What was negotiated for a queue, and the limits that its device sets.
 *
 * @param indirect whether indirect tables were negotiated; without, a descriptor of that kind spoils its chain
 * @param eventIndex whether notifications are asked for by index instead of by flag
 * @param maxRequestBytes the sum of the lengths of a chain above which it is rejected
 */
public record QueueSettings(boolean indirect, boolean eventIndex, long maxRequestBytes) {}
