package org.pviommu.server.ring;

import java.util.concurrent.atomic.LongAdder;

/** The counters behind {@link RingStats}; any thread. The hot ones are added to in lumps, never per call. */
final class RingCounters {
    final LongAdder accepted = new LongAdder();
    final LongAdder refusedCredentials = new LongAdder();
    final LongAdder refusedLimit = new LongAdder();
    final LongAdder refusedHandshakes = new LongAdder();
    final LongAdder protocolErrors = new LongAdder();
    final LongAdder internalErrors = new LongAdder();
    final LongAdder calls = new LongAdder();
    final LongAdder kicks = new LongAdder();
    final LongAdder sleeps = new LongAdder();

    RingStats snapshot(int activeConnections) {
        return new RingStats(
                accepted.sum(),
                refusedCredentials.sum(),
                refusedLimit.sum(),
                refusedHandshakes.sum(),
                protocolErrors.sum(),
                internalErrors.sum(),
                activeConnections,
                calls.sum(),
                kicks.sum(),
                sleeps.sum());
    }
}
