package org.pviommu.journal.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A queue file's bytes, and where its documents are; written independently of the scanner that is tested with it. */
final class SegmentBytes {

    private final List<Document> records = new ArrayList<>();
    private final List<Document> indexes = new ArrayList<>();

    /** A document from its header to its end, {@code [begin, end)}, without the padding behind it. */
    record Document(long begin, long end) {}

    private SegmentBytes(ByteBuffer file) {
        int at = 0;
        int header = file.getInt(0);
        while (header != 0 && header != 0xC000_0000) {
            int end = at + 4 + (header & 0x3fff_ffff);
            ((header & 0x4000_0000) == 0 ? records : indexes).add(new Document(at, end));
            at = end + 3 & ~3;
            header = file.limit() - at < 4 ? 0 : file.getInt(at);
        }
    }

    static SegmentBytes read(Path file) {
        try {
            return new SegmentBytes(ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    List<Document> records() {
        return records;
    }

    List<Document> indexes() {
        return indexes;
    }
}
