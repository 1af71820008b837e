package org.pviommu.natives;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** What this process has open, by /proc. */
final class OpenFds {

    private static final File FOLDER = new File("/proc/self/fd");

    private OpenFds() {}

    /** How many descriptors are open; the one for counting is always among them. */
    static int count() {
        return Objects.requireNonNull(FOLDER.list()).length;
    }

    static boolean isOpen(int fd) {
        return Files.isSymbolicLink(FOLDER.toPath().resolve(String.valueOf(fd)));
    }

    /** A duplicate of the descriptor that the JDK holds for the file. */
    static FileDescriptor duplicateOf(Path file) throws IOException {
        for (String name : Objects.requireNonNull(FOLDER.list())) {
            Path link = FOLDER.toPath().resolve(name);
            if (Files.isSymbolicLink(link) && Files.readSymbolicLink(link).equals(file.toRealPath())) {
                // Not ours to close, and nothing closes it: the wrapper is dropped.
                return FileDescriptor.adopt(Integer.parseInt(name)).duplicate();
            }
        }
        throw new AssertionError(file + " is not open");
    }
}
