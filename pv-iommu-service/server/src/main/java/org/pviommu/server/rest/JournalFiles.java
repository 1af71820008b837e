package org.pviommu.server.rest;

import jakarta.inject.Singleton;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.pviommu.journal.Journal;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.store.JournalDamagedException;
import org.pviommu.journal.store.JournalException;
import org.pviommu.journal.store.JournalReader;
import org.pviommu.journal.store.StoreState;
import org.pviommu.server.IommuService;
import org.pviommu.server.records.RecordSelection;
import org.pviommu.server.records.RecordView;
import org.pviommu.server.records.RecordViews;

/**
 * Reads the journal's files for requests. Each reads a bounded number of records, and only a few read at a time: every process
 * on this machine may ask.
 */
@Singleton
final class JournalFiles {
    /** Records that one request looks at: some milliseconds, however few of them it wants. */
    static final int MAX_LOOKED_AT = 20_000;

    private static final int MAX_READERS = 4;
    private static final System.Logger LOG = System.getLogger(JournalFiles.class.getName());

    private final IommuService service;
    private final Semaphore readers = new Semaphore(MAX_READERS);

    JournalFiles(IommuService service) {
        this.service = service;
    }

    /**
     * What was found.
     *
     * @param records that were wanted
     * @param next where to go on; 0 at the end
     */
    record Found(List<RecordView> records, long next) {}

    /** The journal; 404 when there is none. */
    Journal journal() {
        Journal journal = service.recording().journal();
        if (journal == null) {
            throw Refusal.notFound("nothing is recorded: the service runs without a journal");
        }
        return journal;
    }

    long firstSequence() {
        return reading(reader -> reader.firstSequence(), 0);
    }

    /** Records from {@code from} on, at most {@code limit} of them. */
    Found find(long from, int limit, RecordSelection wanted) {
        settle();
        return reading(reader -> find(reader, from, limit, wanted), from);
    }

    private static Found find(JournalReader reader, long from, int limit, RecordSelection wanted) {
        List<RecordView> found = new ArrayList<>();
        int lookedAt = 0;
        while (found.size() < limit && lookedAt < MAX_LOOKED_AT) {
            if (!reader.next()) {
                return new Found(found, 0);
            }
            lookedAt++;
            if (reader.sequence() >= from && wanted.acceptsTime(reader.timeMillis())) {
                JournalRecord record = RecordDecoder.decode(reader.kind(), reader.payload());
                if (wanted.accepts(record)) {
                    found.add(
                            RecordViews.of(reader.sequence(), reader.timeMillis(), record, RecordViews.RUNS_IN_LISTS));
                }
            }
        }
        return new Found(found, reader.sequence() + 1);
    }

    /** One record with all that is in it; null when it is not there, yet or any more. */
    @Nullable
    RecordView one(long sequence) {
        settle();
        return reading(reader -> one(reader, sequence), sequence);
    }

    private static @Nullable RecordView one(JournalReader reader, long sequence) {
        if (!reader.next() || reader.sequence() != sequence) {
            return null;
        }
        JournalRecord record = RecordDecoder.decode(reader.kind(), reader.payload());
        return RecordViews.of(sequence, reader.timeMillis(), record, Integer.MAX_VALUE);
    }

    /** What a request before this one has caused is to be found; a full disk does not keep it waiting. */
    private void settle() {
        Journal journal = journal();
        if (journal.store().stats().state() == StoreState.RUNNING) {
            try {
                journal.store().flush();
            } catch (JournalException failed) {
                LOG.log(System.Logger.Level.WARNING, "the journal is not written", failed);
                throw Refusal.unavailable("the journal is not written; the log says why");
            }
        }
    }

    /** From {@code from} on, or from the beginning where that is gone. */
    private <T extends @Nullable Object> T reading(Function<JournalReader, T> read, long from) {
        journal();
        if (!readers.tryAcquire()) {
            throw Refusal.unavailable("requests that read the journal: max=" + MAX_READERS + " at a time");
        }
        try (JournalReader reader = open(from)) {
            return read.apply(reader);
        } catch (JournalDamagedException damaged) {
            LOG.log(System.Logger.Level.ERROR, "reading the journal", damaged);
            throw Refusal.unavailable(
                    "the journal is damaged: segment=" + damaged.file() + " first bad record=" + damaged.sequence());
        } catch (JournalException failed) {
            LOG.log(System.Logger.Level.ERROR, "reading the journal", failed);
            throw Refusal.unavailable("the journal cannot be read; the log says why");
        } finally {
            readers.release();
        }
    }

    private JournalReader open(long from) {
        JournalReader reader = JournalReader.open(service.recording().directory());
        if (from <= reader.firstSequence()) {
            return reader;
        }
        reader.close();
        return JournalReader.open(service.recording().directory(), from);
    }
}
