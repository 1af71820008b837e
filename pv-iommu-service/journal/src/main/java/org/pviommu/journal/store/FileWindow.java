package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/**
 * Part of a file in memory, for reading on from front to back. Reads, and does not map: a file that shrinks, or has holes on a
 * full disk, is an ordinary end or error.
 *
 * <p>Threads: one.
 */
final class FileWindow {

    private final FileChannel channel;
    private final ByteBuffer buffer;
    private long startBytes;

    /** @param windowBytes the most that {@link #load} can be asked for */
    FileWindow(FileChannel channel, int windowBytes) {
        this.channel = channel;
        buffer = ByteBuffer.allocateDirect(windowBytes).order(ByteOrder.LITTLE_ENDIAN);
        buffer.limit(0);
    }

    /** The window; {@link #load} says where in it the wanted part begins. */
    ByteBuffer buffer() {
        return buffer;
    }

    /**
     * Brings a part of the file into the window.
     *
     * @return where it begins in the window, or -1 when the file ends before
     */
    int load(long positionBytes, int lengthBytes) throws IOException {
        long offset = positionBytes - startBytes;
        if (offset < 0 || offset + lengthBytes > buffer.limit()) {
            reload(positionBytes);
            offset = 0;
        }
        return lengthBytes <= buffer.limit() - offset ? (int) offset : -1;
    }

    /** Reads the file again from here on, because somebody is writing it. */
    void reload(long positionBytes) throws IOException {
        buffer.clear();
        startBytes = positionBytes;
        JournalFiles.read(channel, buffer, positionBytes);
        buffer.flip();
    }
}
