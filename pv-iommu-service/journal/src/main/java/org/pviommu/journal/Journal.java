package org.pviommu.journal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordEncoder;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.journal.store.JournalException;
import org.pviommu.journal.store.JournalSettings;
import org.pviommu.journal.store.JournalStore;
import org.pviommu.journal.store.StoreState;

/**
 * The journal of a service that runs: a log for each guest, and the records that belong to none.
 *
 * <p>Threads: any; each guest's log under that guest's lock.
 */
public final class Journal implements AutoCloseable {
    /** Who asks for what happens in this scope, when it is not the guest itself: a short text, at most 200 characters. */
    public static final ScopedValue<String> CALLER = ScopedValue.newInstance();

    private static final long WAIT_FOR_ROOM_NS = 1_000_000;

    private final JournalStore store;
    private final Map<Integer, GuestLog> logs = new ConcurrentHashMap<>();
    /** Guests that are there, or may come back, and the record of their coming: retention keeps it. */
    private final Map<Integer, Long> came;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment ownBuffer = arena.allocate(RecordEncoder.BUFFER_BYTES);
    private final RecordEncoder ownEncoder = new RecordEncoder(ownBuffer);
    private volatile boolean stopped;

    private Journal(JournalStore store, Map<Integer, Long> came) {
        this.store = store;
        this.came = came;
    }

    /**
     * Opens a journal for writing.
     *
     * @param settings completed with what retention must keep
     * @throws JournalException when that cannot be; the message says why
     */
    public static Journal open(JournalSettings.Builder settings) {
        Map<Integer, Long> came = new ConcurrentHashMap<>();
        settings.neededFrom(
                () -> came.values().stream().mapToLong(Long::longValue).min().orElse(Long.MAX_VALUE));
        return new Journal(JournalStore.open(settings.build()), came);
    }

    static String caller() {
        return CALLER.isBound() ? CALLER.get() : "";
    }

    /** Where the records go. */
    public JournalStore store() {
        return store;
    }

    /** The log of a guest; the same for all lives of that number. */
    public BatchLog logOf(int guestId) {
        return logs.computeIfAbsent(guestId, id -> new GuestLog(this));
    }

    /** The service starts; before anything else is recorded. */
    public synchronized void started(JournalRecord.ServiceStart start) {
        ownEncoder.serviceStart(start);
        append(RecordKind.SERVICE_START);
    }

    /** What a start in front of {@code host} is recorded as. */
    public static JournalRecord.ServiceStart start(HostCapabilities host, String version) {
        return new JournalRecord.ServiceStart(host.lastBfn(), host.cutsMappings(), version);
    }

    /**
     * The service stops and serves nobody any more. What is taken from its guests after this is not recorded: they may come
     * back.
     */
    public synchronized void stopped() {
        if (!stopped) {
            ownEncoder.serviceStop();
            append(RecordKind.SERVICE_STOP);
            stopped = true;
        }
    }

    boolean isStopped() {
        return stopped;
    }

    /** A device's access was refused; lost when there is no room, which is counted. */
    public synchronized void fault(int endpoint, long iovaBytes, boolean write) {
        if (!stopped) {
            ownEncoder.fault(endpoint, iovaBytes, write);
            store.tryAppend(RecordKind.FAULT.number(), ownBuffer, ownEncoder.lengthBytes());
        }
    }

    private void append(RecordKind kind) {
        reserveUnannounced(1, ownEncoder.lengthBytes());
        store.append(kind.number(), ownBuffer, ownEncoder.lengthBytes());
    }

    /**
     * Room for what has happened already and cannot be refused: waits for the writer, however long a full disk takes.
     *
     * @throws JournalException when the journal has failed, and no room will ever come
     */
    void reserveUnannounced(int records, long bytes) {
        while (!store.reserve(records, bytes, true)) {
            StoreState state = store.stats().state();
            if (state == StoreState.FAILED || state == StoreState.CLOSED) {
                throw new JournalException("the journal takes no records, state=" + state + " "
                        + store.stats().failure());
            }
            LockSupport.parkNanos(WAIT_FOR_ROOM_NS);
        }
    }

    void changed(int guestId, Change change, long sequence) {
        if (change instanceof Change.GuestAdded) {
            came.put(guestId, sequence);
        } else if (change instanceof Change.GuestRemoved removed && removed.done()) {
            came.remove(guestId);
        }
    }

    /** Guests of before, and the records of their coming. */
    void keep(Map<Integer, Long> before) {
        came.putAll(before);
    }

    /** Seals the journal. Nobody uses a guest's log any more. */
    @Override
    public void close() {
        store.close();
        logs.values().forEach(GuestLog::close);
        arena.close();
    }
}
