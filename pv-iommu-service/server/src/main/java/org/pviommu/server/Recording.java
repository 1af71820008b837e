package org.pviommu.server;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Guest;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.journal.Journal;
import org.pviommu.journal.Recovery;
import org.pviommu.journal.StoredRecords;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.replay.ReplayReport;
import org.pviommu.journal.replay.Replayer;
import org.pviommu.journal.store.JournalException;
import org.pviommu.journal.store.JournalSettings;
import org.pviommu.journal.store.OpenReport;
import org.pviommu.server.config.JournalConfig;

/** The journal of this service and the guests it remembers; or nothing of the kind. Threads: any. */
public final class Recording implements HostIommu.FaultListener, AutoCloseable {
    private static final System.Logger LOG = System.getLogger(Recording.class.getName());

    private final @Nullable Journal journal;
    private final @Nullable Recovery recovery;
    private final Path directory;

    private Recording(@Nullable Journal journal, @Nullable Recovery recovery, Path directory) {
        this.journal = journal;
        this.recovery = recovery;
        this.directory = directory;
    }

    /**
     * Opens the journal and follows what it says up to now, before any guest is served.
     *
     * @param directory where it is; the operator may have configured another place
     * @param host the host IOMMU of this start
     * @throws StartException when the journal is damaged, used by another process, or cannot be written
     */
    static Recording open(JournalConfig config, Path directory, HostCapabilities host) {
        if (!config.enabled()) {
            return new Recording(null, null, directory);
        }
        Path configured = config.directory();
        Path place = configured == null ? directory : configured.toAbsolutePath();
        Journal journal = null;
        try {
            journal = Journal.open(JournalSettings.builder(place)
                    .ringDirectory(config.ringDirectory())
                    .ringBytes(config.ringBytes())
                    .maxBytes(config.maxBytes())
                    .maxAge(config.maxAge()));
            journal.store().flush();
            Recovery recovery = recover(journal, place, Journal.start(host, Version.SERVICE));
            tell(journal.store().openReport(), recovery);
            return new Recording(journal, recovery, place);
        } catch (JournalException refused) {
            if (journal != null) {
                journal.close();
            }
            throw new StartException("journal=" + place + ": " + refused.getMessage(), refused);
        }
    }

    private static Recovery recover(Journal journal, Path place, JournalRecord.ServiceStart start) {
        try (StoredRecords records = StoredRecords.open(place)) {
            return Recovery.run(journal, Replayer.onEngine(records), start);
        }
    }

    private static void tell(OpenReport opened, Recovery recovery) {
        ReplayReport report = recovery.report();
        LOG.log(
                System.Logger.Level.INFO,
                "journal: {0}, records={1} operations={2} drained={3}, guests waited for: {4}",
                opened.state(),
                report.records(),
                report.operations(),
                opened.drainedRecords(),
                recovery.waiting().stream().map(Guest::id).toList());
    }

    /** What a guest's changes are recorded in. */
    BatchLog logOf(int guestId) {
        return journal == null ? BatchLog.none() : journal.logOf(guestId);
    }

    /** The journal, or null when nothing is recorded. */
    public @Nullable Journal journal() {
        return journal;
    }

    /** Where the journal is; nothing need be there when nothing is recorded. */
    public Path directory() {
        return directory;
    }

    /** The guests of before, or null when nothing is recorded. */
    public @Nullable Recovery recovery() {
        return recovery;
    }

    @Override
    public void fault(int endpoint, long iovaBytes, boolean write) {
        if (journal != null) {
            journal.fault(endpoint, iovaBytes, write);
        }
    }

    /** Nobody is served any more; what is taken from guests after this is not recorded, and they may come back. */
    void stopped() {
        if (journal != null) {
            journal.stopped();
        }
    }

    @Override
    public void close() {
        if (recovery != null) {
            recovery.close();
        }
        if (journal != null) {
            journal.close();
        }
    }
}
