package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import org.jspecify.annotations.Nullable;

/**
 * Reads a whole journal and holds it against its manifest and its high-water mark. Changes nothing.
 *
 * <p>The figures are those of what was good, also after an exception. Threads: one.
 */
final class Inspection {

    private final Path directory;

    private @Nullable Manifest manifest;
    private HighWater.@Nullable Mark mark;
    private final List<String> leftOver = new ArrayList<>();
    private long records;
    private long bytes;
    private long lastSequence;
    private int chainCrc;
    private long lastTimeMillis;
    private long openEndBytes;
    private String tornTail = "";

    Inspection(Path directory) {
        this.directory = directory;
    }

    /** Null for a directory without a journal. */
    @Nullable
    Manifest manifest() {
        return manifest;
    }

    /** Null for a journal that was not yet completely made. */
    HighWater.@Nullable Mark mark() {
        return mark;
    }

    /** Queue files that a crash left behind and that hold nothing which is needed. */
    List<String> leftOver() {
        return leftOver;
    }

    /** How many records were good. */
    long records() {
        return records;
    }

    /** How long the files with them are. */
    long bytes() {
        return bytes;
    }

    /** The last good record. */
    long lastSequence() {
        return lastSequence;
    }

    int chainCrc() {
        return chainCrc;
    }

    long lastTimeMillis() {
        return lastTimeMillis;
    }

    /** Where the last good record of the open segment ends. */
    long openEndBytes() {
        return openEndBytes;
    }

    /** What a crash left behind the last record; empty when nothing. */
    String tornTail() {
        return tornTail;
    }

    /** @throws JournalDamagedException at the first damage */
    void run() throws IOException {
        manifest = Manifest.load(directory);
        Manifest found = manifest;
        if (found == null) {
            requireNothing();
            return;
        }
        mark = HighWater.read(directory, found.id());
        lastSequence = found.deleted().lastSequence();
        chainCrc = found.deleted().chainCrc();
        requireMark(found);
        for (SealedSegment segment : found.sealed()) {
            readSealed(segment);
        }
        Manifest.Open open = found.open();
        if (open != null) {
            readOpen(open);
        }
        requireEnd(open == null ? Manifest.NAME : open.name());
        checkOthers(found);
    }

    private void requireNothing() throws IOException {
        boolean highWater = Files.exists(directory.resolve(HighWater.NAME), LinkOption.NOFOLLOW_LINKS);
        if (highWater || !SegmentNames.list(directory).isEmpty()) {
            throw new JournalDamagedException(
                    Manifest.NAME, 0, "it is missing, but other files of a journal are there");
        }
    }

    private void requireMark(Manifest found) {
        boolean unused = found.lastSequence() == 0 && found.open() == null;
        if (mark == null && !unused) {
            throw new JournalDamagedException(HighWater.NAME, 0, "it is missing");
        }
    }

    private void readSealed(SealedSegment segment) throws IOException {
        Path file = SegmentNames.locate(directory, segment.name());
        requireFile(file, segment.name(), segment.firstSequence());
        if (segment.firstSequence() != lastSequence + 1) {
            throw new JournalDamagedException(Manifest.NAME, lastSequence + 1, "next segment=" + segment);
        }
        try (SegmentScanner scanner = new SegmentScanner(file, lastSequence, chainCrc)) {
            SegmentScanner.Step step = readRecords(scanner);
            boolean complete = step == SegmentScanner.Step.END_MARK
                    && lastSequence == segment.lastSequence()
                    && chainCrc == segment.chainCrc();
            if (!complete) {
                String what = step == SegmentScanner.Step.BROKEN ? scanner.what() : "it ends here";
                throw new JournalDamagedException(
                        segment.name(), lastSequence + 1, what + "; last expected sequence=" + segment.lastSequence());
            }
        }
        requireSameFile(file, segment);
        bytes += segment.lengthBytes();
    }

    private static void requireSameFile(Path file, SealedSegment segment) throws IOException {
        long lengthBytes = Files.size(file);
        int crc = lengthBytes == segment.lengthBytes() ? SegmentSealer.crc(file) : 0;
        if (lengthBytes != segment.lengthBytes() || crc != segment.fileCrc()) {
            String what = "the file was changed outside of its records: lengthBytes=%d sealed=%d crc=%08x sealed=%08x"
                    .formatted(lengthBytes, segment.lengthBytes(), crc, segment.fileCrc());
            throw new JournalDamagedException(segment.name(), 0, what);
        }
    }

    private static void requireFile(Path file, String name, long firstSequence) {
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            throw new JournalDamagedException(name, firstSequence, "the file is missing");
        }
    }

    private SegmentScanner.Step readRecords(SegmentScanner scanner) throws IOException {
        SegmentScanner.Step step = scanner.next();
        while (step == SegmentScanner.Step.RECORD) {
            records++;
            lastSequence = scanner.sequence();
            chainCrc = scanner.chainCrc();
            lastTimeMillis = scanner.timeMillis();
            checkMark();
            step = scanner.next();
        }
        return step;
    }

    private void checkMark() {
        if (mark != null && mark.sequence() == lastSequence && mark.chainCrc() != chainCrc) {
            throw new JournalDamagedException(
                    HighWater.NAME, lastSequence, "it was written for a record with another checksum");
        }
    }

    private void readOpen(Manifest.Open open) throws IOException {
        Path file = SegmentNames.locate(directory, open.name());
        requireFile(file, open.name(), open.firstSequence());
        if (open.firstSequence() != lastSequence + 1) {
            throw new JournalDamagedException(Manifest.NAME, lastSequence + 1, "open segment=" + open);
        }
        try (SegmentScanner scanner = new SegmentScanner(file, lastSequence, chainCrc)) {
            SegmentScanner.Step step = readRecords(scanner);
            openEndBytes = scanner.positionBytes();
            bytes += openEndBytes;
            TailInspector.Finding behind = scanner.inspectTail(step);
            String what =
                    step == SegmentScanner.Step.BROKEN ? scanner.what() : "there is something behind the last record";
            if (behind == TailInspector.Finding.RECORD) {
                throw new JournalDamagedException(
                        open.name(), lastSequence + 1, what + "; there are records behind it");
            } else if (behind == TailInspector.Finding.FRAGMENT || step == SegmentScanner.Step.BROKEN) {
                tornTail = "file=" + open.name() + " sequence=" + (lastSequence + 1) + ": " + what;
            }
        }
    }

    private void requireEnd(String file) {
        if (mark != null && mark.sequence() > lastSequence) {
            String what = "the journal ends here, but was on the disk up to sequence=" + mark.sequence();
            throw new JournalDamagedException(
                    file, lastSequence + 1, tornTail.isEmpty() ? what : what + "; " + tornTail);
        }
    }

    private void checkOthers(Manifest found) throws IOException {
        SortedSet<String> others = SegmentNames.list(directory);
        for (SealedSegment segment : found.sealed()) {
            others.remove(segment.name());
        }
        if (found.open() != null) {
            others.remove(found.open().name());
        }
        for (String name : others) {
            if (!name.equals(found.deleted().name()) && !isEmpty(SegmentNames.locate(directory, name))) {
                throw new JournalDamagedException(name, 0, "the file does not belong to journal id=" + found.id());
            }
            leftOver.add(name);
        }
    }

    /** Whether it is what a crash leaves that came between making a file and noting it in the manifest. */
    private static boolean isEmpty(Path file) throws IOException {
        try (SegmentScanner scanner = new SegmentScanner(file, 0, 0)) {
            SegmentScanner.Step step = scanner.next();
            return step == SegmentScanner.Step.END && scanner.inspectTail(step) == TailInspector.Finding.NOTHING;
        }
    }
}
