package org.pviommu.journal.replay;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.pviommu.engine.GuestMemory;

/** Guest memory behind a file that can be cut short while it is mapped, as a hostile guest does. */
final class ShrinkingMemory implements GuestMemory {
    private final Arena arena = Arena.ofShared();
    private final FileChannel file;
    private final MemorySegment segment;

    ShrinkingMemory(int pages) {
        try {
            Path path = Files.createTempFile("shrinking", ".mem");
            file = FileChannel.open(
                    path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
            segment = file.map(FileChannel.MapMode.READ_WRITE, 0, pages * 4096L, arena);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void shrinkTo(int pages) {
        try {
            file.truncate(pages * 4096L);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public MemorySegment segment() {
        return segment;
    }

    @Override
    public int fileDescriptor() {
        return -1;
    }

    @Override
    public long fileOffsetBytes() {
        return 0;
    }

    @Override
    public void close() {
        arena.close();
        try {
            file.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
