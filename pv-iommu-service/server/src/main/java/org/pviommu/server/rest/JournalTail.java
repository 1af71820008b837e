package org.pviommu.server.rest;

import io.micronaut.http.sse.Event;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.store.JournalReader;
import org.pviommu.server.Json;
import org.pviommu.server.records.RecordViews;

/** The end of the journal, as it grows. A guest makes tens of thousands of records a second, so only the newest are shown. */
final class JournalTail implements AutoCloseable {
    /** Records of one look that are shown. */
    static final int MAX_SHOWN = 128;

    private final JournalReader reader;
    private final long from;

    /** What {@link #look} keeps until it knows that it is among the newest. */
    private record Raw(long sequence, long timeMillis, int kind, MemorySegment payload) {}

    /**
     * What came since the look before.
     *
     * @param events the newest
     * @param missed how many there were before them
     */
    record Look(List<Event<String>> events, long missed) {}

    /** From record {@code from} on. */
    JournalTail(Path directory, long from) {
        this.reader = JournalReader.open(directory, from);
        this.from = from;
    }

    Look look() {
        ArrayDeque<Raw> newest = new ArrayDeque<>();
        long missed = 0;
        while (reader.next()) {
            if (reader.sequence() >= from) {
                if (newest.size() == MAX_SHOWN) {
                    newest.removeFirst();
                    missed++;
                }
                newest.addLast(new Raw(
                        reader.sequence(),
                        reader.timeMillis(),
                        reader.kind(),
                        MemorySegment.ofArray(reader.payload().toArray(ValueLayout.JAVA_BYTE))));
            }
        }
        List<Event<String>> events = new ArrayList<>();
        newest.forEach(raw -> events.add(event(raw)));
        return new Look(events, missed);
    }

    private static Event<String> event(Raw raw) {
        JournalRecord record = RecordDecoder.decode(raw.kind(), raw.payload());
        String json = Json.write(RecordViews.of(raw.sequence(), raw.timeMillis(), record, RecordViews.RUNS_IN_LISTS));
        return Event.of(json)
                .name(record instanceof JournalRecord.Fault ? "fault" : "record")
                .id(Long.toString(raw.sequence()));
    }

    @Override
    public void close() {
        reader.close();
    }
}
