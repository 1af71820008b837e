package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Tells a full disk, which passes, from a broken one, which does not. */
final class DiskSpace {

    private DiskSpace() {}

    /**
     * Whether a write failed for lack of space. The JVM only passes on the C library's text, which may be in any language, so
     * the file system is asked as well; a quota shows in the text alone.
     */
    static boolean isExhausted(IOException failure, Path directory, long neededBytes) {
        String text = String.valueOf(failure.getMessage());
        if (text.contains("No space left") || text.contains("quota exceeded")) {
            return true;
        }
        try {
            return Files.getFileStore(directory).getUsableSpace() < neededBytes;
        } catch (IOException e) {
            return false;
        }
    }
}
