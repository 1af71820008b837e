package org.pviommu.journal.replay;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.Guest;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.record.RecordEncoder;
import org.pviommu.journal.record.RecordKind;

/**
 * The log of the replaying engine, for all guests, because one call is replayed at a time: compares each record with the one in
 * the journal, and has room when the recorded one had.
 */
final class ReplayLog implements BatchLog {
    private final MemorySegment buffer;
    private final RecordEncoder encoder;
    private List<PendingRecord> expected = List.of();
    private int seen;
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
        expected = call;
        seen = 0;
        lenient = false;
        difference = null;
        room(true, true);
    }

    /** Begins a call whose end is not known: what comes is not compared. */
    void expectAnything() {
        expected = List.of();
        seen = 0;
        lenient = true;
        difference = null;
        room(true, true);
    }

    /** What the next slice finds. */
    void room(boolean forMaps, boolean forRemovals) {
        roomForMaps = forMaps;
        roomForRemovals = forRemovals;
    }

    /** After a call: everything came out as recorded, and nothing of it is missing. */
    void requireAllSeen() {
        requireNoDifference();
        if (seen < expected.size()) {
            throw DifferenceException.at(expected.get(seen), "the replay did not come to this record", "nothing");
        }
    }

    /** What was recorded so far is the same. */
    void requireNoDifference() {
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
    public void commitDomains(DomainRecord batch) {
        if (!lenient) {
            encoder.domains(batch, by());
            compare(RecordKind.DOMAINS);
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
        return seen < expected.size() ? expected.get(seen).record().by() : "";
    }

    /** The first difference counts; what the engine does after it is not looked at. */
    private void compare(RecordKind kind) {
        if (seen == expected.size()) {
            PendingRecord last = expected.getLast(); // a call has a record
            differs(new Difference(
                    last.sequence(),
                    last.timeMillis(),
                    "the replay made a record after it that the journal does not have",
                    "nothing",
                    Describe.record(made(kind))));
            return;
        }
        PendingRecord next = expected.get(seen++);
        long lengthBytes = encoder.lengthBytes();
        if (next.kind() != kind.number()
                || next.payload().byteSize() != lengthBytes
                || MemorySegment.mismatch(next.payload(), 0, lengthBytes, buffer, 0, lengthBytes) != -1) {
            differs(Difference.of(next.sequence(), next.timeMillis(), next.record(), made(kind)));
        }
    }

    private JournalRecord made(RecordKind kind) {
        return RecordDecoder.decode(kind.number(), buffer.asSlice(0, encoder.lengthBytes()));
    }

    private void differs(Difference first) {
        difference = first;
        lenient = true;
    }
}
