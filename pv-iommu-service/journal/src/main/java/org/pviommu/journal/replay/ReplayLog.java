package org.pviommu.journal.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.Guest;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.record.RecordEncoder;
import org.pviommu.journal.record.RecordKind;

/** The log of the replaying engine: compares each record with the one in the journal, and has room when the recorded one had. */
final class ReplayLog implements BatchLog {
    private final MemorySegment buffer;
    private final RecordEncoder encoder;
    private final Deque<PendingRecord> expected = new ArrayDeque<>();
    private boolean roomForMaps;
    private boolean roomForRemovals;
    private boolean lenient;
    private @Nullable Difference difference;

    ReplayLog(Arena arena) {
        buffer = arena.allocate(RecordEncoder.BUFFER_BYTES);
        encoder = new RecordEncoder(buffer);
    }

    /** Begins a call whose records should be these. */
    void expect(List<PendingRecord> call) {
        expected.clear();
        expected.addAll(call);
        lenient = false;
        difference = null;
        room(true, true);
    }

    /** Begins a call whose end is not known: what comes is not compared. */
    void expectAnything() {
        expected.clear();
        lenient = true;
        room(true, true);
    }

    /** What the next slice finds. */
    void room(boolean forMaps, boolean forRemovals) {
        roomForMaps = forMaps;
        roomForRemovals = forRemovals;
    }

    /** After a call: everything came out as recorded, and nothing of it is missing. */
    void requireAllSeen() {
        PendingRecord missing = expected.peek();
        if (difference == null && missing != null) {
            difference = new Difference(
                    missing.sequence(),
                    missing.timeMillis(),
                    "the replay did not come to this record",
                    Describe.record(missing.record()),
                    "nothing");
        }
        if (difference != null) {
            throw new DifferenceException(difference);
        }
    }

    @Override
    public boolean reserve(int operations, boolean removal) {
        return removal ? roomForRemovals : roomForMaps;
    }

    @Override
    public void commit(SliceRecord slice) {
        if (!lenient) {
            encoder.slice(slice, by());
            compare(RecordKind.SLICE);
        }
    }

    @Override
    public void changed(Guest guest, Change change, boolean endOfCall) {
        if (!lenient) {
            encoder.change(guest, change, endOfCall, by());
            compare(RecordKind.CHANGE);
        }
    }

    private String by() {
        PendingRecord next = expected.peek();
        return next == null ? "" : next.record().by();
    }

    /** The first difference counts; what the engine does after it is not looked at. */
    private void compare(RecordKind kind) {
        MemorySegment made = buffer.asSlice(0, encoder.lengthBytes());
        PendingRecord next = expected.poll();
        if (next == null) {
            String got = Describe.record(RecordDecoder.decode(kind.number(), made));
            differs(new Difference(0, 0, "the replay made a record that the journal does not have", "nothing", got));
        } else if (next.kind() != kind.number() || next.payload().mismatch(made) != -1) {
            JournalRecord got = RecordDecoder.decode(kind.number(), made);
            differs(Difference.of(next.sequence(), next.timeMillis(), next.record(), got));
        }
    }

    private void differs(Difference first) {
        difference = first;
        lenient = true;
    }
}
