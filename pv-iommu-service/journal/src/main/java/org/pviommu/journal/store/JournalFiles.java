package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** How the journal makes and writes files: for nobody else (0600), completely, and durably where that matters. */
final class JournalFiles {

    private static final FileAttribute<?> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    private static final FileAttribute<?> OWNER_ONLY_DIRECTORY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private static final int ZEROES_BYTES = 1 << 16;

    private JournalFiles() {}

    /** Makes a file that must not exist yet, for reading and writing. */
    static FileChannel create(Path file) throws IOException {
        Set<OpenOption> options =
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        return FileChannel.open(file, options, OWNER_ONLY);
    }

    /** Opens a file for reading and writing, making it if need be; a symbolic link is refused. */
    static FileChannel openOrCreate(Path file) throws IOException {
        Set<OpenOption> options = Set.of(
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS);
        return FileChannel.open(file, options, OWNER_ONLY);
    }

    /** Opens an existing file for reading and writing; a symbolic link is refused. */
    static FileChannel open(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    }

    /** Makes a directory and what leads to it, if need be. */
    static void createDirectory(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            Files.createDirectories(directory, OWNER_ONLY_DIRECTORY);
        }
    }

    /** Writes all of it, from {@code offsetBytes} on. */
    static void write(FileChannel channel, ByteBuffer bytes, long offsetBytes) throws IOException {
        long at = offsetBytes;
        while (bytes.hasRemaining()) {
            at += channel.write(bytes, at);
        }
    }

    /** Writes zeroes: the file then owns that space, where a hole would only promise it. */
    static void writeZeroes(FileChannel channel, long offsetBytes, long lengthBytes) throws IOException {
        ByteBuffer zeroes = ByteBuffer.allocateDirect((int) Math.min(ZEROES_BYTES, lengthBytes));
        long left = lengthBytes;
        while (left > 0) {
            zeroes.clear().limit((int) Math.min(zeroes.capacity(), left));
            int chunkBytes = zeroes.limit();
            write(channel, zeroes, offsetBytes + lengthBytes - left);
            left -= chunkBytes;
        }
    }

    /** Reads until {@code into} is full or the file ends. */
    static void read(FileChannel channel, ByteBuffer into, long offsetBytes) throws IOException {
        long at = offsetBytes;
        while (into.hasRemaining()) {
            int count = channel.read(into, at);
            if (count < 0) {
                return;
            }
            at += count;
        }
    }

    /** Exchanges a file for another content: a crash at any moment leaves the one or the other, durably. */
    static void replace(Path file, byte[] content) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        try (FileChannel channel = create(fresh)) {
            write(channel, ByteBuffer.wrap(content), 0);
            channel.force(true);
        }
        moveDurably(fresh, file);
    }

    /** Renames within one directory tree, and makes the names durable. */
    static void moveDurably(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        forceDirectory(parent(to));
        if (!parent(from).equals(parent(to))) {
            forceDirectory(parent(from));
        }
    }

    /** Makes the names in a directory durable. */
    static void forceDirectory(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static Path parent(Path file) {
        Path parent = file.getParent();
        return parent == null ? Path.of(".") : parent;
    }
}
