package org.pviommu.journal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.record.RecordEncoder;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.journal.replay.RecordSource;

/** A journal in the heap: what a guest's log is told, encoded, in order. */
public final class MemoryJournal {
    @SuppressWarnings("ArrayRecordComponent") // nobody compares entries
    private record Entry(int kind, byte[] payload) {}

    private final List<Entry> entries = new ArrayList<>();
    private final MemorySegment buffer = Arena.ofAuto().allocate(RecordEncoder.BUFFER_BYTES);
    private final RecordEncoder encoder = new RecordEncoder(buffer);
    private boolean roomForMaps = true;
    private boolean roomForRemovals = true;

    /** From now on there is room for these. */
    public void room(boolean forMaps, boolean forRemovals) {
        roomForMaps = forMaps;
        roomForRemovals = forRemovals;
    }

    /** The start of the service. */
    public void started(HostCapabilities host) {
        encoder.serviceStart(new JournalRecord.ServiceStart(host.lastBfn(), host.cutsMappings(), "test"));
        add(RecordKind.SERVICE_START);
    }

    /** The log of one guest, or of all. */
    public BatchLog log() {
        return new BatchLog() {
            @Override
            public boolean reserve(int operations, boolean removal) {
                return removal ? roomForRemovals : roomForMaps;
            }

            @Override
            public void commit(SliceRecord slice) {
                encoder.slice(slice, "");
                add(RecordKind.SLICE);
            }

            @Override
            public void changed(Guest guest, Change change, boolean endOfCall) {
                encoder.change(guest, change, endOfCall, "");
                add(RecordKind.CHANGE);
            }
        };
    }

    private void add(RecordKind kind) {
        entries.add(new Entry(
                kind.number(), buffer.asSlice(0, encoder.lengthBytes()).toArray(ValueLayout.JAVA_BYTE)));
    }

    /** How many records there are. */
    public int size() {
        return entries.size();
    }

    /** How many bytes their contents have. */
    public long bytes() {
        return entries.stream().mapToLong(entry -> entry.payload().length).sum();
    }

    /** Record {@code index}, from 0. */
    public JournalRecord record(int index) {
        Entry entry = entries.get(index);
        return RecordDecoder.decode(entry.kind(), MemorySegment.ofArray(entry.payload()));
    }

    /** Forgets the records from {@code size} on, as a crash before them would have. */
    public void cut(int size) {
        entries.subList(size, entries.size()).clear();
    }

    /** The content of record {@code index}, to be changed. */
    public byte[] payload(int index) {
        return entries.get(index).payload();
    }

    /** All records so far, in order; their numbers begin at 1. */
    public RecordSource source() {
        return new RecordSource() {
            private int index = -1;

            @Override
            public boolean next() {
                return ++index < entries.size();
            }

            @Override
            public long sequence() {
                return index + 1L;
            }

            @Override
            public long timeMillis() {
                return 1_000_000L + index;
            }

            @Override
            public int kind() {
                return entries.get(index).kind();
            }

            @Override
            public MemorySegment payload() {
                return MemorySegment.ofArray(entries.get(index).payload());
            }
        };
    }
}
