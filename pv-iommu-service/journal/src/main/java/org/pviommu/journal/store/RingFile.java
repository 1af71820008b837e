package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.zip.CRC32C;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.RingBufferDescriptor;
import org.jspecify.annotations.Nullable;

/**
 * The file in shared memory that holds the ring. One page of header, little-endian, then the ring, then Agrona's trailer:
 *
 * <pre>
 *  0        8        12         16           32        64                 72
 *  | magic  | version| ringBytes| journal id | CRC32C  | consumedPosition | consumedSequence |
 * </pre>
 *
 * <p>Agrona zeroes what was consumed and then moves its head; a process killed in between would leave half a record at the
 * head. So the consumed position is noted here first, and whoever opens the ring starts from it.
 *
 * <p>The mapping is never unmapped by hand: it goes when nothing refers to it any more, so no thread can reach memory that is
 * gone. All pages are written when the file is made, so no append can meet a page that the file system cannot provide.
 */
final class RingFile {

    /** Ring sizes: below, no useful record would fit; above, one buffer could not map it. */
    static final int MIN_RING_BYTES = 1 << 14;

    static final int MAX_RING_BYTES = 1 << 29;

    private static final long MAGIC = 0x474e_4952_4956_5031L; // "1PVIRING"
    private static final int VERSION = 1;
    private static final int HEADER_BYTES = 4096;

    private static final int VERSION_OFFSET = 8;
    private static final int RING_BYTES_OFFSET = 12;
    private static final int ID_OFFSET = 16;
    private static final int CRC_OFFSET = ID_OFFSET + JournalId.BYTES;
    private static final int CONSUMED_POSITION_OFFSET = 64;
    private static final int CONSUMED_SEQUENCE_OFFSET = CONSUMED_POSITION_OFFSET + Long.BYTES;

    private final Path path;
    private final UnsafeBuffer header;
    private final MappedByteBuffer ring;
    private final int ringBytes;

    private RingFile(Path path, MappedByteBuffer mapped, int ringBytes) {
        this.path = path;
        this.ringBytes = ringBytes;
        header = new UnsafeBuffer(mapped, 0, HEADER_BYTES);
        ring = mapped.slice(HEADER_BYTES, ringBytes + RingBufferDescriptor.TRAILER_LENGTH);
        ring.order(ByteOrder.LITTLE_ENDIAN);
    }

    static Path path(Path directory, JournalId id) {
        return directory.resolve("pvi-journal-" + id + ".ring");
    }

    /**
     * Makes an empty ring in place of any other.
     *
     * @param consumedSequence the last record that is in the queue
     */
    static RingFile create(Path path, JournalId id, int ringBytes, long consumedSequence) throws IOException {
        Path fresh = path.resolveSibling(path.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        try (FileChannel channel = JournalFiles.create(fresh)) {
            JournalFiles.writeZeroes(channel, 0, fileBytes(ringBytes));
            JournalFiles.write(channel, encodeHeader(id, ringBytes, consumedSequence), 0);
            RingFile file = new RingFile(path, map(channel), ringBytes);
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
            return file;
        } catch (IOException e) {
            Files.deleteIfExists(fresh);
            throw e;
        }
    }

    /**
     * Opens the ring that an earlier process left.
     *
     * @return null when there is none
     * @throws JournalDamagedException when it is not this journal's, or its header is damaged
     */
    static @Nullable RingFile open(Path path, JournalId id) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return null;
        }
        try (FileChannel channel = JournalFiles.open(path)) {
            ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            JournalFiles.read(channel, header, 0);
            header.flip();
            int ringBytes = header.limit() < HEADER_BYTES ? 0 : header.getInt(RING_BYTES_OFFSET);
            boolean possible = ringBytes >= MIN_RING_BYTES
                    && ringBytes <= MAX_RING_BYTES
                    && channel.size() == fileBytes(ringBytes);
            if (!possible || !fixedPart(header).equals(fixedPart(encodeHeader(id, ringBytes, 0)))) {
                throw new JournalDamagedException(path.toString(), 0, "not the ring of journal id=" + id);
            }
            return new RingFile(path, map(channel), ringBytes);
        }
    }

    private static MappedByteBuffer map(FileChannel channel) throws IOException {
        return channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size());
    }

    private static long fileBytes(int ringBytes) {
        return HEADER_BYTES + (long) ringBytes + RingBufferDescriptor.TRAILER_LENGTH;
    }

    /** What does not change while the ring is used. */
    private static ByteBuffer fixedPart(ByteBuffer header) {
        return header.slice(0, CONSUMED_POSITION_OFFSET);
    }

    private static ByteBuffer encodeHeader(JournalId id, int ringBytes, long consumedSequence) {
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(0, MAGIC)
                .putInt(VERSION_OFFSET, VERSION)
                .putInt(RING_BYTES_OFFSET, ringBytes)
                .putLong(ID_OFFSET, id.high())
                .putLong(ID_OFFSET + Long.BYTES, id.low());
        CRC32C crc = new CRC32C();
        crc.update(header.slice(0, CRC_OFFSET));
        return header.putInt(CRC_OFFSET, (int) crc.getValue()).putLong(CONSUMED_SEQUENCE_OFFSET, consumedSequence);
    }

    /** The ring with Agrona's trailer; each caller gets a view of its own. */
    ByteBuffer view() {
        return ring.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The ring without the trailer; a power of two. */
    int ringBytes() {
        return ringBytes;
    }

    /** Everything in the ring before this position is in the queue. */
    long consumedPosition() {
        return header.getLongVolatile(CONSUMED_POSITION_OFFSET);
    }

    /** The last record of which the queue was seen to have it. */
    long consumedSequence() {
        return header.getLongVolatile(CONSUMED_SEQUENCE_OFFSET);
    }

    /**
     * Notes that the queue has a record. The sequence goes first: a process killed between the two stores reads the record
     * again, and sees that the queue has it.
     */
    void consumed(long sequence, long position) {
        header.putLongRelease(CONSUMED_SEQUENCE_OFFSET, sequence);
        header.putLongRelease(CONSUMED_POSITION_OFFSET, position);
    }

    /** Removes the file; memory that is still mapped stays usable. */
    void delete() throws IOException {
        Files.deleteIfExists(path);
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
