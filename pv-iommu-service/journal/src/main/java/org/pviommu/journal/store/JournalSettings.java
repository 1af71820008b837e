package org.pviommu.journal.store;

import java.nio.file.Path;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Where a journal is, and its limits.
 *
 * @param directory the journal's own directory; made when it does not exist
 * @param ringDirectory a tmpfs
 * @param ringBytes size of the ring, a power of two; payloads are limited to an eighth of it, and to 1 MiB
 * @param highWaterBytes how much of the ring may be occupied before only removals get in; what is left of seven eighths of the
 *     ring is the removals' reserve
 * @param segmentBytes a queue file that has reached this size is completed
 * @param segmentAge one that has been written for so long, too
 * @param diskReserveBytes space that is kept allocated ahead of the writer
 * @param maxBytes retention: how long all queue files may be together
 * @param maxAge retention: how old the last record of a queue file may be when the next file is begun
 * @param neededFrom retention: the first record that must stay, asked by the writer thread
 * @param syncInterval how often what was written is forced to the disk
 * @param reserveWait how long a reservation waits for the writer before it is refused
 * @param flushWait how long {@link JournalStore#flush} and {@link JournalStore#close} wait for the writer
 * @param clockMillis the wall clock; must not allocate
 * @param listener what the operator should know goes there
 */
public record JournalSettings(
        Path directory,
        Path ringDirectory,
        int ringBytes,
        int highWaterBytes,
        long segmentBytes,
        Duration segmentAge,
        long diskReserveBytes,
        long maxBytes,
        Duration maxAge,
        LongSupplier neededFrom,
        Duration syncInterval,
        Duration reserveWait,
        Duration flushWait,
        LongSupplier clockMillis,
        JournalListener listener) {

    private static final long MAX_SEGMENT_BYTES = 1L << 30;
    private static final long MIN_DISK_RESERVE_BYTES = 1 << 18;

    /** @throws IllegalArgumentException when a value is outside of its limits, or two do not go together */
    public JournalSettings {
        require("ringBytes", ringBytes, RingFile.MIN_RING_BYTES, RingFile.MAX_RING_BYTES);
        if (Integer.bitCount(ringBytes) != 1) {
            throw new IllegalArgumentException("ringBytes=" + ringBytes + " is not a power of two");
        }
        require("highWaterBytes", highWaterBytes, 1, JournalRing.usableBytes(ringBytes));
        require("segmentBytes", segmentBytes, 1, MAX_SEGMENT_BYTES);
        // A frame, and what Chronicle may write besides, always fits into half of it.
        long frameBytes = (long) JournalRing.maxPayloadBytes(ringBytes) + Frame.OVERHEAD_BYTES;
        require("diskReserveBytes", diskReserveBytes, MIN_DISK_RESERVE_BYTES + 2 * frameBytes, MAX_SEGMENT_BYTES);
        require("maxBytes", maxBytes, 1, Long.MAX_VALUE);
        requirePositive("segmentAge", segmentAge);
        requirePositive("maxAge", maxAge);
        requirePositive("syncInterval", syncInterval);
        requirePositive("flushWait", flushWait);
        if (reserveWait.isNegative()) {
            throw new IllegalArgumentException("reserveWait=" + reserveWait + " min=0");
        }
    }

    private static void require(String name, long value, long min, long max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(name + "=" + value + " min=" + min + " max=" + max);
        }
    }

    private static void requirePositive(String name, Duration value) {
        // Beyond a century nanoseconds would overflow somewhere.
        if (value.isNegative() || value.isZero() || value.toDays() > 36_500) {
            throw new IllegalArgumentException(name + "=" + value + " min=1ns max=36500d");
        }
    }

    /** Settings with defaults for everything but the directory. */
    public static Builder builder(Path directory) {
        return new Builder(directory);
    }

    /** Collects settings; each method is named after what it sets. */
    public static final class Builder {
        private final Path directory;
        private Path ringDirectory = Path.of("/dev/shm");
        private int ringBytes = 16 << 20;
        private int highWaterBytes;
        private long segmentBytes = 64 << 20;
        private Duration segmentAge = Duration.ofHours(1);
        private long diskReserveBytes = 8 << 20;
        private long maxBytes = Long.MAX_VALUE;
        private Duration maxAge = Duration.ofDays(36_500);
        private LongSupplier neededFrom = () -> Long.MAX_VALUE;
        private Duration syncInterval = Duration.ofSeconds(1);
        private Duration reserveWait = Duration.ofMillis(10);
        private Duration flushWait = Duration.ofSeconds(30);
        private LongSupplier clockMillis = System::currentTimeMillis;
        private JournalListener listener =
                text -> System.getLogger(JournalStore.class.getName()).log(System.Logger.Level.INFO, text);

        private Builder(Path directory) {
            this.directory = directory;
        }

        public Builder ringDirectory(Path value) {
            ringDirectory = value;
            return this;
        }

        public Builder ringBytes(int value) {
            ringBytes = value;
            return this;
        }

        /** By default three quarters of what can be promised of the ring. */
        public Builder highWaterBytes(int value) {
            highWaterBytes = value;
            return this;
        }

        public Builder segmentBytes(long value) {
            segmentBytes = value;
            return this;
        }

        public Builder segmentAge(Duration value) {
            segmentAge = value;
            return this;
        }

        public Builder diskReserveBytes(long value) {
            diskReserveBytes = value;
            return this;
        }

        public Builder maxBytes(long value) {
            maxBytes = value;
            return this;
        }

        public Builder maxAge(Duration value) {
            maxAge = value;
            return this;
        }

        public Builder neededFrom(LongSupplier value) {
            neededFrom = value;
            return this;
        }

        public Builder syncInterval(Duration value) {
            syncInterval = value;
            return this;
        }

        public Builder reserveWait(Duration value) {
            reserveWait = value;
            return this;
        }

        public Builder flushWait(Duration value) {
            flushWait = value;
            return this;
        }

        public Builder clockMillis(LongSupplier value) {
            clockMillis = value;
            return this;
        }

        public Builder listener(JournalListener value) {
            listener = value;
            return this;
        }

        /**
         * The settings.
         *
         * @throws IllegalArgumentException when a value is outside of its limits, or two do not go together
         */
        public JournalSettings build() {
            int defaultHighWaterBytes = JournalRing.usableBytes(ringBytes) / 4 * 3;
            return new JournalSettings(
                    directory,
                    ringDirectory,
                    ringBytes,
                    highWaterBytes == 0 ? defaultHighWaterBytes : highWaterBytes,
                    segmentBytes,
                    segmentAge,
                    diskReserveBytes,
                    maxBytes,
                    maxAge,
                    neededFrom,
                    syncInterval,
                    reserveWait,
                    flushWait,
                    clockMillis,
                    listener);
        }
    }
}
