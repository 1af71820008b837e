package org.pviommu.journal.replay;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.Engine;
import org.pviommu.journal.record.BadRecordException;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;

/**
 * Runs records in their order on a {@link ReplayTarget}.
 *
 * <p>Records of one call of a guest follow each other among those of other guests; the call is done when its last record comes.
 * That is in the right order: what another guest does while a call is under way cannot concern it, because what two guests
 * share changes under the locks of both.
 *
 * <p>It ends at the first difference; what comes after it cannot be told from its consequences.
 */
public final class Replayer implements AutoCloseable {
    private final RecordSource source;
    private final ReplayTarget target;
    private final Map<Integer, List<PendingRecord>> pending = new LinkedHashMap<>();
    /** Guests that are there, and the records of their coming. */
    private final Map<Integer, Long> came = new LinkedHashMap<>();

    private boolean started;
    private long firstSequence;
    private long records;
    private long operations;
    private long notCompared;
    private long lastSequence;
    private @Nullable Difference difference;
    private @Nullable ReplayObserver observer;

    private Replayer(RecordSource source, ReplayTarget target) {
        this.source = source;
        this.target = target;
    }

    /** Replays on the engine. */
    public static Replayer onEngine(RecordSource source) {
        return new Replayer(source, new EngineTarget());
    }

    /** Replays on a model that decides everything by the rules of the ABI, and shares no code with the engine. */
    public static Replayer onModel(RecordSource source) {
        return new Replayer(source, new ModelTarget());
    }

    /**
     * Runs up to and with record {@code until}, or to the end or to the first difference.
     *
     * @throws BadRecordException when a record does not have the form of one
     */
    public ReplayReport run(long until) {
        while (difference == null && lastSequence < until && source.next()) {
            difference = step();
        }
        return report();
    }

    private ReplayReport report() {
        long open = pending.values().stream().filter(call -> !call.isEmpty()).count();
        return new ReplayReport(
                records,
                operations,
                lastSequence,
                open,
                notCompared,
                target.digests(),
                target.unknownGuests(),
                difference);
    }

    private @Nullable Difference step() {
        lastSequence = source.sequence();
        records++;
        if (firstSequence == 0) {
            firstSequence = lastSequence;
        }
        JournalRecord record = decode();
        try {
            apply(record);
            return null;
        } catch (DifferenceException e) {
            return e.difference();
        } catch (RuntimeException e) {
            // A journal may come from anywhere, and say what no engine can have done.
            return new Difference(
                    lastSequence, source.timeMillis(), "it cannot be replayed", Describe.record(record), e.toString());
        }
    }

    private JournalRecord decode() {
        try {
            return RecordDecoder.decode(source.kind(), source.payload());
        } catch (BadRecordException e) {
            throw new BadRecordException("record " + lastSequence + ": " + e.getMessage());
        }
    }

    private void apply(JournalRecord record) {
        switch (record) {
            case JournalRecord.ServiceStart start -> {
                restart(start);
                if (observer != null) {
                    observer.started(lastSequence, source.timeMillis(), start);
                }
            }
            case JournalRecord.OfGuest ofGuest -> add(ofGuest);
            case JournalRecord.ServiceStop stop -> {}
            case JournalRecord.Fault fault -> {}
            case JournalRecord.Unfinished unfinished -> {}
        }
    }

    private void restart(JournalRecord.ServiceStart start) {
        for (List<PendingRecord> call : pending.values()) {
            if (!call.isEmpty()) {
                target.runCutOff(call);
                if (observer != null) {
                    observer.ran(call);
                }
            }
        }
        pending.clear();
        started = true;
        target.serviceStarted(start);
    }

    private void add(JournalRecord.OfGuest record) {
        if (isOfDroppedPart(record)) {
            return;
        }
        if (record instanceof JournalRecord.Slice slice) {
            operations += slice.operations();
        } else if (record instanceof JournalRecord.Domains domains) {
            operations += domains.requests().size();
        }
        List<PendingRecord> before = pending.get(record.guestId());
        if (record.endOfCall() && (before == null || before.isEmpty())) {
            run(List.of(pending(record, source.payload()))); // the usual case: nothing has to be kept
            return;
        }
        List<PendingRecord> call = before == null ? new ArrayList<>() : before;
        pending.put(record.guestId(), call);
        call.add(pending(record, copy(source.payload())));
        if (record.endOfCall()) {
            try {
                run(call);
            } finally {
                call.clear();
            }
        }
    }

    /**
     * Where the beginning of a journal was dropped, nothing is known of guests whose coming was in it: all of them have gone
     * since, or it would still be there. Nor is the start of the service, which the coming of a guest tells as well.
     */
    private boolean isOfDroppedPart(JournalRecord.OfGuest record) {
        if (record instanceof JournalRecord.GuestChange change) {
            if (change.change() instanceof Change.GuestAdded added) {
                came.put(record.guestId(), lastSequence);
                if (!started && firstSequence > 1) {
                    restart(new JournalRecord.ServiceStart(added.lastBfn(), added.cutsMappings(), ""));
                }
            } else if (change.change() instanceof Change.GuestRemoved removed && removed.done()) {
                return came.remove(record.guestId()) == null && firstSequence > 1;
            }
        }
        return firstSequence > 1 && !came.containsKey(record.guestId());
    }

    /** The record of the coming of each guest that is there: what a journal must keep. */
    public Map<Integer, Long> came() {
        return Map.copyOf(came);
    }

    private void run(List<PendingRecord> call) {
        if (!target.run(call)) {
            notCompared += call.size();
        }
        if (observer != null) {
            observer.ran(call);
        }
    }

    List<Integer> unknownGuests() {
        return target.unknownGuests();
    }

    void observe(ReplayObserver newObserver) {
        observer = newObserver;
    }

    private PendingRecord pending(JournalRecord.OfGuest record, MemorySegment payload) {
        return new PendingRecord(lastSequence, source.timeMillis(), source.kind(), payload, record);
    }

    private static MemorySegment copy(MemorySegment payload) {
        return MemorySegment.ofArray(payload.toArray(ValueLayout.JAVA_BYTE));
    }

    /** What is mapped in the state that was reached. */
    public List<MappedRun> mappings() {
        return target.mappings();
    }

    /** What domains of virtio-iommu devices map in the state that was reached. */
    public List<MappedRange> domainMappings() {
        return target.domainMappings();
    }

    /** The engine in the state that was reached, for a restart; null on the model, or before the service's first start. */
    public @Nullable Engine engine() {
        return target instanceof EngineTarget engineTarget ? engineTarget.engine() : null;
    }

    /**
     * As if the service started now: a call that was cut off is over, and nothing is owed.
     *
     * @throws org.pviommu.engine.EngineException when guests are there and the host IOMMU is not like the one before
     */
    public void restartHere(JournalRecord.ServiceStart start) {
        restart(start);
    }

    /**
     * The replay is over, and {@link #engine} goes on: what happens to its guests from now on is recorded there.
     *
     * @param logs asked once for each guest
     */
    public void recordTo(IntFunction<? extends BatchLog> logs) {
        if (target instanceof EngineTarget engineTarget) {
            engineTarget.recordTo(logs);
        }
    }

    @Override
    public void close() {
        target.close();
    }
}
