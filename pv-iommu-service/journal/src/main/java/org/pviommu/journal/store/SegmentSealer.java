package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/** Completes queue files: an end mark, no space behind it, and a checksum over everything, Chronicle's own parts included. */
final class SegmentSealer {

    private static final int CHUNK_BYTES = 1 << 18;

    private SegmentSealer() {}

    /** Ends the file behind its last record and forces it to the disk. */
    static void end(Path file, long endBytes) throws IOException {
        try (FileChannel channel = JournalFiles.open(file)) {
            ByteBuffer mark = ByteBuffer.allocate(ChronicleFormat.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            JournalFiles.write(channel, mark.putInt(0, ChronicleFormat.END_OF_FILE), endBytes);
            channel.truncate(endBytes + ChronicleFormat.HEADER_BYTES);
            channel.force(true);
        }
    }

    /** The CRC32C of a whole file. */
    static int crc(Path file) throws IOException {
        CRC32C crc = new CRC32C();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
            ByteBuffer chunk = ByteBuffer.allocate(Math.clamp(channel.size(), 1, CHUNK_BYTES));
            for (long at = 0; at < channel.size(); at += chunk.limit()) {
                chunk.clear();
                JournalFiles.read(channel, chunk, at);
                crc.update(chunk.flip());
                if (chunk.limit() == 0) {
                    break;
                }
            }
        }
        return (int) crc.getValue();
    }
}
