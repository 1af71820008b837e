package org.pviommu.virtio.vhost;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Passes on as many lines as people can read: of each level a burst, then one a second, which says how many were left out. A peer
 * that sends mistakes as fast as it can fills no disk with them. Any thread.
 */
final class LimitedLog implements VhostLog {
    static final int BURST = 50;
    private static final long INTERVAL_NS = TimeUnit.SECONDS.toNanos(1);

    private final VhostLog to;
    private final LongSupplier clockNs;
    private final Allowance infos = new Allowance();
    private final Allowance warnings = new Allowance();
    private final Allowance errors = new Allowance();

    LimitedLog(VhostLog to, LongSupplier clockNs) {
        this.to = to;
        this.clockNs = clockNs;
    }

    @Override
    public void info(String message) {
        long before = infos.take(clockNs.getAsLong());
        if (before >= 0) {
            to.info(line(message, before));
        }
    }

    @Override
    public void warning(String message) {
        long before = warnings.take(clockNs.getAsLong());
        if (before >= 0) {
            to.warning(line(message, before));
        }
    }

    @Override
    public void error(String message, Throwable cause) {
        long before = errors.take(clockNs.getAsLong());
        if (before >= 0) {
            to.error(line(message, before), cause);
        }
    }

    private static String line(String message, long leftOut) {
        return leftOut == 0 ? message : message + " (left out before: " + leftOut + ")";
    }

    /** Lines of one level that may still pass; one more each interval, up to the burst. */
    private static final class Allowance {
        private long lines = BURST;
        private long countedNs;
        private boolean counting;
        private long leftOut;

        /** How many were left out since the last that passed; negative when this one is left out, too. */
        synchronized long take(long nowNs) {
            if (!counting) {
                counting = true;
                countedNs = nowNs;
            }
            // A difference, which stays right when the clock's number wraps.
            long intervals = Math.max(0, (nowNs - countedNs) / INTERVAL_NS);
            lines = Math.min(BURST, lines + intervals);
            countedNs += intervals * INTERVAL_NS;
            if (lines == 0) {
                leftOut++;
                return -1;
            }
            lines--;
            long before = leftOut;
            leftOut = 0;
            return before;
        }
    }
}
