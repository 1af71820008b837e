package org.pviommu.journal.store;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * Reads the frames of one queue file from front to back and checks each: form, sequence, chain.
 *
 * <p>Never throws for what it finds: after {@link Step#BROKEN} it says what is wrong and where, and stays there.
 *
 * <p>Threads: one.
 */
final class SegmentScanner implements AutoCloseable {

    /** What the next document is. */
    enum Step {
        /** A good record. */
        RECORD,
        /** Nothing written here, or the file ends. */
        END,
        /** The mark that nothing will follow. */
        END_MARK,
        /** Anything else. */
        BROKEN
    }

    /** The file's header and two indexes come first; what follows is read in large pieces. */
    private static final int WINDOW_BYTES = 2 * Frame.MAX_BYTES;

    private static final int SMALL_WINDOW_BYTES = 1 << 16;

    private final FileChannel channel;
    private final CRC32C crc = new CRC32C();
    private FileWindow window;
    private MemorySegment memory;

    private long positionBytes;
    private long sequence;
    private int chainCrc;
    private int frameOffset;
    private int payloadBytes;
    private String what = "";

    /**
     * @param lastSequence the record before this file's first
     * @param chainCrc that record's CRC
     */
    SegmentScanner(Path file, long lastSequence, int chainCrc) throws IOException {
        channel = FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
        window = new FileWindow(channel, SMALL_WINDOW_BYTES);
        memory = MemorySegment.ofBuffer(window.buffer().duplicate().clear());
        sequence = lastSequence;
        this.chainCrc = chainCrc;
    }

    /** The record read last, or the one before this file. */
    long sequence() {
        return sequence;
    }

    /** The CRC of the record read last. */
    int chainCrc() {
        return chainCrc;
    }

    /** Where the next document's header is expected. */
    long positionBytes() {
        return positionBytes;
    }

    /** After {@link Step#BROKEN}: what is wrong. */
    String what() {
        return what;
    }

    long timeMillis() {
        return window.buffer().getLong(frameOffset + Frame.TIME_OFFSET);
    }

    int kind() {
        return Byte.toUnsignedInt(window.buffer().get(frameOffset + Frame.KIND_OFFSET));
    }

    /** Valid until the next step. */
    MemorySegment payload() {
        return memory.asSlice(frameOffset + Frame.PAYLOAD_OFFSET, payloadBytes).asReadOnly();
    }

    /** How long the file is now. */
    long fileBytes() throws IOException {
        return channel.size();
    }

    /** Goes to the next record. */
    Step next() throws IOException {
        while (true) {
            int at = load(ChronicleFormat.HEADER_BYTES);
            if (at < 0) {
                return Step.END;
            }
            int header = window.buffer().getInt(at);
            if (header == ChronicleFormat.NOTHING) {
                return Step.END;
            } else if (header == ChronicleFormat.END_OF_FILE) {
                return Step.END_MARK;
            } else if ((header & ChronicleFormat.NOT_COMPLETE) != 0) {
                return broken("record is not complete");
            }
            int lengthBytes = header & ChronicleFormat.LENGTH_MASK;
            if ((header & ChronicleFormat.META_DATA) == 0) {
                return positionBytes == 0 ? broken("file has no header") : frame(lengthBytes);
            }
            String wrong = skipMetaData(lengthBytes);
            if (!wrong.isEmpty()) {
                return broken(wrong);
            }
        }
    }

    /** Forgets what is in memory: the file is being written. */
    void refresh() throws IOException {
        window.reload(positionBytes);
    }

    /** What lies behind the place where reading stopped with {@code step}. */
    TailInspector.Finding inspectTail(Step step) throws IOException {
        long markBytes = step == Step.END_MARK ? ChronicleFormat.HEADER_BYTES : 0;
        return TailInspector.inspect(channel, positionBytes + markBytes, sequence);
    }

    private int load(int lengthBytes) throws IOException {
        if (lengthBytes > window.buffer().capacity()) {
            window = new FileWindow(channel, WINDOW_BYTES);
            memory = MemorySegment.ofBuffer(window.buffer().duplicate().clear());
        }
        return window.load(positionBytes, lengthBytes);
    }

    /** Chronicle's own documents are not read, but they must be within the file, and not be a record of ours in disguise. */
    private String skipMetaData(int lengthBytes) throws IOException {
        int maxBytes = positionBytes == 0 ? ChronicleFormat.MAX_FILE_HEADER_BYTES : ChronicleFormat.MAX_INDEX_BYTES;
        long end = positionBytes + ChronicleFormat.HEADER_BYTES + lengthBytes;
        if (lengthBytes == 0 || lengthBytes > maxBytes || end > channel.size()) {
            return "index lengthBytes=" + lengthBytes + " max=" + maxBytes + " fileBytes=" + channel.size();
        }
        int at = load(2 * ChronicleFormat.HEADER_BYTES);
        if (at >= 0 && window.buffer().getInt(at + ChronicleFormat.HEADER_BYTES) == Frame.MAGIC) {
            return "record is marked as an index";
        }
        positionBytes = ChronicleFormat.align(end);
        return "";
    }

    private Step frame(int lengthBytes) throws IOException {
        if (lengthBytes < Frame.OVERHEAD_BYTES || lengthBytes > Frame.MAX_BYTES) {
            return broken(
                    "record lengthBytes=" + lengthBytes + " min=" + Frame.OVERHEAD_BYTES + " max=" + Frame.MAX_BYTES);
        }
        int at = load(ChronicleFormat.HEADER_BYTES + lengthBytes);
        if (at < 0) {
            return broken("record lengthBytes=" + lengthBytes + " goes beyond the file, fileBytes=" + channel.size());
        }
        int offset = at + ChronicleFormat.HEADER_BYTES;
        String wrong = check(window.buffer(), offset, lengthBytes);
        if (!wrong.isEmpty()) {
            return broken(wrong);
        }
        frameOffset = offset;
        payloadBytes = lengthBytes - Frame.OVERHEAD_BYTES;
        chainCrc = window.buffer().getInt(offset + lengthBytes - Frame.CRC_BYTES);
        sequence++;
        positionBytes = ChronicleFormat.align(positionBytes + ChronicleFormat.HEADER_BYTES + lengthBytes);
        return Step.RECORD;
    }

    /** What is wrong with a frame; the most telling first. */
    private String check(ByteBuffer buffer, int offset, int lengthBytes) {
        short version = buffer.getShort(offset + Frame.VERSION_OFFSET);
        if (buffer.getInt(offset + Frame.MAGIC_OFFSET) != Frame.MAGIC) {
            return "not a record of a journal";
        }
        int coveredBytes = lengthBytes - Frame.CRC_BYTES;
        int computed = FrameEncoder.chain(crc, chainCrc, buffer, offset, coveredBytes);
        boolean crcFits = computed == buffer.getInt(offset + coveredBytes);
        if (version != Frame.VERSION) {
            return "record version=" + version + " known=" + Frame.VERSION;
        } else if (buffer.getLong(offset + Frame.SEQUENCE_OFFSET) != sequence + 1) {
            return "found sequence=" + buffer.getLong(offset + Frame.SEQUENCE_OFFSET);
        } else if (!crcFits) {
            return "checksum does not fit the record and the one before it";
        } else if (buffer.getInt(offset + Frame.LENGTH_OFFSET) != lengthBytes - Frame.OVERHEAD_BYTES) {
            return "payloadBytes=" + buffer.getInt(offset + Frame.LENGTH_OFFSET) + " lengthBytes=" + lengthBytes;
        }
        return buffer.get(offset + Frame.RESERVED_OFFSET) == 0 ? "" : "reserved byte is not zero";
    }

    private Step broken(String wrong) {
        what = wrong;
        return Step.BROKEN;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
