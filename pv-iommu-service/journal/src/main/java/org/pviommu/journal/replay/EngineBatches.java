package org.pviommu.journal.replay;

import java.lang.foreign.Arena;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.engine.BatchPlayer;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordEncoder;

/** Makes the calls once more that records of slices tell of. Slices are cut where they were cut. */
final class EngineBatches {
    private final BatchPlayer player;
    private final ReplayLog log;
    private final Elements elements;

    EngineBatches(BatchPlayer player, ReplayLog log, Arena arena) {
        this.player = player;
        this.log = log;
        this.elements = new Elements(arena.allocate((long) RecordEncoder.MAX_OPERATIONS * IommuRangeOp.SIZE));
    }

    /** A whole call; {@code last} is its last record. */
    void run(List<PendingRecord> call, JournalRecord.Slice last) {
        switch (last.subOp()) {
            case IommuOp.FLUSH -> player.flush(last.guestId(), last.context());
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT, IommuOp.ATTACH_DEVICE -> contexts(call, last);
            default -> {
                player.begin(last.guestId(), last.context(), last.subOp(), isDeferred(call, last.subOp()));
                if (last.part() == SliceRecord.Part.CALL_ABANDONED) {
                    slices(call, last.subOp(), false);
                    player.abandon();
                } else {
                    slices(call, last.subOp(), last.operations() > 0 || endsInSlice(call));
                    player.finish();
                }
            }
        }
    }

    /** The records of a call whose end is missing. */
    void runCutOff(List<PendingRecord> call) {
        JournalRecord.Slice main = firstOwn(call);
        if (main == null) {
            return; // a flush of another address space, and a new start owes nothing
        }
        if (isContextOp(main.subOp())) {
            contexts(call, main);
            return;
        }
        player.begin(main.guestId(), main.context(), main.subOp(), main.deferred());
        slices(call, main.subOp(), false);
        if (elements.count() > 0) {
            player.slice(elements.array(), elements.count(), false); // the slice whose end is missing
        }
        player.abandon();
    }

    private static JournalRecord.@Nullable Slice firstOwn(List<PendingRecord> call) {
        for (PendingRecord each : call) {
            if (each.record() instanceof JournalRecord.Slice slice && slice.part() != SliceRecord.Part.NESTED) {
                return slice;
            }
        }
        return null;
    }

    private static boolean isContextOp(int subOp) {
        return subOp == IommuOp.ALLOC_CONTEXT || subOp == IommuOp.FREE_CONTEXT || subOp == IommuOp.ATTACH_DEVICE;
    }

    private void contexts(List<PendingRecord> call, JournalRecord.Slice any) {
        elements.start(any.subOp());
        for (PendingRecord each : call) {
            if (each.record() instanceof JournalRecord.Slice slice && slice.subOp() == any.subOp()) {
                elements.add(slice.runs());
            }
        }
        player.contexts(any.guestId(), any.subOp(), elements.array(), elements.count());
    }

    /** The record that ends an abandoned call, or one whose last slice found no room, does not say it. */
    private static boolean isDeferred(List<PendingRecord> call, int subOp) {
        for (PendingRecord each : call) {
            if (each.record() instanceof JournalRecord.Slice slice && slice.subOp() == subOp && slice.deferred()) {
                return true;
            }
        }
        return false;
    }

    /** Whether the slice before the last record was not over yet: an early flush has covered its last operation. */
    private static boolean endsInSlice(List<PendingRecord> call) {
        return call.size() > 1
                && call.get(call.size() - 2).record() instanceof JournalRecord.Slice slice
                && slice.part() == SliceRecord.Part.OF_SLICE;
    }

    /** Leaves in {@link #elements} what belongs to a slice whose end does not come. */
    private void slices(List<PendingRecord> call, int subOp, boolean lastIsLast) {
        elements.start(subOp);
        for (PendingRecord each : call) {
            if (!(each.record() instanceof JournalRecord.Slice slice) || slice.subOp() != subOp) {
                continue;
            }
            if (slice.operations() > 0) {
                elements.add(slice.runs());
                log.room(slice.roomForMaps(), slice.roomForRemovals()); // of the slice, which each of its records tells
            }
            if (slice.part() != SliceRecord.Part.OF_SLICE && elements.count() > 0) {
                boolean end = slice.part() == SliceRecord.Part.CALL_END;
                player.slice(elements.array(), elements.count(), end && lastIsLast);
                elements.start(subOp);
            }
        }
    }
}
