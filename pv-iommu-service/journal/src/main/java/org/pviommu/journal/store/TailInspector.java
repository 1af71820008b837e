package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/**
 * Looks at what lies behind the place where a file could not be read any further. A process or machine that died while it
 * wrote the last record leaves at most that record's bytes; whole records behind it mean that something else happened.
 */
final class TailInspector {

    /** What was found. */
    enum Finding {
        /** Only zeroes: the end. */
        NOTHING,
        /** Something, but no record: what a torn last record looks like. */
        FRAGMENT,
        /** What looks like a later record. */
        RECORD
    }

    private static final int CHUNK_BYTES = 1 << 16;

    private TailInspector() {}

    /**
     * Looks at the rest of a file.
     *
     * @param fromBytes where the header of the record behind {@code sequence} is, or should be
     * @param sequence the last good record
     */
    static Finding inspect(FileChannel channel, long fromBytes, long sequence) throws IOException {
        long size = channel.size();
        // The record at fromBytes itself is the one that is broken or missing; what counts is behind its first byte.
        long ownFrame = fromBytes + ChronicleFormat.HEADER_BYTES;
        ByteBuffer chunk =
                ByteBuffer.allocate(CHUNK_BYTES + Frame.PAYLOAD_OFFSET).order(ByteOrder.LITTLE_ENDIAN);
        Finding finding = Finding.NOTHING;
        for (long at = fromBytes; at < size; at += CHUNK_BYTES) {
            chunk.clear();
            JournalFiles.read(channel, chunk, at);
            chunk.flip();
            Finding here = inspect(chunk, (int) Math.max(-1, Math.min(ownFrame - at, CHUNK_BYTES)), sequence);
            if (here == Finding.RECORD) {
                return here;
            } else if (here == Finding.FRAGMENT) {
                finding = here;
            }
        }
        return finding;
    }

    /** Headers are at multiples of four, so frames are too. */
    private static Finding inspect(ByteBuffer chunk, int ownFrame, long sequence) {
        Finding finding = Finding.NOTHING;
        int last = chunk.limit() - Integer.BYTES;
        for (int at = 0; at <= last; at += Integer.BYTES) {
            int word = chunk.getInt(at);
            if (word != 0) {
                finding = Finding.FRAGMENT;
                if (word == Frame.MAGIC && at != ownFrame && isLaterRecord(chunk, at, sequence)) {
                    return Finding.RECORD;
                }
            }
        }
        for (int at = Math.max(0, chunk.limit() & -Integer.BYTES); at < chunk.limit(); at++) {
            if (chunk.get(at) != 0) {
                finding = Finding.FRAGMENT;
            }
        }
        return finding;
    }

    private static boolean isLaterRecord(ByteBuffer chunk, int at, long sequence) {
        if (chunk.limit() - at < Frame.PAYLOAD_OFFSET) {
            return false;
        }
        long found = chunk.getLong(at + Frame.SEQUENCE_OFFSET);
        int payloadBytes = chunk.getInt(at + Frame.LENGTH_OFFSET);
        // Not negative, so the difference cannot overflow. Nobody writes four billion records behind a lost one.
        boolean later = found > sequence && found - sequence <= 1L << 32;
        return later && payloadBytes >= 0 && payloadBytes <= Frame.MAX_PAYLOAD_BYTES;
    }
}
