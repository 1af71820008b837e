package org.pviommu.server.ring;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The transport's log: one line per event, and a bounded number of lines, because whoever may connect can cause events
 * as fast as it likes. Of each level a burst passes, then one line per interval, which says how many were left out.
 *
 * <p>Callers put only numbers that a guest chose into a text, never its bytes. Any thread.
 */
final class RingLog {
    private static final int BURST = 50;
    private static final long INTERVAL_NS = 1_000_000_000L;

    private final Logger logger;
    private final LongSupplier clockNs;
    private final Bucket info = new Bucket();
    private final Bucket warning = new Bucket();
    private final Bucket error = new Bucket();

    RingLog() {
        this(System.getLogger("org.pviommu.server.ring"), System::nanoTime);
    }

    RingLog(Logger logger, LongSupplier clockNs) {
        this.logger = logger;
        this.clockNs = clockNs;
    }

    void info(String text) {
        log(Level.INFO, info, text, null);
    }

    void warning(String text) {
        log(Level.WARNING, warning, text, null);
    }

    void error(String text, Throwable cause) {
        log(Level.ERROR, error, text, cause);
    }

    private void log(Level level, Bucket bucket, String text, @Nullable Throwable cause) {
        long suppressed = bucket.take(clockNs.getAsLong());
        if (suppressed >= 0) {
            String line = suppressed == 0 ? text : text + " (left out before this line: " + suppressed + ")";
            logger.log(level, line, cause);
        }
    }

    /** Tokens that come back one per interval, up to the burst. */
    private static final class Bucket {
        private int tokens = BURST;
        private boolean started;
        private long refilledNs;
        private long suppressed;

        /** Lines left out since the last one that passed, or -1 if this one is to be left out. */
        synchronized long take(long nowNs) {
            refill(nowNs);
            if (tokens == 0) {
                suppressed++;
                return -1;
            }
            tokens--;
            long leftOut = suppressed;
            suppressed = 0;
            return leftOut;
        }

        private void refill(long nowNs) {
            if (!started) {
                started = true;
                refilledNs = nowNs;
            }
            // A difference of two readings, which stays right when the clock's own number wraps.
            long intervals = (nowNs - refilledNs) / INTERVAL_NS;
            if (intervals > 0) {
                tokens = (int) Math.min(BURST, tokens + intervals);
                refilledNs = nowNs;
            }
        }
    }
}
