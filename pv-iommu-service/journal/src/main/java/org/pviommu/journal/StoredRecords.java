package org.pviommu.journal;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.pviommu.journal.replay.RecordSource;
import org.pviommu.journal.store.JournalReader;

/** The records of a journal in a directory, for a replay. */
public final class StoredRecords implements RecordSource, AutoCloseable {
    private final JournalReader reader;

    private StoredRecords(JournalReader reader) {
        this.reader = reader;
    }

    /**
     * From the first record that the journal still has.
     *
     * @throws org.pviommu.journal.store.JournalException when there is none, or it is damaged
     */
    public static StoredRecords open(Path directory) {
        return new StoredRecords(JournalReader.open(directory));
    }

    /** The reader behind it. */
    public JournalReader reader() {
        return reader;
    }

    @Override
    public boolean next() {
        return reader.next();
    }

    @Override
    public long sequence() {
        return reader.sequence();
    }

    @Override
    public long timeMillis() {
        return reader.timeMillis();
    }

    @Override
    public int kind() {
        return reader.kind();
    }

    @Override
    public MemorySegment payload() {
        return reader.payload();
    }

    @Override
    public void close() {
        reader.close();
    }
}
