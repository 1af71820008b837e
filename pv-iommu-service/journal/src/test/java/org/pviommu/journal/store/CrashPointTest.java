package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process may die between any two changes of files. At each such point all files are copied, as a kill would leave them;
 * each copy has to open, with everything that was acknowledged before, and to go on. Opening a copy passes such points again.
 */
class CrashPointTest {

    private static final int RECORDS = 500;

    @TempDir
    Path temporary;

    private Place place;
    private final Set<String> seen = new TreeSet<>();

    /** What was left at one point, and how many records were acknowledged by then. */
    private record Left(String what, String where, Place files, long acknowledged) {}

    /** Copies a place at each point. */
    private final class Camera implements StoreHooks {
        private final Place original;
        private final String path;
        private final List<Left> pictures = new ArrayList<>();
        private volatile long acknowledged;

        Camera(Place original, String path) {
            this.original = original;
            this.path = path;
        }

        @Override
        public synchronized void step(String what) {
            seen.add(what);
            long before = acknowledged;
            Path to = temporary.resolve(path + "-" + pictures.size());
            pictures.add(new Left(what, path + ": " + what + " #" + pictures.size(), original.copy(to), before));
        }
    }

    @BeforeEach
    void makePlace() {
        place = Place.in(temporary.resolve("original"));
    }

    private static JournalSettings settings(Place place) {
        return place.settings().segmentBytes(60_000).maxBytes(120_000).build();
    }

    private List<Left> live(Place where, String path, long first, long last) {
        Camera camera = new Camera(where, path);
        camera.acknowledged = first - 1;
        try (JournalStore store = JournalStore.open(settings(where), camera)) {
            for (long number = first; number <= last; number++) {
                Records.append(store, number, number);
                camera.acknowledged = number;
            }
        }
        return camera.pictures;
    }

    private static long lastRecord(Place where) {
        VerifyReport report = JournalVerifier.verify(where.directory());
        assertTrue(report.ok(), report.toString());
        try (JournalReader reader = JournalReader.open(where.directory())) {
            while (reader.next()) {
                Records.assertIsRecord(reader.sequence(), Records.read(reader));
            }
            assertEquals(report.lastSequence(), reader.sequence());
            return reader.sequence();
        }
    }

    @Test
    void shouldSurviveACrashAtEveryPoint() {
        List<Left> first = live(place, "first", 1, RECORDS);
        assertTrue(first.size() > 20, "points=" + first.size());

        Set<String> deep = new TreeSet<>();
        for (Left left : first) {
            // A crash while a crash is being recovered from: once for each kind of point.
            if (deep.add(left.what())) {
                for (Left again : surviveWatched(left, "second" + deep.size())) {
                    survive(again, StoreHooks.NONE);
                }
            } else {
                survive(left, StoreHooks.NONE);
            }
        }
        // A point that no crash was tried at would be a point not tested.
        assertEquals(
                Set.of(
                        "closed",
                        "closing manifest stored",
                        "crashed segment ended",
                        "crashed segment moved",
                        "crashed segment sealed",
                        "deletion noted",
                        "first high-water mark stored",
                        "first manifest stored",
                        "last segment moved",
                        "manifest stored",
                        "ring drained",
                        "sealed segment moved",
                        "segment ended",
                        "segment synced",
                        "spare made",
                        "spare moved"),
                seen);
    }

    private List<Left> surviveWatched(Left left, String path) {
        Camera camera = new Camera(left.files(), path);
        camera.acknowledged = left.acknowledged();
        survive(left, camera);
        return camera.pictures;
    }

    private static void survive(Left left, StoreHooks hooks) {
        long last;
        try (JournalStore store = JournalStore.open(settings(left.files()), hooks)) {
            last = store.openReport().lastSequence();
            assertTrue(last >= left.acknowledged(), left.where() + " last=" + last + " of " + left.acknowledged());
            Records.append(store, last + 1, last + 3);
        } catch (JournalException e) {
            throw new AssertionError(left.where(), e);
        }
        assertEquals(last + 3, lastRecord(left.files()), left.where());
    }
}
