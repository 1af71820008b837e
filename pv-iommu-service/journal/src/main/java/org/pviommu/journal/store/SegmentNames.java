package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Names and places of queue files. A name is the minute in which the file was begun, UTC, as Chronicle wants it; when the clock
 * stood still or went backwards it is the minute after the last name, so the order of names is the order of sequences
 * (catalogue E15).
 *
 * <p>Chronicle only ever sees the directory "open" with the one file that is being written. A complete file is moved up to the
 * journal's directory, where nothing touches it any more.
 */
final class SegmentNames {

    static final String OPEN_DIRECTORY = "open";
    static final String SUFFIX = ".cq4";

    private static final Pattern NAME = Pattern.compile("\\d{8}-\\d{4}\\.cq4");
    private static final DateTimeFormatter MINUTE =
            DateTimeFormatter.ofPattern("yyyyMMdd-HHmm").withZone(ZoneOffset.UTC);
    private static final long MINUTE_MILLIS = 60_000;

    /** Chronicle counts minutes since 1970 in an int, and names have four digits for the year. */
    private static final long MAX_CYCLE =
            LocalDateTime.of(9000, 1, 1, 0, 0).toEpochSecond(ZoneOffset.UTC) / (MINUTE_MILLIS / 1000);

    private SegmentNames() {}

    static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    /** The minute that a name stands for, counted from 1970. */
    static long cycle(String name) {
        String minute = name.substring(0, name.length() - SUFFIX.length());
        return LocalDateTime.parse(minute, MINUTE).toEpochSecond(ZoneOffset.UTC) / (MINUTE_MILLIS / 1000);
    }

    static String name(long cycle) {
        return MINUTE.format(Instant.ofEpochMilli(cycle * MINUTE_MILLIS)) + SUFFIX;
    }

    /** The cycle for a new file: this minute, but behind all others. */
    static long nextCycle(long nowMillis, long lastCycle) {
        long now = Math.clamp(nowMillis / MINUTE_MILLIS, 0, MAX_CYCLE);
        return Math.max(now, lastCycle + 1);
    }

    static long startMillis(long cycle) {
        return cycle * MINUTE_MILLIS;
    }

    /**
     * Where a segment's file is. It moves once, from "open" up, so who looks in this order finds it or it does not exist.
     *
     * @return the place in the journal's directory when it is nowhere
     */
    static Path locate(Path directory, String name) {
        Path sealed = directory.resolve(name);
        if (Files.exists(sealed, LinkOption.NOFOLLOW_LINKS)) {
            return sealed;
        }
        Path open = directory.resolve(OPEN_DIRECTORY).resolve(name);
        return Files.exists(open, LinkOption.NOFOLLOW_LINKS) ? open : sealed;
    }

    /** The names of all queue files, whether the manifest knows them or not. */
    static SortedSet<String> list(Path directory) throws IOException {
        SortedSet<String> names = new TreeSet<>();
        addNames(directory, names);
        Path open = directory.resolve(OPEN_DIRECTORY);
        if (Files.isDirectory(open)) {
            addNames(open, names);
        }
        return names;
    }

    private static void addNames(Path directory, SortedSet<String> names) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
            for (Path file : files) {
                String name = String.valueOf(file.getFileName());
                if (name.endsWith(SUFFIX)) {
                    names.add(name);
                }
            }
        }
    }
}
