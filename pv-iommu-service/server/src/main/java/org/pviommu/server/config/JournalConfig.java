package org.pviommu.server.config;

import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Whether, where and how much is recorded.
 *
 * @param enabled whether at all
 * @param directory the journal's own; null for {@code journal} in the run directory
 * @param ringDirectory a tmpfs, for what has not reached the disk yet
 * @param ringBytes how much of that, a power of two
 * @param maxBytes beyond it the oldest parts go, as far as no guest that is there needs them
 * @param maxAge parts older than this go, too
 */
public record JournalConfig(
        boolean enabled, @Nullable Path directory, Path ringDirectory, int ringBytes, long maxBytes, Duration maxAge) {
    /** Smallest and largest ring. */
    public static final int MIN_RING_BYTES = 1 << 20;

    /** Largest ring. */
    public static final int MAX_RING_BYTES = 1 << 29;

    /** Recorded in the run directory, a gigabyte or a week of it. */
    public static JournalConfig defaults() {
        return new JournalConfig(true, null, Path.of("/dev/shm"), 16 << 20, 1L << 30, Duration.ofDays(7));
    }

    /** The same elsewhere. */
    public JournalConfig at(Path newDirectory) {
        return new JournalConfig(true, newDirectory, ringDirectory, ringBytes, maxBytes, maxAge);
    }

    /** Nothing is recorded. */
    public JournalConfig off() {
        return new JournalConfig(false, directory, ringDirectory, ringBytes, maxBytes, maxAge);
    }
}
