package org.pviommu.journal.store;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Reads a journal from front to back and checks each record: nothing it returns is unproved, and no damage looks like an end.
 *
 * <p>Only reads; works on a copy, and beside a running {@link JournalStore}, of which it sees what has been moved to the queue.
 * After the end it may be asked again.
 *
 * <p>Threads: one.
 */
public final class JournalReader implements AutoCloseable {

    private final Path directory;

    private Manifest manifest;
    private HighWater.@Nullable Mark mark;
    private @Nullable SegmentScanner scanner;
    private String segment = "";
    private @Nullable SealedSegment sealed;
    private long lastSequence;
    private int chainCrc;
    private long inspectedBytes = -1;
    private String tornTail = "";

    private JournalReader(Path directory, Manifest manifest) throws IOException {
        this.directory = directory;
        this.manifest = manifest;
        mark = HighWater.read(directory, manifest.id());
        lastSequence = manifest.deleted().lastSequence();
        chainCrc = manifest.deleted().chainCrc();
    }

    /**
     * Opens a journal at the first record that it still has.
     *
     * @throws JournalDamagedException when its manifest or its high-water file is damaged
     * @throws JournalException when there is no journal, or no access to it
     */
    public static JournalReader open(Path directory) {
        try {
            Manifest manifest = Manifest.load(directory);
            if (manifest == null) {
                throw new JournalException("directory=" + directory + " holds no journal");
            }
            return new JournalReader(directory, manifest);
        } catch (IOException e) {
            throw cannotRead(directory, e);
        }
    }

    /**
     * Opens a journal so that {@link #next} first gives a certain record, or one behind the last when there is no such record yet.
     * Segments before it are not read.
     *
     * @throws JournalException also when the record has been deleted for lack of space
     */
    public static JournalReader open(Path directory, long fromSequence) {
        JournalReader reader = open(directory);
        boolean positioned = false;
        try {
            reader.skipTo(fromSequence);
            positioned = true;
            return reader;
        } finally {
            if (!positioned) {
                reader.close();
            }
        }
    }

    private void skipTo(long fromSequence) {
        if (fromSequence <= lastSequence) {
            throw new JournalException("sequence=" + fromSequence + " first=" + (lastSequence + 1));
        }
        for (SealedSegment candidate : manifest.sealed()) {
            if (candidate.lastSequence() < fromSequence) {
                lastSequence = candidate.lastSequence();
                chainCrc = candidate.chainCrc();
            }
        }
        boolean more = true;
        while (more && lastSequence < fromSequence - 1) {
            more = next();
        }
    }

    /**
     * Goes to the next record.
     *
     * @return false when there is none, yet
     * @throws JournalDamagedException when the next record is damaged or missing; the records before it were good
     */
    public boolean next() {
        try {
            SegmentScanner open = scanner == null ? openNext() : scanner;
            while (open != null) {
                SegmentScanner.Step step = open.next();
                if (step != SegmentScanner.Step.RECORD) {
                    step = settle(open, step);
                }
                if (step == SegmentScanner.Step.RECORD) {
                    return noteRecord(open);
                } else if (step == SegmentScanner.Step.END) {
                    return false;
                }
                open = openNext();
            }
            return false;
        } catch (IOException e) {
            throw cannotRead(directory, e);
        }
    }

    private boolean noteRecord(SegmentScanner open) {
        lastSequence = open.sequence();
        chainCrc = open.chainCrc();
        tornTail = "";
        HighWater.Mark known = mark;
        if (known != null && known.sequence() == lastSequence && known.chainCrc() != chainCrc) {
            throw damaged("the high-water mark is of a record with another checksum");
        }
        return true;
    }

    /** The segment with the next record, null when there is none yet. */
    private @Nullable SegmentScanner openNext() throws IOException {
        SegmentScanner found = openListed();
        if (found == null) {
            reload();
            found = openListed();
        }
        if (found == null) {
            requireMarkReached();
        }
        return found;
    }

    private @Nullable SegmentScanner openListed() throws IOException {
        for (SealedSegment candidate : manifest.sealed()) {
            if (candidate.firstSequence() == lastSequence + 1) {
                return openSegment(candidate.name(), candidate);
            }
        }
        Manifest.Open open = manifest.open();
        return open != null && open.firstSequence() == lastSequence + 1 ? openSegment(open.name(), null) : null;
    }

    private SegmentScanner openSegment(String name, @Nullable SealedSegment entry) throws IOException {
        SegmentScanner opened = openFile(name);
        scanner = opened;
        segment = name;
        sealed = entry;
        inspectedBytes = -1;
        return opened;
    }

    private SegmentScanner openFile(String name) throws IOException {
        try {
            return new SegmentScanner(SegmentNames.locate(directory, name), lastSequence, chainCrc);
        } catch (NoSuchFileException e) {
            return openMovedFile(name);
        }
    }

    /** A file moves once, when it is complete: perhaps just between being found and being opened. */
    private SegmentScanner openMovedFile(String name) throws IOException {
        try {
            return new SegmentScanner(SegmentNames.locate(directory, name), lastSequence, chainCrc);
        } catch (NoSuchFileException e) {
            reload();
            if (manifest.deleted().lastSequence() > lastSequence) {
                throw new JournalException("deleted while it was read: segment=" + name, e);
            }
            segment = name;
            throw damaged("the file is missing");
        }
    }

    /** The mark first, then the manifest, then the file: a writer that goes on meanwhile only adds to what the mark speaks of. */
    private void reload() throws IOException {
        mark = HighWater.read(directory, manifest.id());
        Manifest fresh = Manifest.load(directory);
        if (fresh == null || !fresh.id().equals(manifest.id())) {
            throw new JournalException("directory=" + directory + " holds another journal now");
        }
        manifest = fresh;
    }

    /**
     * Decides what it means that there was no record.
     *
     * @return RECORD when there is one now, END_MARK when the segment is done, END when there is nothing more
     */
    private SegmentScanner.Step settle(SegmentScanner open, SegmentScanner.Step step) throws IOException {
        if (sealed != null) {
            return settleSealed(open, step);
        }
        // Perhaps it was written, or completed, since it was read.
        findSealed();
        open.refresh();
        SegmentScanner.Step again = open.next();
        if (again == SegmentScanner.Step.RECORD) {
            return again;
        }
        return sealed == null ? settleOpen(open, again) : settleSealed(open, again);
    }

    private void findSealed() throws IOException {
        reload();
        for (SealedSegment candidate : manifest.sealed()) {
            if (candidate.name().equals(segment)) {
                sealed = candidate;
            }
        }
    }

    private SegmentScanner.Step settleSealed(SegmentScanner open, SegmentScanner.Step step) throws IOException {
        SealedSegment entry = sealed;
        if (entry == null || step != SegmentScanner.Step.END_MARK || lastSequence != entry.lastSequence()) {
            throw damaged(step == SegmentScanner.Step.BROKEN ? open.what() : "the segment ends here");
        }
        scanner = null;
        open.close();
        return step;
    }

    private SegmentScanner.Step settleOpen(SegmentScanner open, SegmentScanner.Step step) throws IOException {
        requireMarkReached();
        String what = step == SegmentScanner.Step.BROKEN ? open.what() : "";
        if (inspectedBytes != open.positionBytes()) {
            TailInspector.Finding behind = open.inspectTail(step);
            if (behind == TailInspector.Finding.RECORD) {
                return settleGap(open, what.isEmpty() ? "there are records behind a gap" : what);
            }
            inspectedBytes = open.positionBytes();
        }
        tornTail = what;
        return SegmentScanner.Step.END;
    }

    /** Records behind the end: either they have just been written, and so has what is before them, or it is missing. */
    private SegmentScanner.Step settleGap(SegmentScanner open, String what) throws IOException {
        open.refresh();
        SegmentScanner.Step step = open.next();
        if (step != SegmentScanner.Step.RECORD) {
            throw damaged(what);
        }
        return step;
    }

    private void requireMarkReached() {
        HighWater.Mark known = mark;
        if (known != null && known.sequence() > lastSequence) {
            throw damaged("the journal ends here, but was on the disk up to sequence=" + known.sequence());
        }
    }

    private JournalDamagedException damaged(String what) {
        return new JournalDamagedException(segment, lastSequence + 1, what);
    }

    private static JournalException cannotRead(Path directory, IOException e) {
        return new JournalException("journal directory=" + directory + " cannot be read: " + e, e);
    }

    /** The record's sequence number; before the first record, the number of the one before it. */
    public long sequence() {
        return lastSequence;
    }

    /** When the record was appended: milliseconds since 1970, from the clock of the store. */
    public long timeMillis() {
        return current().timeMillis();
    }

    /** What the caller of append gave, 1 to 255, or {@link JournalStore#KIND_ABANDONED}. */
    public int kind() {
        return current().kind();
    }

    /** The payload, read-only; valid until the next call of {@link #next}. */
    public MemorySegment payload() {
        return current().payload();
    }

    private SegmentScanner current() {
        SegmentScanner open = scanner;
        if (open == null || open.sequence() != lastSequence) {
            throw new IllegalStateException("there is no current record");
        }
        return open;
    }

    /** The file that holds the record. */
    public String segment() {
        return segment;
    }

    /** The first record that the journal still has, or will have. */
    public long firstSequence() {
        return manifest.deleted().lastSequence() + 1;
    }

    /** After {@link #next} returned false: what a crash left behind the last record, or what is just being written; else empty. */
    public String tornTail() {
        return tornTail;
    }

    @Override
    public void close() {
        SegmentScanner open = scanner;
        scanner = null;
        if (open != null) {
            try {
                open.close();
            } catch (IOException e) {
                throw cannotRead(directory, e);
            }
        }
    }
}
