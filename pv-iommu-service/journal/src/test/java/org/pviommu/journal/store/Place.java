package org.pviommu.journal.store;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where a test's journal is: a directory, one for the ring, and what the store said.
 *
 * @param directory the journal's; made by the store
 * @param ringDirectory the ring's
 * @param messages what the store had to say
 */
record Place(Path directory, Path ringDirectory, List<String> messages) {

    static Place in(Path temporary) {
        try {
            Path ring = Files.createDirectories(temporary.resolve("ring"));
            return new Place(temporary.resolve("journal"), ring, Collections.synchronizedList(new ArrayList<>()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Small, so that limits are near. */
    JournalSettings.Builder settings() {
        return JournalSettings.builder(directory)
                .ringDirectory(ringDirectory)
                .ringBytes(1 << 16)
                .diskReserveBytes(1 << 19)
                .listener(messages::add);
    }

    JournalStore open() {
        return JournalStore.open(settings().build());
    }

    /** A copy of all files as they are at this moment: what a process that is killed now would leave. */
    Place copy(Path to) {
        try {
            Place copy = in(Files.createDirectories(to));
            copyTree(directory, copy.directory);
            copyTree(ringDirectory, copy.ringDirectory);
            return copy;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void copyTree(Path from, Path to) throws IOException {
        Files.walkFileTree(from, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attributes) throws IOException {
                Files.createDirectories(to.resolve(from.relativize(dir).toString()));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                copySparsely(file, to.resolve(from.relativize(file).toString()));
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /** Queue files are mostly holes; a copy of all those zeroes would be what takes the time in a test. */
    private static void copySparsely(Path from, Path to) throws IOException {
        byte[] zeroes = new byte[1 << 16];
        byte[] chunk = new byte[zeroes.length];
        try (InputStream in = Files.newInputStream(from);
                RandomAccessFile out = new RandomAccessFile(to.toFile(), "rw")) {
            out.setLength(0);
            int count = in.readNBytes(chunk, 0, chunk.length);
            for (long at = 0; count > 0; at += count, count = in.readNBytes(chunk, 0, chunk.length)) {
                if (!Arrays.equals(chunk, 0, count, zeroes, 0, count)) {
                    out.seek(at);
                    out.write(chunk, 0, count);
                }
                out.setLength(at + count);
            }
        }
    }

    /** The queue files, oldest first, whether complete or not. */
    List<Path> segments() {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(file -> file.toString().endsWith(SegmentNames.SUFFIX))
                    .sorted((a, b) -> name(a).compareTo(name(b)))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String name(Path file) {
        return String.valueOf(file.getFileName());
    }

    Path lastSegment() {
        return segments().getLast();
    }

    void deleteRing() {
        try (Stream<Path> files = Files.list(ringDirectory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
