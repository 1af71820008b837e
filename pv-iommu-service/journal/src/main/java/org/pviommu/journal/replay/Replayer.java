package org.pviommu.journal.replay;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.journal.record.BadRecordException;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;

/**
 * Runs records in their order on a {@link ReplayTarget}.
 *
 * <p>Records of one call of a guest follow each other among those of other guests; the call is done when its last record comes.
 * That is in the right order: what another guest does while a call is under way cannot concern it, because what two guests
 * share changes under the locks of both.
 */
public final class Replayer implements AutoCloseable {
    private final RecordSource source;
    private final ReplayTarget target;
    private final Map<Integer, List<PendingRecord>> pending = new LinkedHashMap<>();
    private long records;
    private long operations;
    private long lastSequence;

    private Replayer(RecordSource source, ReplayTarget target) {
        this.source = source;
        this.target = target;
    }

    /** Replays on the engine. */
    public static Replayer onEngine(RecordSource source) {
        return new Replayer(source, new EngineTarget());
    }

    /**
     * Runs up to and with record {@code until}, or to the end or to the first difference.
     *
     * @throws BadRecordException when a record does not have the form of one
     */
    public ReplayReport run(long until) {
        Difference difference = null;
        try {
            while (lastSequence < until && source.next()) {
                step();
            }
        } catch (DifferenceException e) {
            difference = e.difference();
        }
        return report(difference);
    }

    private ReplayReport report(@Nullable Difference difference) {
        long open = pending.values().stream().filter(call -> !call.isEmpty()).count();
        return new ReplayReport(records, operations, lastSequence, open, target.digests(), difference);
    }

    private void step() {
        lastSequence = source.sequence();
        records++;
        JournalRecord record;
        try {
            record = RecordDecoder.decode(source.kind(), source.payload());
        } catch (BadRecordException e) {
            throw new BadRecordException("record " + lastSequence + ": " + e.getMessage());
        }
        switch (record) {
            case JournalRecord.ServiceStart start -> restart(start);
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
            }
        }
        pending.clear();
        target.serviceStarted(start);
    }

    private void add(JournalRecord.OfGuest record) {
        if (record instanceof JournalRecord.Slice slice) {
            operations += slice.operations();
        }
        List<PendingRecord> call = pending.computeIfAbsent(record.guestId(), id -> new ArrayList<>());
        call.add(new PendingRecord(lastSequence, source.timeMillis(), source.kind(), copy(source.payload()), record));
        if (record.endOfCall()) {
            try {
                target.run(call);
            } finally {
                call.clear();
            }
        }
    }

    private static MemorySegment copy(MemorySegment payload) {
        return MemorySegment.ofArray(payload.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    }

    /** What is mapped in the state that was reached. */
    public List<MappedRun> mappings() {
        return target.mappings();
    }

    /** The engine in the state that was reached, for a restart; null on the model, or before the service's first start. */
    public org.pviommu.engine.@Nullable Engine engine() {
        return target instanceof EngineTarget engineTarget ? engineTarget.engine() : null;
    }

    /** As if the service started now: a call that was cut off is over, and nothing is owed. */
    public void restartHere(JournalRecord.ServiceStart start) {
        restart(start);
    }

    @Override
    public void close() {
        target.close();
    }
}
