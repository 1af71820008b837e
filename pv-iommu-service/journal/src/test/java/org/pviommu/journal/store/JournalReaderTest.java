package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading: beside a writer, on a copy, from the middle. Reading what is damaged is in {@link DamageTest}. */
class JournalReaderTest {

    @TempDir
    Path temporary;

    private Place place;

    @BeforeEach
    void makePlace() {
        place = Place.in(temporary);
    }

    @Test
    void shouldFollowAWriterOverManySegments() throws Exception {
        int records = 20_000;
        try (JournalStore store =
                        JournalStore.open(place.settings().segmentBytes(60_000).build());
                JournalReader reader = JournalReader.open(place.directory())) {
            Thread writer = Thread.ofPlatform().start(() -> Records.append(store, 1, records));
            long read = 0;
            while (read < records) {
                Await.until(reader::next, store::stats);
                read++;
                Records.assertIsRecord(read, Records.read(reader));
            }
            Await.end(writer);
            assertFalse(reader.next());
        }
    }

    @Test
    void shouldGoOnOverARestart() {
        JournalStore first = place.open();
        Records.append(first, 1, 10);
        first.flush();
        try (JournalReader reader = JournalReader.open(place.directory())) {
            for (int i = 0; i < 10; i++) {
                assertTrue(reader.next());
            }
            assertFalse(reader.next());
            first.close();
            assertFalse(reader.next());
            try (JournalStore second = place.open()) {
                Records.append(second, 11, 11);
                second.flush();
                assertTrue(reader.next());
                assertEquals(11, reader.sequence());
                assertFalse(reader.next());
            }
        }
    }

    @Test
    void shouldReadACopyWithoutRing() {
        try (JournalStore store = place.open()) {
            Records.append(store, 1, 100);
            store.flush();
            Place copy = place.copy(temporary.resolve("copy"));
            copy.deleteRing();
            Records.assertHolds(copy.directory(), 100);
        }
    }

    @Test
    void shouldBeginWhereItIsTold() {
        try (JournalStore store =
                JournalStore.open(place.settings().segmentBytes(60_000).build())) {
            Records.append(store, 1, 2000);
        }
        for (long from : new long[] {1, 2, 500, 1999, 2000}) {
            try (JournalReader reader = JournalReader.open(place.directory(), from)) {
                for (long number = from; number <= Math.min(2000, from + 400); number++) {
                    assertTrue(reader.next());
                    Records.assertIsRecord(number, Records.read(reader));
                }
            }
        }
        try (JournalReader reader = JournalReader.open(place.directory(), 2001)) {
            assertFalse(reader.next());
        }
        assertThrows(JournalException.class, () -> JournalReader.open(place.directory(), 0));
    }

    @Test
    void shouldSayWhenThereIsNoJournal() {
        assertThrows(JournalException.class, () -> JournalReader.open(temporary));
        assertThrows(JournalException.class, () -> JournalVerifier.verify(temporary));
        assertThrows(JournalException.class, () -> JournalReader.open(temporary.resolve("nowhere")));
    }

    @Test
    void shouldHaveNoRecordBeforeTheFirst() {
        place.open().close();
        try (JournalReader reader = JournalReader.open(place.directory())) {
            assertThrows(IllegalStateException.class, reader::kind);
            assertFalse(reader.next());
            assertThrows(IllegalStateException.class, reader::payload);
        }
    }

    @Test
    void shouldSayWhenARecordIsDeletedWhileItReads() {
        JournalSettings settings =
                place.settings().segmentBytes(50_000).maxBytes(100_000).build();
        try (JournalStore store = JournalStore.open(settings);
                JournalReader reader = JournalReader.open(place.directory())) {
            Records.append(store, 1, 5000);
            store.flush();
            JournalException e = assertThrows(JournalException.class, () -> {
                while (reader.next()) {
                    Records.assertIsRecord(reader.sequence(), Records.read(reader));
                }
            });
            assertFalse(e instanceof JournalDamagedException, e.toString());
            assertTrue(e.toString().contains("deleted"), e.getMessage());
        }
    }

    @Test
    void shouldNeverTakeAWriterForDamage() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        try (JournalStore store =
                JournalStore.open(place.settings().segmentBytes(40_000).build())) {
            Thread writer = Thread.ofPlatform().start(() -> {
                Records.append(store, 1, 10_000);
                done.set(true);
            });
            long reads = 0;
            while (!done.get()) {
                long number = 0;
                try (JournalReader reader = JournalReader.open(place.directory())) {
                    while (reader.next()) {
                        assertEquals(++number, reader.sequence());
                    }
                }
                reads++;
            }
            Await.end(writer);
            assertTrue(reads > 0);
        }
    }
}
