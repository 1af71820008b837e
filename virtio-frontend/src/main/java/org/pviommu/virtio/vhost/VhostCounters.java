package org.pviommu.virtio.vhost;

import java.util.concurrent.atomic.LongAdder;

/** What has happened on a device's socket since it was opened. Any thread reads. */
public final class VhostCounters {
    final LongAdder connections = new LongAdder();
    final LongAdder refusedConnections = new LongAdder();
    final LongAdder messages = new LongAdder();
    final LongAdder refusedMessages = new LongAdder();
    final LongAdder protocolErrors = new LongAdder();
    final LongAdder stoppedQueues = new LongAdder();
    final LongAdder internalErrors = new LongAdder();

    VhostCounters() {}

    /** Connections served. */
    public long connections() {
        return connections.sum();
    }

    /** Connections closed unread: not allowed, or one too many. */
    public long refusedConnections() {
        return refusedConnections.sum();
    }

    /** Messages that were whole. */
    public long messages() {
        return messages.sum();
    }

    /** Messages that were not obeyed. */
    public long refusedMessages() {
        return refusedMessages.sum();
    }

    /** Connections that ended because of what the peer did. */
    public long protocolErrors() {
        return protocolErrors.sum();
    }

    /** Queues that were stopped because their rings cannot be trusted, or could not be opened. */
    public long stoppedQueues() {
        return stoppedQueues.sum();
    }

    /** Connections that ended because of a mistake of ours. */
    public long internalErrors() {
        return internalErrors.sum();
    }
}
