package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueue;
import net.openhft.chronicle.wire.DocumentContext;

/**
 * An empty queue as Chronicle makes it, in memory: the cycle file up to the first record, and its metadata.
 *
 * <p>Chronicle makes its files with holes and writes to them through a mapping; on a full disk that is an InternalError in
 * whatever thread happens to touch a page. New files are therefore written from this template, with real space behind it, and
 * Chronicle opens what is already there.
 */
final class SegmentTemplate {

    static final String METADATA = "metadata.cq4t";

    private static final String DIRECTORY = "template";

    /** What making the template takes, generously; asked for first, because a lack of it would be an InternalError. */
    private static final long NEEDED_BYTES = 1 << 20;

    /** Header and first indexes of a cycle file; the first record goes behind them. */
    private final byte[] cycleFile;

    private final byte[] metadata;

    private SegmentTemplate(byte[] cycleFile, byte[] metadata) {
        this.cycleFile = cycleFile;
        this.metadata = metadata;
    }

    /** Where the first record goes. */
    int firstRecordBytes() {
        return cycleFile.length;
    }

    /**
     * Has Chronicle make an empty queue in a directory that is removed again.
     *
     * @throws JournalException when there is no space, or Chronicle cannot work in this JVM
     */
    static SegmentTemplate make(Path journal) throws IOException {
        long usableBytes = Files.getFileStore(journal).getUsableSpace();
        if (usableBytes < NEEDED_BYTES) {
            throw new JournalException("no space for the journal: directory=" + journal + " usableBytes=" + usableBytes
                    + " min=" + NEEDED_BYTES);
        }
        Path directory = journal.resolve(DIRECTORY);
        JournalFiles.createDirectory(directory);
        deleteFiles(directory);
        String name = SegmentNames.name(0);
        try (SingleChronicleQueue queue = ChronicleSegment.queue(directory, 0);
                ExcerptAppender appender = queue.createAppender()) {
            writeNothing(appender);
        }
        byte[] cycleFile = Files.readAllBytes(directory.resolve(name));
        SegmentTemplate template = new SegmentTemplate(
                Arrays.copyOf(cycleFile, endOfDocuments(cycleFile)), Files.readAllBytes(directory.resolve(METADATA)));
        deleteFiles(directory);
        Files.delete(directory);
        return template;
    }

    /** Chronicle makes the file with the first document, even if that is taken back. */
    private static void writeNothing(ExcerptAppender appender) {
        try (DocumentContext document = appender.writingDocument()) {
            document.rollbackOnClose();
        }
    }

    private static int endOfDocuments(byte[] cycleFile) {
        ByteBuffer file = ByteBuffer.wrap(cycleFile).order(ByteOrder.LITTLE_ENDIAN);
        long at = 0;
        int header = file.getInt(0);
        while (header != ChronicleFormat.NOTHING) {
            if ((header & (ChronicleFormat.NOT_COMPLETE | ChronicleFormat.META_DATA)) != ChronicleFormat.META_DATA) {
                throw new JournalException("Chronicle's empty queue file is not understood: header=" + header);
            }
            at = ChronicleFormat.align(at + ChronicleFormat.HEADER_BYTES + (header & ChronicleFormat.LENGTH_MASK));
            header = file.getInt((int) at);
        }
        if (at == 0) {
            throw new JournalException("Chronicle does not write: is java.base/sun.nio.ch exported to it?");
        }
        return (int) at;
    }

    /** Writes a new cycle file with {@code roomBytes} of real space behind the template. */
    void writeCycleFile(Path file, long roomBytes) throws IOException {
        Files.deleteIfExists(file);
        try (FileChannel channel = JournalFiles.create(file)) {
            JournalFiles.write(channel, ByteBuffer.wrap(cycleFile), 0);
            JournalFiles.writeZeroes(channel, cycleFile.length, roomBytes);
        } catch (IOException e) {
            Files.deleteIfExists(file);
            throw e;
        }
    }

    /** Writes metadata for one cycle; over that of the last one, so it needs no new space. */
    void writeMetadata(Path directory) throws IOException {
        try (FileChannel channel = JournalFiles.openOrCreate(directory.resolve(METADATA))) {
            JournalFiles.write(channel, ByteBuffer.wrap(metadata), 0);
        }
    }

    static void deleteFiles(Path directory) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
            for (Path file : files) {
                Files.delete(file);
            }
        }
    }
}
