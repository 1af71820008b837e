package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What a journal's directory must hold. A text file, written as a whole whenever that changes:
 *
 * <pre>
 * pvi-journal 1
 * id 00112233445566778899aabbccddeeff
 * deleted LAST_SEQUENCE CHAIN_CRC NAME
 * segment NAME FIRST LAST LAST_TIME_MILLIS CHAIN_CRC LENGTH_BYTES FILE_CRC
 * open NAME FIRST
 * crc CRC32C_OF_ALL_LINES_ABOVE
 * </pre>
 *
 * <p>Without a line "open" the journal was closed in order.
 *
 * @param id which journal this is
 * @param deleted where the oldest segment continues
 * @param sealed the segments that are complete, oldest first
 * @param open the segment that is being written
 */
record Manifest(
        JournalId id,
        Deleted deleted,
        List<SealedSegment> sealed,
        @Nullable Open open) {

    static final String NAME = "manifest";

    private static final String TITLE = "pvi-journal 1";
    private static final String NO_NAME = "-";

    /** So that a damaged directory cannot make us read gigabytes: a line is about a hundred bytes. */
    private static final long MAX_FILE_BYTES = 1L << 28;

    /**
     * What space was needed for.
     *
     * @param lastSequence the last record that was deleted; 0 when none was
     * @param chainCrc that record's CRC, or the journal's seed
     * @param name the segment deleted last, whose file may still be there if the deletion was cut off; "-" when none was
     */
    record Deleted(long lastSequence, int chainCrc, String name) {}

    /**
     * The segment that is being written.
     *
     * @param name its file's name
     * @param firstSequence the first record it may hold
     */
    record Open(String name, long firstSequence) {}

    Manifest {
        sealed = List.copyOf(sealed);
    }

    static Manifest fresh(JournalId id) {
        return new Manifest(id, new Deleted(0, id.chainSeed(), NO_NAME), List.of(), null);
    }

    /** The last record in a sealed or deleted segment. */
    long lastSequence() {
        return sealed.isEmpty() ? deleted.lastSequence() : sealed.getLast().lastSequence();
    }

    /** That record's CRC. */
    int chainCrc() {
        return sealed.isEmpty() ? deleted.chainCrc() : sealed.getLast().chainCrc();
    }

    Manifest withSealed(SealedSegment segment) {
        List<SealedSegment> all = new ArrayList<>(sealed);
        all.add(segment);
        return new Manifest(id, deleted, all, null);
    }

    Manifest withOpen(@Nullable Open segment) {
        return new Manifest(id, deleted, sealed, segment);
    }

    Manifest withoutOldest() {
        SealedSegment oldest = sealed.getFirst();
        Deleted gone = new Deleted(oldest.lastSequence(), oldest.chainCrc(), oldest.name());
        return new Manifest(id, gone, sealed.subList(1, sealed.size()), open);
    }

    void store(Path directory) throws IOException {
        StringBuilder text = new StringBuilder();
        text.append(TITLE).append('\n').append("id ").append(id).append('\n');
        text.append("deleted %d %08x %s%n".formatted(deleted.lastSequence(), deleted.chainCrc(), deleted.name()));
        for (SealedSegment segment : sealed) {
            text.append("segment %s %d %d %d %08x %d %08x%n"
                    .formatted(
                            segment.name(),
                            segment.firstSequence(),
                            segment.lastSequence(),
                            segment.lastTimeMillis(),
                            segment.chainCrc(),
                            segment.lengthBytes(),
                            segment.fileCrc()));
        }
        if (open != null) {
            text.append("open %s %d%n".formatted(open.name(), open.firstSequence()));
        }
        text.append("crc %08x%n".formatted(crc(text.toString())));
        JournalFiles.replace(directory.resolve(NAME), text.toString().getBytes(StandardCharsets.US_ASCII));
    }

    /**
     * Reads the directory's manifest.
     *
     * @return null when there is none
     * @throws JournalDamagedException when it is not what {@link #store} wrote
     */
    static @Nullable Manifest load(Path directory) throws IOException {
        Path file = directory.resolve(NAME);
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return null;
        }
        if (Files.size(file) > MAX_FILE_BYTES) {
            throw new JournalDamagedException(NAME, 0, "lengthBytes=" + Files.size(file) + " max=" + MAX_FILE_BYTES);
        }
        String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        int end = text.lastIndexOf("crc ");
        if (end < 0 || !text.substring(end).equals("crc %08x%n".formatted(crc(text.substring(0, end))))) {
            throw new JournalDamagedException(NAME, 0, "its checksum is wrong");
        }
        try {
            return parse(text.substring(0, end).lines().toList());
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new JournalDamagedException(NAME, 0, "not understood: " + e.getMessage());
        }
    }

    private static Manifest parse(List<String> lines) {
        if (!lines.getFirst().equals(TITLE)) {
            throw new IllegalArgumentException("version=" + lines.getFirst() + " known=" + TITLE);
        }
        Manifest manifest = fresh(JournalId.parse(lines.get(1).substring("id ".length())));
        for (String line : lines.subList(2, lines.size())) {
            manifest = manifest.with(line.split(" ", -1));
        }
        return manifest;
    }

    private Manifest with(String[] words) {
        return switch (words[0]) {
            case "deleted" -> new Manifest(id, new Deleted(number(words[1]), hex(words[2]), words[3]), sealed, open);
            case "segment" ->
                withSealed(new SealedSegment(
                        fileName(words[1]),
                        number(words[2]),
                        number(words[3]),
                        number(words[4]),
                        hex(words[5]),
                        number(words[6]),
                        hex(words[7])));
            case "open" -> withOpen(new Open(fileName(words[1]), number(words[2])));
            default -> throw new IllegalArgumentException("line=" + words[0]);
        };
    }

    /** A name, not a path: a journal from elsewhere must not make us read or delete what is not in its directory. */
    private static String fileName(String word) {
        if (!SegmentNames.isName(word)) {
            throw new IllegalArgumentException("segment=" + word);
        }
        return word;
    }

    private static long number(String word) {
        return Long.parseLong(word);
    }

    private static int hex(String word) {
        return Integer.parseUnsignedInt(word, 16);
    }

    private static int crc(String text) {
        CRC32C crc = new CRC32C();
        crc.update(text.getBytes(StandardCharsets.ISO_8859_1));
        return (int) crc.getValue();
    }
}
