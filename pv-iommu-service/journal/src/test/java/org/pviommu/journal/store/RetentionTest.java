package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Old segments go, but only those that nobody needs, and what is left is as provable as before. */
class RetentionTest {

    private static final long SEGMENT_BYTES = 50_000;

    @TempDir
    Path temporary;

    private Place place;
    private final AtomicLong neededFrom = new AtomicLong(Long.MAX_VALUE);
    private final AtomicLong clock = new AtomicLong(1_700_000_000_000L);

    @BeforeEach
    void makePlace() {
        place = Place.in(temporary);
    }

    private JournalSettings.Builder settings() {
        return place.settings()
                .segmentBytes(SEGMENT_BYTES)
                .neededFrom(neededFrom::get)
                .clockMillis(clock::get);
    }

    @Test
    void shouldDeleteTheOldestWhenThereIsTooMuch() {
        try (JournalStore store =
                JournalStore.open(settings().maxBytes(3 * SEGMENT_BYTES).build())) {
            Records.append(store, 1, 5000);
            store.flush();
            assertTrue(store.stats().bytes() <= 4 * SEGMENT_BYTES, store.stats().toString());
        }
        assertTrue(
                place.messages().toString().contains("deleted segment="),
                place.messages().toString());
        VerifyReport report = JournalVerifier.verify(place.directory());
        assertTrue(report.ok(), report.toString());
        assertTrue(report.firstSequence() > 1000, report.toString());
        assertEquals(5000, report.lastSequence());
        assertEquals(5000 - report.firstSequence() + 1, report.records());
        List<Records.Read> all = Records.readAll(place.directory());
        assertEquals(report.firstSequence(), all.getFirst().sequence());
        for (int i = 0; i < all.size(); i++) {
            Records.assertIsRecord(report.firstSequence() + i, all.get(i));
        }
    }

    @Test
    void shouldKeepWhatIsNeeded() {
        neededFrom.set(700);
        try (JournalStore store = JournalStore.open(settings().maxBytes(1).build())) {
            Records.append(store, 1, 5000);
        }
        VerifyReport report = JournalVerifier.verify(place.directory());
        assertTrue(report.ok(), report.toString());
        assertTrue(report.firstSequence() > 1 && report.firstSequence() <= 700, report.toString());
    }

    @Test
    void shouldDeleteWhatIsTooOld() {
        try (JournalStore store = JournalStore.open(settings().build())) {
            Records.append(store, 1, 1000);
        }
        clock.addAndGet(Duration.ofDays(3).toMillis());
        try (JournalStore store =
                JournalStore.open(settings().maxAge(Duration.ofDays(2)).build())) {
            Records.append(store, 1001, 1010);
        }
        VerifyReport report = JournalVerifier.verify(place.directory());
        assertTrue(report.ok(), report.toString());
        assertEquals(1001, report.firstSequence());
    }

    @Test
    void shouldDeleteNothingWhenTheClockIsWrong() {
        try (JournalStore store = JournalStore.open(settings().build())) {
            Records.append(store, 1, 1000);
        }
        clock.set(0);
        JournalStore.open(settings().maxAge(Duration.ofDays(2)).build()).close();

        assertEquals(1, JournalVerifier.verify(place.directory()).firstSequence());
    }

    @Test
    void shouldStillMissASegmentThatWasNotDeletedByIt() throws Exception {
        try (JournalStore store =
                JournalStore.open(settings().maxBytes(5 * SEGMENT_BYTES).build())) {
            Records.append(store, 1, 5000);
        }
        Path oldest = place.segments().getFirst();
        Files.delete(oldest);

        JournalDamagedException e = assertThrows(JournalDamagedException.class, place::open);
        assertEquals(oldest.getFileName().toString(), e.file());
    }

    @Test
    void shouldRemoveAFileWhoseDeletionWasCutOff() throws Exception {
        Path aside = temporary.resolve("aside");
        try (JournalStore store = JournalStore.open(settings().build())) {
            Records.append(store, 1, 1000);
        }
        Path oldest = place.segments().getFirst();
        Path second = place.segments().get(1);
        Files.copy(oldest, aside);
        long bytes = 0;
        for (Path segment : place.segments()) {
            bytes += Files.size(segment);
        }
        JournalStore.open(settings().maxBytes(bytes).build()).close();
        assertFalse(Files.exists(oldest), "one was deleted, as the new segment made it too much");
        assertTrue(Files.exists(second));
        Files.move(aside, oldest);
        assertTrue(JournalVerifier.verify(place.directory()).ok());

        JournalStore.open(settings().build()).close();

        assertFalse(Files.exists(oldest));
    }
}
