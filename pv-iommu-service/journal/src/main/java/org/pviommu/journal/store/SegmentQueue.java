package org.pviommu.journal.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The queue as a whole: appends records to the segment that is being written, begins new segments, seals old ones, forces them
 * to the disk and keeps the high-water mark.
 *
 * <p>A full disk is not an error: records are refused until there is space again, and everything can be tried again from where
 * it stopped. Any other failure of a file is an exception, after which the queue must not be used.
 *
 * <p>Threads: one; only the figures may be read by others.
 */
final class SegmentQueue implements RecordSink, AutoCloseable {

    /** How long a full disk is left alone before it is asked again. */
    private static final long RETRY_NS = 20_000_000;

    private static final String SPARE = "spare";

    private final JournalSettings settings;
    private final StoreHooks hooks;
    private final Path directory;
    private final Path openDirectory;
    private final SegmentTemplate template;
    private final HighWater highWater;
    private final FrameEncoder encoder;

    private Manifest manifest;
    /** Null while one segment is complete and the next one not yet begun. */
    private @Nullable ChronicleSegment current;

    private long firstSequence;
    private long begunNs;
    private long lastCycle;
    private int chainCrc;
    private int writtenChainCrc;
    private long lastTimeMillis;
    private int lastFrameBytes;
    private long nextAttemptNs;

    private volatile long lastSequence;
    private volatile long writtenSequence;
    private volatile long syncedSequence;
    private volatile boolean spaceShort;
    private volatile long readBackDelays;
    private volatile long sealedBytes;
    private volatile int segments;
    private volatile long openBytes;

    /**
     * Opens the queue for appending and begins a segment.
     *
     * @param manifest as it is on the disk, without an open segment
     * @throws IOException when there is no space, or no access
     */
    SegmentQueue(JournalSettings settings, StoreHooks hooks, Manifest manifest, HighWater.Mark mark)
            throws IOException {
        this.settings = settings;
        this.hooks = hooks;
        this.manifest = manifest;
        directory = settings.directory();
        openDirectory = directory.resolve(SegmentNames.OPEN_DIRECTORY);
        // Not this ring's limit: an earlier process may have left records of a larger one.
        encoder = new FrameEncoder(Frame.MAX_PAYLOAD_BYTES);
        lastSequence = manifest.lastSequence();
        writtenSequence = lastSequence;
        syncedSequence = mark.sequence();
        chainCrc = manifest.chainCrc();
        writtenChainCrc = chainCrc;
        lastCycle = manifest.sealed().isEmpty()
                ? -1
                : SegmentNames.cycle(manifest.sealed().getLast().name());
        template = SegmentTemplate.make(directory);
        highWater = HighWater.open(directory, manifest.id(), mark);
        boolean begun = false;
        try {
            template.writeCycleFile(directory.resolve(SPARE), settings.diskReserveBytes());
            begin();
            applyRetention();
            begun = true;
        } finally {
            if (!begun) {
                highWater.close();
            }
        }
    }

    /** The last record that was read back from the queue. */
    long writtenSequence() {
        return writtenSequence;
    }

    /** The last record that is on the disk. */
    long syncedSequence() {
        return syncedSequence;
    }

    /** Whether the disk had no space when it was asked last. */
    boolean isSpaceShort() {
        return spaceShort;
    }

    /** How often a record could not be read back at once. */
    long readBackDelays() {
        return readBackDelays;
    }

    /** How many queue files there are. */
    int segments() {
        return segments;
    }

    /** How long the queue files are together. */
    long bytes() {
        return sealedBytes + openBytes;
    }

    @Override
    public boolean take(
            long sequence, long timeMillis, int kind, MemorySegment memory, long offsetBytes, int payloadBytes) {
        try {
            boolean written =
                    sequence <= lastSequence || write(sequence, timeMillis, kind, memory, offsetBytes, payloadBytes);
            return written && confirm(sequence);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean write(
            long sequence, long timeMillis, int kind, MemorySegment memory, long offsetBytes, int payloadBytes)
            throws IOException {
        ChronicleSegment segment = segmentFor(payloadBytes + Frame.OVERHEAD_BYTES);
        if (segment == null) {
            return false;
        }
        hooks.beforeMove(sequence);
        int frameBytes = encoder.encode(chainCrc, sequence, timeMillis, kind, memory, offsetBytes, payloadBytes);
        segment.append(sequence, frameBytes);
        chainCrc = encoder.crc(frameBytes);
        lastFrameBytes = frameBytes;
        lastTimeMillis = timeMillis;
        lastSequence = sequence;
        openBytes = segment.positionBytes();
        return true;
    }

    /** Catalogue E21: a record only counts as written when it was read back. */
    private boolean confirm(long sequence) {
        ChronicleSegment segment = current;
        if (sequence <= writtenSequence) {
            return true;
        } else if (segment != null && segment.readBack(sequence, lastFrameBytes)) {
            // Nothing is written before this one is confirmed, so the chain ends with it.
            writtenChainCrc = chainCrc;
            writtenSequence = sequence;
            return true;
        }
        long delays = readBackDelays + 1;
        readBackDelays = delays;
        if (delays == 1) {
            settings.listener().message("the queue is slow to show sequence=" + sequence);
        }
        return false;
    }

    /** The segment to write to, null when there is no space for the frame. */
    private @Nullable ChronicleSegment segmentFor(int frameBytes) throws IOException {
        if (mayAskDisk()) {
            if (current == null) {
                tryBegin();
            } else if (isDue(current)) {
                roll(current);
            }
            keepReserve(frameBytes);
        }
        ChronicleSegment segment = current;
        return segment != null && segment.hasRoom(frameBytes) ? segment : null;
    }

    private boolean mayAskDisk() {
        return !spaceShort || System.nanoTime() - nextAttemptNs >= 0;
    }

    private boolean isDue(ChronicleSegment segment) {
        return lastSequence >= firstSequence
                && writtenSequence == lastSequence
                && (segment.positionBytes() >= settings.segmentBytes()
                        || System.nanoTime() - begunNs >= settings.segmentAge().toNanos());
    }

    /** Space ahead of the writer is what lets removals go on for a while when the disk is full. */
    private void keepReserve(int frameBytes) throws IOException {
        ChronicleSegment segment = current;
        if (segment == null || (segment.hasReserve() && segment.hasRoom(frameBytes) && !spaceShort)) {
            return;
        }
        try {
            segment.extend(frameBytes);
            spaceIsBack();
        } catch (IOException e) {
            noteShortOfSpace(e);
        }
    }

    private void spaceIsBack() {
        if (spaceShort) {
            spaceShort = false;
            settings.listener().message("there is space again: directory=" + directory);
        }
    }

    /** @throws IOException when it is not about space */
    private void noteShortOfSpace(IOException failure) throws IOException {
        if (!DiskSpace.isExhausted(failure, directory, settings.diskReserveBytes())) {
            throw failure;
        }
        nextAttemptNs = System.nanoTime() + RETRY_NS;
        if (!spaceShort) {
            spaceShort = true;
            settings.listener().message("no space: directory=" + directory + ": " + failure.getMessage());
        }
    }

    /** What has to happen from time to time, whether records come or not. */
    void keepHouse() throws IOException {
        if (mayAskDisk()) {
            segmentFor(0);
        }
    }

    /** Gets the space for the next segment before it gives up this one. */
    private void roll(ChronicleSegment segment) throws IOException {
        try {
            template.writeCycleFile(directory.resolve(SPARE), settings.diskReserveBytes());
        } catch (IOException e) {
            noteShortOfSpace(e);
            return;
        }
        hooks.step("spare made");
        complete(segment);
        tryBegin();
    }

    private void tryBegin() throws IOException {
        try {
            begin();
            applyRetention();
        } catch (IOException e) {
            noteShortOfSpace(e);
        }
    }

    /** Ends the current segment; the manifest on the disk does not know yet. */
    private void complete(ChronicleSegment segment) throws IOException {
        sync();
        long endBytes = segment.positionBytes();
        current = null;
        segment.close();
        hooks.step("segment synced");
        Path file = openDirectory.resolve(segment.name());
        SegmentSealer.end(file, endBytes);
        hooks.step("segment ended");
        manifest = manifest.withSealed(new SealedSegment(
                segment.name(),
                firstSequence,
                lastSequence,
                lastTimeMillis,
                chainCrc,
                Files.size(file),
                SegmentSealer.crc(file)));
    }

    /** Begins a segment with the spare file. May be repeated when it fails for lack of space. */
    private void begin() throws IOException {
        long cycle = SegmentNames.nextCycle(settings.clockMillis().getAsLong(), lastCycle);
        JournalFiles.createDirectory(openDirectory);
        Path spare = directory.resolve(SPARE);
        if (Files.exists(spare)) {
            JournalFiles.moveDurably(spare, openDirectory.resolve(SegmentNames.name(cycle)));
            lastCycle = cycle;
            hooks.step("spare moved");
        }
        Manifest next = manifest.withOpen(new Manifest.Open(SegmentNames.name(lastCycle), lastSequence + 1));
        next.store(directory);
        manifest = next;
        hooks.step("manifest stored");
        moveUp(directory, manifest);
        hooks.step("sealed segment moved");
        template.writeMetadata(openDirectory);
        current = new ChronicleSegment(
                openDirectory,
                lastCycle,
                encoder.buffer(),
                template.firstRecordBytes(),
                settings.diskReserveBytes(),
                hooks);
        firstSequence = lastSequence + 1;
        begunNs = System.nanoTime();
        openBytes = template.firstRecordBytes();
        noteSealed();
    }

    /** Moves the segment that was sealed last out of Chronicle's sight; also when a crash had come before that. */
    static void moveUp(Path directory, Manifest manifest) throws IOException {
        if (!manifest.sealed().isEmpty()) {
            String name = manifest.sealed().getLast().name();
            Path file = directory.resolve(SegmentNames.OPEN_DIRECTORY).resolve(name);
            if (Files.exists(file)) {
                JournalFiles.moveDurably(file, directory.resolve(name));
            }
        }
    }

    /** Deletes old segments as far as the settings want it. */
    void applyRetention() throws IOException {
        manifest = Retention.apply(settings, hooks, manifest, openBytes);
        noteSealed();
    }

    private void noteSealed() {
        sealedBytes =
                manifest.sealed().stream().mapToLong(SealedSegment::lengthBytes).sum();
        segments = manifest.sealed().size() + (manifest.open() == null ? 0 : 1);
    }

    /**
     * Forces what was written to the disk, then says so in the high-water file.
     *
     * @throws IOException when that failed; the kernel may have forgotten what it could not write, so it must not be tried
     *     again
     */
    void sync() throws IOException {
        ChronicleSegment segment = current;
        if (segment != null && writtenSequence > syncedSequence) {
            hooks.force(segment.channel());
            highWater.write(writtenSequence, writtenChainCrc);
            syncedSequence = writtenSequence;
        }
    }

    /** Seals the last segment, or removes it when it has no record. */
    void seal() throws IOException {
        ChronicleSegment segment = current;
        if (segment != null && lastSequence >= firstSequence) {
            complete(segment);
        } else if (segment != null) {
            current = null;
            segment.close();
        }
        Manifest closed = manifest.withOpen(null);
        closed.store(directory);
        manifest = closed;
        hooks.step("closing manifest stored");
        moveUp(directory, manifest);
        hooks.step("last segment moved");
        noteSealed();
        removeOpen(directory);
        hooks.step("closed");
    }

    /** Removes what only a running writer needs. */
    static void removeOpen(Path directory) throws IOException {
        Path open = directory.resolve(SegmentNames.OPEN_DIRECTORY);
        if (Files.isDirectory(open)) {
            SegmentTemplate.deleteFiles(open);
            Files.delete(open);
        }
        Files.deleteIfExists(directory.resolve(SPARE));
    }

    /** Gives files and memory back, and changes nothing. */
    @Override
    public void close() throws IOException {
        ChronicleSegment segment = current;
        current = null;
        try {
            if (segment != null) {
                segment.close();
            }
        } finally {
            highWater.close();
        }
    }
}
