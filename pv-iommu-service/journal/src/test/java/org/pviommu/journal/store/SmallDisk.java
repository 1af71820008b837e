package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file system of a few mebibytes, mounted for one test. Needs root; without it the test is skipped, and says so. */
final class SmallDisk implements AutoCloseable {

    private final Path mountPoint;

    SmallDisk(Path mountPoint, long sizeBytes) throws IOException {
        assumeTrue("root".equals(System.getProperty("user.name")), "skipped: mounting a small file system needs root");
        this.mountPoint = Files.createDirectories(mountPoint);
        int exit = run("mount", "-t", "tmpfs", "-o", "size=" + sizeBytes, "none", mountPoint.toString());
        assumeTrue(exit == 0, "skipped: this root may not mount a file system");
    }

    void makeReadOnly() throws IOException {
        int exit = run("mount", "-o", "remount,ro", mountPoint.toString());
        if (exit != 0) {
            throw new IOException("remount exit=" + exit);
        }
    }

    /** Leaves nothing of the space. */
    void fill() throws IOException {
        try (FileChannel channel = FileChannel.open(ballast(), StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            for (int chunkBytes = 1 << 16; chunkBytes >= 4096; chunkBytes /= 2) {
                fill(channel, chunkBytes);
            }
        }
    }

    private static void fill(FileChannel channel, int chunkBytes) {
        try {
            while (channel.write(ByteBuffer.allocate(chunkBytes)) == chunkBytes) {
                // Until it is full.
            }
        } catch (IOException expected) {
            // It is.
        }
    }

    /** Gives the space back. */
    void free() throws IOException {
        Files.delete(ballast());
    }

    private Path ballast() {
        return mountPoint.resolve("ballast");
    }

    private static int run(String... command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            throw new InterruptedIOException(command[0]);
        }
    }

    Path mountPoint() {
        return mountPoint;
    }

    @Override
    public void close() throws IOException {
        run("umount", "-l", mountPoint.toString());
    }
}
