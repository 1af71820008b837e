package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The file that tells how far the journal is on the disk, so that one which stops early is not taken for one that ends.
 *
 * <p>Two slots are written in turn, each forced: a write that is cut off leaves the other one. A slot, little-endian:
 *
 * <pre>
 *  0      4        8            16          24         28       32           48
 *  | magic| version| generation | sequence  | chainCrc | zero   | journal id | CRC32C |
 * </pre>
 *
 * <p>Threads: one.
 */
final class HighWater implements AutoCloseable {

    static final String NAME = "high-water";

    /**
     * One slot's content.
     *
     * @param generation counts the writes; the higher one is newer
     * @param sequence the last record that was forced to the disk; 0 before the first
     * @param chainCrc that record's CRC
     */
    record Mark(long generation, long sequence, int chainCrc) {}

    private static final int MAGIC = 0x5748_5650; // "PVHW"
    private static final int VERSION = 1;
    /** A disk writes a sector as a whole or not at all. */
    private static final int SLOT_BYTES = 512;

    private static final int GENERATION_OFFSET = 8;
    private static final int SEQUENCE_OFFSET = 16;
    private static final int CHAIN_OFFSET = 24;
    private static final int ID_OFFSET = 32;
    private static final int CRC_OFFSET = ID_OFFSET + JournalId.BYTES;

    private final FileChannel channel;
    private final JournalId id;
    private long generation;

    private HighWater(FileChannel channel, JournalId id, long generation) {
        this.channel = channel;
        this.id = id;
        this.generation = generation;
    }

    /** Makes the file, with the mark "nothing yet" in both slots. */
    static void create(Path directory, JournalId id) throws IOException {
        ByteBuffer both = ByteBuffer.allocate(2 * SLOT_BYTES);
        both.put(encode(id, new Mark(1, 0, id.chainSeed())));
        both.put(encode(id, new Mark(2, 0, id.chainSeed())));
        JournalFiles.replace(directory.resolve(NAME), both.array());
    }

    /** Opens the file for further marks. */
    static HighWater open(Path directory, JournalId id, Mark last) throws IOException {
        return new HighWater(JournalFiles.open(directory.resolve(NAME)), id, last.generation());
    }

    /**
     * The newest mark.
     *
     * @return null when there is no file
     * @throws JournalDamagedException when neither slot is good
     */
    static @Nullable Mark read(Path directory, JournalId id) throws IOException {
        Path file = directory.resolve(NAME);
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return null;
        }
        ByteBuffer both = ByteBuffer.allocate(2 * SLOT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            JournalFiles.read(channel, both, 0);
        }
        both.clear();
        Mark first = decode(id, both.slice(0, SLOT_BYTES));
        Mark second = decode(id, both.slice(SLOT_BYTES, SLOT_BYTES));
        if (first == null && second == null) {
            throw new JournalDamagedException(
                    NAME, 0, "neither slot is good, or they are of another journal than " + id);
        } else if (first == null || second == null) {
            return first == null ? second : first;
        }
        return first.generation() > second.generation() ? first : second;
    }

    /** Writes and forces the next mark. What it speaks of must have been forced before. */
    void write(long sequence, int chainCrc) throws IOException {
        generation++;
        ByteBuffer slot = encode(id, new Mark(generation, sequence, chainCrc));
        JournalFiles.write(channel, slot, (generation - 1) % 2 * SLOT_BYTES);
        channel.force(false);
    }

    private static ByteBuffer encode(JournalId id, Mark mark) {
        ByteBuffer slot = ByteBuffer.allocate(SLOT_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        slot.putInt(0, MAGIC)
                .putInt(Integer.BYTES, VERSION)
                .putLong(GENERATION_OFFSET, mark.generation())
                .putLong(SEQUENCE_OFFSET, mark.sequence())
                .putInt(CHAIN_OFFSET, mark.chainCrc())
                .putLong(ID_OFFSET, id.high())
                .putLong(ID_OFFSET + Long.BYTES, id.low());
        return slot.putInt(CRC_OFFSET, crc(slot));
    }

    private static @Nullable Mark decode(JournalId id, ByteBuffer slice) {
        ByteBuffer slot = slice.order(ByteOrder.LITTLE_ENDIAN);
        boolean good = slot.getInt(0) == MAGIC
                && slot.getInt(Integer.BYTES) == VERSION
                && slot.getLong(ID_OFFSET) == id.high()
                && slot.getLong(ID_OFFSET + Long.BYTES) == id.low()
                && slot.getInt(CRC_OFFSET) == crc(slot);
        return good
                ? new Mark(slot.getLong(GENERATION_OFFSET), slot.getLong(SEQUENCE_OFFSET), slot.getInt(CHAIN_OFFSET))
                : null;
    }

    private static int crc(ByteBuffer slot) {
        CRC32C crc = new CRC32C();
        crc.update(slot.slice(0, CRC_OFFSET));
        return (int) crc.getValue();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
