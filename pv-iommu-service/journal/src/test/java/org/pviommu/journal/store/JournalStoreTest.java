package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writing, closing, opening again and reading, without anything going wrong. */
class JournalStoreTest {

    @TempDir
    Path temporary;

    private Path directory;
    private Path ringDirectory;

    @BeforeEach
    void makeDirectories() throws Exception {
        directory = temporary.resolve("journal");
        ringDirectory = Files.createDirectory(temporary.resolve("ring"));
    }

    private JournalSettings.Builder settings() {
        return JournalSettings.builder(directory)
                .ringDirectory(ringDirectory)
                .ringBytes(1 << 16)
                .diskReserveBytes(1 << 19)
                .listener(text -> {});
    }

    @Test
    void shouldGiveBackWhatWasAppended() {
        try (JournalStore store = JournalStore.open(settings().build())) {
            assertEquals(OpenReport.State.FRESH, store.openReport().state());
            Records.append(store, 1, 1000);
            assertEquals(1000, store.lastSequence());
            store.flush();
            assertEquals(1000, store.writtenSequence());
            Records.assertHolds(directory, 1000);
        }
        Records.assertHolds(directory, 1000);
        VerifyReport report = JournalVerifier.verify(directory);
        assertTrue(report.ok(), report.toString());
        assertEquals(1000, report.records());
    }

    @Test
    void shouldGoOnWhereItWasClosed() {
        for (int round = 0; round < 5; round++) {
            try (JournalStore store = JournalStore.open(settings().build())) {
                assertEquals(round * 10L, store.openReport().lastSequence());
                Records.append(store, round * 10L + 1, round * 10L + 10);
            }
        }

        Records.assertHolds(directory, 50);
        try (JournalStore store = JournalStore.open(settings().build())) {
            assertEquals(OpenReport.State.CLEAN, store.openReport().state());
            assertEquals(6, store.openReport().segments());
        }
    }

    @Test
    void shouldRollBySize() throws Exception {
        try (JournalStore store =
                JournalStore.open(settings().segmentBytes(100_000).build())) {
            Records.append(store, 1, 5000);
            store.flush();
            assertTrue(store.stats().segments() > 5, store.stats().toString());
        }
        Records.assertHolds(directory, 5000);
        try (Stream<Path> rings = Files.list(ringDirectory)) {
            assertEquals(0, rings.count(), "the ring is removed with an orderly close");
        }
    }
}
