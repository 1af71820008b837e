package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.bytes.BytesStore;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueue;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueueBuilder;
import net.openhft.chronicle.queue.rollcycles.LegacyRollCycles;
import net.openhft.chronicle.wire.DocumentContext;
import net.openhft.chronicle.wire.Wire;

/**
 * The queue file that is being written, through Chronicle: one queue with one cycle, one appender, and one tailer that reads
 * back each record.
 *
 * <p>Threads: one at a time.
 */
final class ChronicleSegment implements AutoCloseable {

    /** Entries of one index of Chronicle's; one entry for every {@link #INDEX_SPACING} records. */
    static final int INDEX_ENTRIES = 2048;

    private static final int INDEX_SPACING = 256;

    /** Chronicle maps this much at a time, and a quarter more; a frame has to fit into that quarter. */
    private static final int BLOCK_BYTES = 8 << 20;

    /** What Chronicle may write besides a frame: headers, and one index. */
    private static final int SLACK_BYTES = 1 << 16;

    private static final long STEP_BYTES = 1 << 20;

    static {
        // In case the command line did not say so: no usage figures, no banner, no threads that watch or shrink our
        // files, no native library in the home directory (it would only pin threads to processors).
        System.setProperty("jna.nounpack", "true");
        System.setProperty("chronicle.analytics.disable", "true");
        System.setProperty("chronicle.announcer.disable", "true");
        System.setProperty("chronicle.disk.monitor.disable", "true");
        System.setProperty("chronicle.queue.disableFileShrinking", "true");
    }

    private final String name;
    private final FileChannel channel;
    private final SingleChronicleQueue queue;
    private final ExcerptAppender appender;
    private final ExcerptTailer tailer;
    private final ByteBuffer frame;
    private final BytesStore<?, ByteBuffer> frameStore;
    private final ByteBuffer readBack;
    private final StoreHooks hooks;
    private final long roomBytes;

    private long positionBytes;
    private long allocatedBytes;

    /**
     * Opens a file that {@link SegmentTemplate} has written.
     *
     * @param directory holds this file alone
     * @param frame where frames will be
     * @param firstRecordBytes where the first record goes
     * @param roomBytes how much real space is behind that, and is to be kept there
     */
    ChronicleSegment(
            Path directory, long cycle, ByteBuffer frame, long firstRecordBytes, long roomBytes, StoreHooks hooks)
            throws IOException {
        name = SegmentNames.name(cycle);
        channel = JournalFiles.open(directory.resolve(name));
        queue = queue(directory, cycle);
        appender = queue.createAppender();
        tailer = queue.createTailer();
        // Opened by one thread, used by another, never by two at a time.
        appender.singleThreadedCheckDisabled(true);
        tailer.singleThreadedCheckDisabled(true);
        this.frame = frame;
        frameStore = BytesStore.wrap(frame);
        readBack = ByteBuffer.allocateDirect(frame.capacity()).order(ByteOrder.LITTLE_ENDIAN);
        this.hooks = hooks;
        this.roomBytes = roomBytes;
        positionBytes = firstRecordBytes;
        allocatedBytes = firstRecordBytes + roomBytes;
    }

    /** A queue whose clock stands still: when a new file begins is not Chronicle's decision. */
    static SingleChronicleQueue queue(Path directory, long cycle) {
        return SingleChronicleQueueBuilder.binary(directory.toFile())
                .rollCycle(LegacyRollCycles.MINUTELY)
                .timeProvider(() -> SegmentNames.startMillis(cycle))
                .indexCount(INDEX_ENTRIES)
                .indexSpacing(INDEX_SPACING)
                .blockSize(BLOCK_BYTES)
                .build();
    }

    String name() {
        return name;
    }

    /** The file, for forcing it. */
    FileChannel channel() {
        return channel;
    }

    /** Where the last record ends. */
    long positionBytes() {
        return positionBytes;
    }

    /** Whether what is to be kept in reserve is there. */
    boolean hasReserve() {
        return allocatedBytes - positionBytes >= roomBytes / 2;
    }

    /** Whether a frame can be written without asking the disk for space. */
    boolean hasRoom(int frameBytes) {
        return positionBytes + frameBytes + SLACK_BYTES <= allocatedBytes;
    }

    /**
     * Gets more space; nobody writes there yet, so zeroes may go past Chronicle's mapping.
     *
     * @param frameBytes the next frame, for which it must be enough in any case
     * @throws IOException when the disk has none; some may have been added
     */
    void extend(int frameBytes) throws IOException {
        long wantedBytes = positionBytes + Math.max(roomBytes, (long) frameBytes + SLACK_BYTES);
        while (allocatedBytes < wantedBytes) {
            long stepBytes = Math.min(STEP_BYTES, wantedBytes - allocatedBytes);
            JournalFiles.writeZeroes(channel, allocatedBytes, stepBytes);
            allocatedBytes += stepBytes;
        }
    }

    /** Writes the frame; the copy is the last thing that happens, and what is not complete is taken back. */
    void append(long sequence, int frameBytes) {
        try (DocumentContext document = appender.writingDocument()) {
            copy(document, sequence, frameBytes);
        }
    }

    // An Error has to take the record back as well: closing the document would publish it.
    private void copy(DocumentContext document, long sequence, int frameBytes) {
        boolean complete = false;
        try {
            Bytes<?> bytes = bytes(document);
            bytes.write(frameStore, 0L, (long) frameBytes);
            hooks.inDocument(sequence);
            positionBytes = ChronicleFormat.align(bytes.writePosition());
            complete = true;
        } finally {
            if (!complete) {
                document.rollbackOnClose();
            }
        }
    }

    /**
     * Reads the next record back, which must be the frame that was written last.
     *
     * @return false when it cannot be seen yet
     * @throws JournalDamagedException when it is anything else
     */
    boolean readBack(long sequence, int frameBytes) {
        hooks.beforeReadBack(sequence);
        try (DocumentContext document = tailer.readingDocument()) {
            if (!document.isPresent()) {
                return false;
            }
            Bytes<?> bytes = bytes(document);
            readBack.clear();
            long foundBytes = bytes.readRemaining();
            if (foundBytes == frameBytes) {
                readBack.limit(frameBytes);
                bytes.read(readBack);
            }
            readBack.flip();
            frame.limit(frameBytes).position(0);
            if (!readBack.equals(frame)) {
                throw new JournalDamagedException(
                        name, sequence, "read back differs: lengthBytes=" + foundBytes + " written=" + frameBytes);
            }
            return true;
        }
    }

    private static Bytes<?> bytes(DocumentContext document) {
        Wire wire = document.wire();
        if (wire == null) {
            throw new IllegalStateException("Chronicle's document has no content");
        }
        return wire.bytes();
    }

    /** Closes queue and file; what was written stays. */
    @Override
    public void close() throws IOException {
        try {
            tailer.close();
            appender.close();
            queue.close();
        } finally {
            channel.close();
        }
    }
}
