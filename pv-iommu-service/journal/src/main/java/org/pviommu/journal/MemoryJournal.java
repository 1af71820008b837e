package org.pviommu.journal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.record.RecordEncoder;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.journal.replay.RecordSource;

/** A journal in the heap, for tests of the rooms above: what a guest's log is told, encoded, in order. One thread. */
public final class MemoryJournal {
    @SuppressWarnings("ArrayRecordComponent") // nobody compares entries
    private record Entry(int kind, byte[] payload) {}

    private final List<Entry> entries = new ArrayList<>();
    private final MemorySegment buffer = Arena.ofAuto().allocate(RecordEncoder.BUFFER_BYTES);
    private final RecordEncoder encoder = new RecordEncoder(buffer);
    private boolean roomForMaps = true;
    private boolean roomForRemovals = true;
    private Consumer<Guest> observer = guest -> {};

    /** From now on there is room for these. */
    public void room(boolean forMaps, boolean forRemovals) {
        roomForMaps = forMaps;
        roomForRemovals = forRemovals;
    }

    /** Shows the guest of each record to {@code newObserver}, as it is when the record has been made. */
    public void observe(Consumer<Guest> newObserver) {
        observer = newObserver;
    }

    /** The start of the service. */
    public void started(HostCapabilities host) {
        started(new JournalRecord.ServiceStart(host.lastBfn(), host.cutsMappings(), "test"));
    }

    /** The start of the service. */
    public void started(JournalRecord.ServiceStart start) {
        encoder.serviceStart(start);
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
                observer.accept(slice.guest());
            }

            @Override
            public void commitDomains(DomainRecord batch) {
                encoder.domains(batch, "");
                add(RecordKind.DOMAINS);
                observer.accept(batch.guest());
            }

            @Override
            public void changed(Guest guest, Change change, boolean endOfCall) {
                encoder.change(guest, change, endOfCall, "");
                add(RecordKind.CHANGE);
                observer.accept(guest);
            }
        };
    }

    private void add(RecordKind kind) {
        append(kind, buffer.asSlice(0, encoder.lengthBytes()).toArray(ValueLayout.JAVA_BYTE));
    }

    /** Adds a record with that content. */
    public void append(RecordKind kind, byte[] payload) {
        entries.add(new Entry(kind.number(), payload));
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

    /** How many records belong to their calls in that way. */
    public int count(SliceRecord.Part part) {
        int count = 0;
        for (int i = 0; i < size(); i++) {
            count += record(i) instanceof JournalRecord.Slice slice && slice.part() == part ? 1 : 0;
        }
        return count;
    }

    /** A journal with the first {@code size} records of this one. */
    public MemoryJournal head(int size) {
        MemoryJournal head = new MemoryJournal();
        head.entries.addAll(entries.subList(0, size));
        return head;
    }

    /** This journal with another content of record {@code index}. */
    public MemoryJournal with(int index, byte[] payload) {
        MemoryJournal changed = head(entries.size());
        changed.entries.set(index, new Entry(entries.get(index).kind(), payload));
        return changed;
    }

    /** This journal without record {@code index}. */
    public MemoryJournal without(int index) {
        MemoryJournal shorter = head(entries.size());
        shorter.entries.remove(index);
        return shorter;
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
