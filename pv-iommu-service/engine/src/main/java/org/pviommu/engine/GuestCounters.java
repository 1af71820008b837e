package org.pviommu.engine;

/** What a guest did since it appeared; written under its locks (calls: without one), read by anybody. */
final class GuestCounters {
    final Counter calls = new Counter();
    final Counter operations = new Counter();
    final Counter maps = new Counter();
    final Counter unmaps = new Counter();
    final Counter failures = new Counter();
    final Counter flushes = new Counter();
    final Counter earlyFlushes = new Counter();
    final Counter flushFailures = new Counter();
}
