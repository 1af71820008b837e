package org.pviommu.journal.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Deletes the oldest segments when they are too many or too old; Chronicle itself deletes nothing. */
final class Retention {

    private Retention() {}

    /**
     * Deletes one segment after the other. The manifest goes first: it then names the file that may still be there, and a crash
     * in between is no damage.
     *
     * @param openBytes how long the segment is that is being written
     * @return the manifest without what was deleted
     */
    static Manifest apply(JournalSettings settings, StoreHooks hooks, Manifest manifest, long openBytes)
            throws IOException {
        Path directory = settings.directory();
        Manifest left = manifest;
        while (isOldestDue(settings, left, openBytes)) {
            SealedSegment oldest = left.sealed().getFirst();
            Manifest next = left.withoutOldest();
            next.store(directory);
            left = next;
            hooks.step("deletion noted");
            Files.deleteIfExists(directory.resolve(oldest.name()));
            settings.listener()
                    .message("deleted segment=" + oldest.name() + " firstSequence=" + oldest.firstSequence()
                            + " lastSequence=" + oldest.lastSequence());
        }
        return left;
    }

    private static boolean isOldestDue(JournalSettings settings, Manifest manifest, long openBytes) {
        if (manifest.sealed().isEmpty()) {
            return false;
        }
        SealedSegment oldest = manifest.sealed().getFirst();
        if (oldest.lastSequence() >= settings.neededFrom().getAsLong()) {
            return false;
        }
        long bytes = openBytes;
        for (SealedSegment segment : manifest.sealed()) {
            bytes += segment.lengthBytes();
        }
        long ageMillis = settings.clockMillis().getAsLong() - oldest.lastTimeMillis();
        return bytes > settings.maxBytes() || ageMillis > settings.maxAge().toMillis();
    }
}
