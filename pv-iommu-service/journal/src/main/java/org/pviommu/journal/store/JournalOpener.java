package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Opens a journal for writing: checks everything, completes what a dead process left, takes what its ring still holds.
 *
 * <p>Each step may be cut off by another crash and is then repeated. Threads: one, with the directory's lock held.
 */
final class JournalOpener {

    private final JournalSettings settings;
    private final StoreHooks hooks;
    private final Path directory;
    private final List<String> messages = new ArrayList<>();

    private OpenReport.State state = OpenReport.State.FRESH;
    private long drainedRecords;
    private long abandonedClaims;
    private boolean ringLost;

    JournalOpener(JournalSettings settings, StoreHooks hooks) {
        this.settings = settings;
        this.hooks = hooks;
        directory = settings.directory();
    }

    /** What a store needs. */
    record Opened(JournalRing ring, RingDrain drain, SegmentQueue queue, OpenReport report) {}

    /**
     * Opens it.
     *
     * @throws JournalDamagedException when anything is not as it was written. When that is one of the journal's files, nothing
     *     has been changed; when it is the ring, what was good has been taken from it
     */
    Opened open() throws IOException {
        Inspection inspection = new Inspection(directory);
        inspection.run();
        Manifest manifest = inspection.manifest();
        RingFile left = manifest == null ? null : RingFile.open(ringPath(manifest), manifest.id());
        if (manifest == null) {
            manifest = Manifest.fresh(JournalId.random());
            manifest.store(directory);
            hooks.step("first manifest stored");
        } else {
            state = manifest.open() == null ? OpenReport.State.CLEAN : OpenReport.State.CRASHED;
            ringLost = left == null && manifest.open() != null;
            requireWhatTheRingSaw(left, inspection);
            manifest = complete(manifest, inspection);
        }
        if (ringLost) {
            messages.add("the ring of the last process is gone: what it had not yet written is lost, if there was any;"
                    + " last sequence=" + inspection.lastSequence());
        }
        if (inspection.mark() == null) {
            HighWater.create(directory, manifest.id());
            hooks.step("first high-water mark stored");
        }
        return open(manifest, left);
    }

    private Path ringPath(Manifest manifest) {
        return RingFile.path(settings.ringDirectory(), manifest.id());
    }

    /** The ring knows how far the queue was, also when nothing was forced to the disk. */
    private static void requireWhatTheRingSaw(@Nullable RingFile left, Inspection inspection) {
        long seen = left == null ? 0 : left.consumedSequence();
        if (seen > inspection.lastSequence()) {
            String what = "the journal ends here, but had been written up to sequence=" + seen;
            throw new JournalDamagedException(
                    SegmentNames.OPEN_DIRECTORY,
                    inspection.lastSequence() + 1,
                    inspection.tornTail().isEmpty() ? what : what + "; " + inspection.tornTail());
        }
    }

    /** Seals the segment that a crash left open, and removes what it left over. */
    private Manifest complete(Manifest manifest, Inspection inspection) throws IOException {
        Manifest.Open open = manifest.open();
        Manifest completed = manifest;
        if (open != null) {
            if (!inspection.tornTail().isEmpty()) {
                messages.add("dropped what was written last and not complete: " + inspection.tornTail());
            }
            Path file = SegmentNames.locate(directory, open.name());
            completed = inspection.lastSequence() < open.firstSequence()
                    ? manifest.withOpen(null)
                    : manifest.withSealed(seal(file, open, inspection));
            hooks.step("crashed segment ended");
            completed.store(directory);
            hooks.step("crashed segment sealed");
        }
        SegmentQueue.moveUp(directory, completed);
        hooks.step("crashed segment moved");
        for (String name : inspection.leftOver()) {
            Files.delete(SegmentNames.locate(directory, name));
            messages.add("removed file=" + name + ", which holds nothing that is needed");
        }
        SegmentQueue.removeOpen(directory);
        return completed;
    }

    private static SealedSegment seal(Path file, Manifest.Open open, Inspection inspection) throws IOException {
        SegmentSealer.end(file, inspection.openEndBytes());
        return new SealedSegment(
                open.name(),
                open.firstSequence(),
                inspection.lastSequence(),
                inspection.lastTimeMillis(),
                inspection.chainCrc(),
                Files.size(file),
                SegmentSealer.crc(file));
    }

    private Opened open(Manifest manifest, @Nullable RingFile left) throws IOException {
        HighWater.Mark mark = HighWater.read(directory, manifest.id());
        if (mark == null) {
            throw new JournalException("file=" + directory.resolve(HighWater.NAME) + " vanished");
        }
        SegmentQueue queue = new SegmentQueue(settings, hooks, manifest, mark);
        boolean opened = false;
        try {
            if (left != null) {
                takeLeftOver(queue, left);
            }
            hooks.step("ring drained");
            long last = queue.writtenSequence();
            RingFile file = RingFile.create(ringPath(manifest), manifest.id(), settings.ringBytes(), last);
            JournalRing ring = new JournalRing(file, last, settings.clockMillis());
            OpenReport report =
                    new OpenReport(state, last, queue.segments(), drainedRecords, abandonedClaims, ringLost, messages);
            opened = true;
            return new Opened(ring, new RingDrain(ring, last, queue), queue, report);
        } finally {
            if (!opened) {
                queue.close();
            }
        }
    }

    private void takeLeftOver(SegmentQueue queue, RingFile left) throws IOException {
        long before = queue.writtenSequence();
        RingDrain drain = new RingDrain(new JournalRing(left, before, settings.clockMillis()), before, queue);
        if (!drain.drainLeftOver()) {
            throw new JournalException(
                    "no space to take what the ring holds: directory=" + directory + " ring=" + left);
        }
        drainedRecords = drain.lastSequence() - before;
        abandonedClaims = drain.abandoned();
        if (drainedRecords > 0) {
            // Also when an attempt to open it got further than the one before, but not to its end.
            state = OpenReport.State.CRASHED;
        }
        queue.sync();
    }
}
