package org.pviommu.journal.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A journal that is open for writing.
 *
 * <p>First room is reserved, before anything is changed that will have to be recorded; then a record is appended, which cannot
 * fail and waits for nobody. When {@link #append} returns, the record is acknowledged: it survives the death of this process.
 *
 * <p>Threads: any. Reserving and appending allocate nothing and touch no disk.
 */
public final class JournalStore implements AutoCloseable {

    /** The kind of records that stand for appends that never returned; the others, 1 to 255, are the caller's. */
    public static final int KIND_ABANDONED = 0;

    private static final int MAX_KIND = 255;
    private static final long MAX_COUNTED_BYTES = 1L << 40;
    private static final long WAIT_STEP_NS = 20_000;

    private final JournalSettings settings;
    private final DirectoryLock lock;
    private final JournalRing ring;
    private final SegmentQueue queue;
    private final JournalWriter writer;
    private final OpenReport report;
    private final int maxPayloadBytes;

    private final AtomicLong waits = new AtomicLong();
    private final AtomicLong refusals = new AtomicLong();
    private final AtomicLong lost = new AtomicLong();
    private volatile boolean closed;

    private JournalStore(JournalSettings settings, DirectoryLock lock, JournalOpener.Opened opened) {
        this.settings = settings;
        this.lock = lock;
        ring = opened.ring();
        queue = opened.queue();
        report = opened.report();
        writer = new JournalWriter(settings, ring, opened.drain(), queue);
        maxPayloadBytes = JournalRing.maxPayloadBytes(settings.ringBytes());
    }

    /**
     * Opens a journal, or makes one. Everything in it is read and checked before anything is changed.
     *
     * @throws JournalLockedException when another instance has it open for writing
     * @throws JournalDamagedException when it is not what was written; names the file and the first bad record
     * @throws JournalException when the directory cannot be written to, or the disk is full
     */
    public static JournalStore open(JournalSettings settings) {
        return open(settings, StoreHooks.NONE);
    }

    static JournalStore open(JournalSettings settings, StoreHooks hooks) {
        requireFlags();
        Path directory = settings.directory();
        DirectoryLock lock = null;
        JournalStore store = null;
        try {
            JournalFiles.createDirectory(directory);
            lock = DirectoryLock.acquire(directory);
            store = new JournalStore(settings, lock, new JournalOpener(settings, hooks).open());
            store.report.messages().forEach(settings.listener()::message);
            store.writer.start();
            return store;
        } catch (IOException | UncheckedIOException | InternalError e) {
            throw new JournalException("journal directory=" + directory + " cannot be opened for writing: " + e, e);
        } finally {
            if (store == null && lock != null) {
                closeLock(lock, settings);
            }
        }
    }

    /** Without this flag Chronicle's queue would silently be read-only. */
    private static void requireFlags() {
        Module base = Object.class.getModule();
        if (!base.isExported("sun.nio.ch", JournalStore.class.getModule())) {
            throw new JournalException("the JVM needs --add-exports=java.base/sun.nio.ch=ALL-UNNAMED");
        }
    }

    private static void closeLock(DirectoryLock lock, JournalSettings settings) {
        try {
            lock.close();
        } catch (IOException e) {
            settings.listener().message("unlocking failed: " + e);
        }
    }

    /** What the journal was like when it was opened. */
    public OpenReport openReport() {
        return report;
    }

    /** The largest payload of one record: an eighth of the ring, less a few bytes, but at most 1 MiB. */
    public int maxPayloadBytes() {
        return maxPayloadBytes;
    }

    /**
     * Makes room for records, so that appending them cannot fail. What is not used has to be given back.
     *
     * <p>When the ring is fuller than the high-water mark, waits a moment for the writer. Only a removal may use what is above
     * the mark.
     *
     * @param records how many there will be at most
     * @param payloadBytes how long their payloads will be together at most
     * @param removal whether what is to be recorded can only remove
     * @return false when there is no room, the disk is full, the journal failed or is closed: what was to be recorded must not
     *     happen
     * @throws IllegalArgumentException when a number is negative
     */
    public boolean reserve(int records, long payloadBytes, boolean removal) {
        long costBytes = costBytes(records, payloadBytes);
        int limitBytes = removal ? ring.usableBytes() : settings.highWaterBytes();
        boolean reserved = accepts(removal)
                && (ring.reserve(costBytes, limitBytes) || waitForRoom(costBytes, limitBytes, removal));
        if (!reserved) {
            refusals.incrementAndGet();
        }
        return reserved;
    }

    private static long costBytes(int records, long payloadBytes) {
        if (records < 0 || payloadBytes < 0) {
            throw new IllegalArgumentException("records=" + records + " payloadBytes=" + payloadBytes + " min=0");
        }
        // More than any ring has is more than any ring has; and the cost of 2^31 records cannot make the sum overflow.
        return JournalRing.costBytes(records, Math.min(payloadBytes, MAX_COUNTED_BYTES));
    }

    private boolean accepts(boolean removal) {
        return !closed && writer.failure() == null && (removal || !queue.isSpaceShort());
    }

    private boolean waitForRoom(long costBytes, int limitBytes, boolean removal) {
        if (costBytes > limitBytes) {
            return false;
        }
        waits.incrementAndGet();
        long deadlineNs = System.nanoTime() + settings.reserveWait().toNanos();
        boolean reserved = false;
        while (!reserved && accepts(removal) && System.nanoTime() - deadlineNs < 0) {
            writer.wake();
            LockSupport.parkNanos(WAIT_STEP_NS);
            reserved = ring.reserve(costBytes, limitBytes);
        }
        return reserved;
    }

    /**
     * Gives back room that was reserved and is not needed.
     *
     * @param records how many of the reserved records will not be appended
     * @param payloadBytes how much of the reserved payload will not be used
     * @throws IllegalStateException when less is reserved
     */
    public void unreserve(int records, long payloadBytes) {
        ring.unreserve(costBytes(records, payloadBytes));
    }

    /**
     * Appends a record, for which room was reserved. An append that returns before another begins has the smaller sequence
     * number.
     *
     * @param kind 1 to 255
     * @param payload holds the payload from its beginning on
     * @param payloadBytes how much of it is the payload; at most {@link #maxPayloadBytes()}
     * @return the record's sequence number
     * @throws IllegalArgumentException for a kind or a length outside of its limits
     * @throws IllegalStateException when not enough room is reserved, or the journal is closed
     */
    public long append(int kind, MemorySegment payload, long payloadBytes) {
        return ring.append(checkKind(kind), payload, checkLength(payload, payloadBytes));
    }

    /**
     * Appends a record that may be lost, if there is room below the high-water mark. Waits for nothing.
     *
     * @return the record's sequence number, or 0 when it was not recorded, which is counted
     * @throws IllegalArgumentException for a kind or a length outside of its limits
     */
    public long tryAppend(int kind, MemorySegment payload, long payloadBytes) {
        int length = checkLength(payload, payloadBytes);
        checkKind(kind);
        long costBytes = JournalRing.costBytes(1, length);
        if (!accepts(false) || !ring.reserve(costBytes, settings.highWaterBytes())) {
            lost.incrementAndGet();
            return 0;
        }
        return ring.append(kind, payload, length);
    }

    private static int checkKind(int kind) {
        if (kind <= KIND_ABANDONED || kind > MAX_KIND) {
            throw new IllegalArgumentException("kind=" + kind + " min=1 max=" + MAX_KIND);
        }
        return kind;
    }

    private int checkLength(MemorySegment payload, long payloadBytes) {
        long maxBytes = Math.min(maxPayloadBytes, payload.byteSize());
        if (payloadBytes < 0 || payloadBytes > maxBytes) {
            throw new IllegalArgumentException("payloadBytes=" + payloadBytes + " max=" + maxBytes);
        }
        return (int) payloadBytes;
    }

    /** The last record appended, or being appended. */
    public long lastSequence() {
        return ring.lastSequence();
    }

    /** The last record that is in the queue, and was read back from it. */
    public long writtenSequence() {
        return queue.writtenSequence();
    }

    /** The last record that survives the loss of power. */
    public long syncedSequence() {
        return queue.syncedSequence();
    }

    /**
     * Waits until everything appended so far is in the queue.
     *
     * @throws JournalException when the journal has failed, or the writer does not get there in time
     */
    public void flush() {
        long sequence = ring.lastSequence();
        long deadlineNs = System.nanoTime() + settings.flushWait().toNanos();
        while (queue.writtenSequence() < sequence) {
            Throwable failure = writer.failure();
            if (failure != null || System.nanoTime() - deadlineNs >= 0) {
                throw new JournalException(
                        "not written: sequence=" + sequence + " writtenSequence=" + queue.writtenSequence() + " state="
                                + state(),
                        failure);
            }
            writer.wake();
            LockSupport.parkNanos(WAIT_STEP_NS);
        }
    }

    private StoreState state() {
        if (writer.failure() != null) {
            return StoreState.FAILED;
        } else if (closed) {
            return StoreState.CLOSED;
        }
        return queue.isSpaceShort() ? StoreState.DISK_FULL : StoreState.RUNNING;
    }

    /** Figures for metrics; each is true by itself. */
    public StoreStats stats() {
        Throwable failure = writer.failure();
        return new StoreStats(
                state(),
                failure == null ? "" : failure.toString(),
                settings.ringBytes(),
                ring.occupiedBytes(),
                ring.peakBytes(),
                settings.highWaterBytes(),
                ring.lastSequence(),
                queue.writtenSequence(),
                queue.syncedSequence(),
                waits.get(),
                refusals.get(),
                lost.get(),
                queue.readBackDelays(),
                queue.segments(),
                queue.bytes());
    }

    /**
     * Takes no more records, moves all to the queue, forces it to the disk and seals it. When that does not succeed in time,
     * what is missing stays in the ring for the next start. Closing again does nothing.
     */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        ring.close();
        writer.close();
        closeLock(lock, settings);
    }
}
