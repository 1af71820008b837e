package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueue;
import net.openhft.chronicle.queue.impl.single.SingleChronicleQueueBuilder;
import net.openhft.chronicle.queue.rollcycles.LegacyRollCycles;
import net.openhft.chronicle.wire.DocumentContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writing, closing, opening again and reading, without anything going wrong. */
class JournalStoreTest {

    @TempDir
    Path temporary;

    private Place place;

    @BeforeEach
    void makePlace() {
        place = Place.in(temporary);
    }

    @Test
    void shouldGiveBackWhatWasAppended() {
        try (JournalStore store = place.open()) {
            assertEquals(OpenReport.State.FRESH, store.openReport().state());
            Records.append(store, 1, 1000);
            assertEquals(1000, store.lastSequence());
            store.flush();
            assertEquals(1000, store.writtenSequence());
            Records.assertHolds(place.directory(), 1000);
        }
        Records.assertHolds(place.directory(), 1000);
        VerifyReport report = JournalVerifier.verify(place.directory());
        assertTrue(report.ok(), report.toString());
        assertEquals(1000, report.records());
        assertEquals(1000, report.highWater());
        assertEquals("", report.unsealed());
    }

    @Test
    void shouldGoOnWhereItWasClosed() {
        for (int round = 0; round < 5; round++) {
            try (JournalStore store = place.open()) {
                assertEquals(round * 10L, store.openReport().lastSequence());
                Records.append(store, round * 10L + 1, round * 10L + 10);
            }
        }

        Records.assertHolds(place.directory(), 50);
        try (JournalStore store = place.open()) {
            assertEquals(OpenReport.State.CLEAN, store.openReport().state());
            assertEquals(6, store.openReport().segments());
            assertEquals(List.of(), store.openReport().messages());
        }
    }

    @Test
    void shouldLeaveNothingOfALifeWithoutRecords() {
        place.open().close();
        place.open().close();

        assertEquals(List.of(), place.segments());
        assertTrue(JournalVerifier.verify(place.directory()).ok());
    }

    @Test
    void shouldRollBySize() throws Exception {
        try (JournalStore store =
                JournalStore.open(place.settings().segmentBytes(100_000).build())) {
            Records.append(store, 1, 5000);
            store.flush();
            assertTrue(store.stats().segments() > 5, store.stats().toString());
            assertEquals(place.segments().size(), store.stats().segments());
        }
        Records.assertHolds(place.directory(), 5000);
        try (Stream<Path> rings = Files.list(place.ringDirectory())) {
            assertEquals(0, rings.count(), "the ring is removed with an orderly close");
        }
    }

    @Test
    void shouldRollByAge() {
        try (JournalStore store = JournalStore.open(
                place.settings().segmentAge(Duration.ofMillis(1)).build())) {
            Records.append(store, 1, 1);
            Await.until(() -> store.stats().segments() == 2, store::stats);
            Records.append(store, 2, 2);
        }
        Records.assertHolds(place.directory(), 2);
    }

    @Test
    void shouldTakeEveryLengthOfPayload() {
        JournalSettings settings =
                place.settings().ringBytes(1 << 24).diskReserveBytes(4 << 20).build();
        int[] lengths = {0, 1, 3, 4, 5, 63, 64, 65, 65_535, (1 << 20) - 1, 1 << 20};
        try (JournalStore store = JournalStore.open(settings)) {
            assertEquals(1 << 20, store.maxPayloadBytes());
            for (int i = 0; i < 8 * lengths.length; i++) {
                Records.appendOne(store, i + 1, lengths[i % lengths.length]);
            }
        }
        List<Records.Read> all = Records.readAll(place.directory());
        assertEquals(8 * lengths.length, all.size());
        for (int i = 0; i < all.size(); i++) {
            MemorySegment expected = MemorySegment.ofArray(Records.payload(i + 1, lengths[i % lengths.length]));
            assertEquals(-1, expected.mismatch(all.get(i).payload()), "number=" + i);
        }
        assertTrue(JournalVerifier.verify(place.directory()).ok());
    }

    /** More records than one index of the queue has entries for. */
    @Test
    void shouldHoldMoreRecordsThanOneIndex() {
        int records = ChronicleSegment.INDEX_ENTRIES * 256 + 1000;
        try (JournalStore store =
                JournalStore.open(place.settings().ringBytes(1 << 20).build())) {
            MemorySegment payload = Records.segment(new byte[1]);
            for (int i = 0; i < records; i++) {
                Await.until(() -> store.reserve(1, 1, true), store::stats);
                store.append(1, payload, 1);
            }
        }
        assertEquals(1, place.segments().size());
        assertTrue(SegmentBytes.read(place.lastSegment()).indexes().size() > 3);
        VerifyReport report = JournalVerifier.verify(place.directory());
        assertTrue(report.ok(), report.toString());
        assertEquals(records, report.records());
    }

    @Test
    void shouldRefuseWhatIsNotARecord() {
        try (JournalStore store = place.open()) {
            MemorySegment payload = Records.segment(new byte[8]);
            int max = store.maxPayloadBytes();
            assertTrue(store.reserve(4, 4L * max, true));
            assertThrows(IllegalArgumentException.class, () -> store.append(0, payload, 1));
            assertThrows(IllegalArgumentException.class, () -> store.append(256, payload, 1));
            assertThrows(IllegalArgumentException.class, () -> store.append(1, payload, 9));
            assertThrows(IllegalArgumentException.class, () -> store.append(1, payload, -1));
            MemorySegment large = Records.segment(new byte[max + 1]);
            assertThrows(IllegalArgumentException.class, () -> store.append(1, large, max + 1));
            assertThrows(IllegalArgumentException.class, () -> store.tryAppend(0, payload, 1));
            assertThrows(IllegalArgumentException.class, () -> store.reserve(-1, 0, true));
            assertThrows(IllegalArgumentException.class, () -> store.reserve(1, -1, true));
            assertFalse(store.reserve(1, Long.MAX_VALUE, true));
            assertFalse(store.reserve(Integer.MAX_VALUE, Long.MAX_VALUE, true));
            assertEquals(0, store.lastSequence());
            store.unreserve(4, 4L * max);
            assertThrows(IllegalStateException.class, () -> store.append(1, payload, 1));
        }
    }

    @Test
    void shouldTakeNothingAfterClose() {
        JournalStore store = place.open();
        assertTrue(store.reserve(1, 1, true));
        store.close();
        store.close();

        assertEquals(StoreState.CLOSED, store.stats().state());
        assertFalse(store.reserve(1, 1, true));
        assertThrows(IllegalStateException.class, () -> store.append(1, Records.segment(new byte[1]), 1));
        assertEquals(0, store.tryAppend(1, Records.segment(new byte[1]), 1));
    }

    @Test
    void E15_clockThatGoesBackDoesNotMatter() {
        AtomicLong clock = new AtomicLong(System.currentTimeMillis());
        JournalSettings.Builder settings =
                place.settings().clockMillis(clock::get).segmentBytes(60_000);
        long number = 0;
        long[] steps = {0, -3_600_000, 86_400_000, -40L * 365 * 86_400_000, Long.MIN_VALUE / 2, 50_000};
        for (long step : steps) {
            try (JournalStore store = JournalStore.open(settings.build())) {
                Records.append(store, number + 1, number + 500);
                clock.addAndGet(step);
                Records.append(store, number + 501, number + 1000);
                number += 1000;
            }
        }

        Records.assertHolds(place.directory(), number);
        List<Path> segments = place.segments();
        assertTrue(segments.size() > 2 * steps.length, segments.toString());
        long expected = 1;
        for (Path segment : segments) {
            try (JournalReader reader = JournalReader.open(place.directory(), expected)) {
                assertTrue(reader.next());
                assertEquals(segment.getFileName().toString(), reader.segment(), "names are in the order of records");
            }
            expected += SegmentBytes.read(segment).records().size();
        }
    }

    @Test
    void shouldKeepTheTimeOfAppending() {
        AtomicLong clock = new AtomicLong(1_000);
        try (JournalStore store = JournalStore.open(
                place.settings().clockMillis(clock::getAndIncrement).build())) {
            Records.append(store, 1, 3);
        }
        List<Long> times = Records.readAll(place.directory()).stream()
                .map(Records.Read::timeMillis)
                .toList();
        assertEquals(3, times.size());
        assertTrue(times.get(0) < times.get(1) && times.get(1) < times.get(2), times.toString());
        assertTrue(times.get(0) >= 1_000 && times.get(2) < 2_000, times.toString());
    }

    @Test
    void E16_secondInstanceIsRefused() {
        try (JournalStore store = place.open()) {
            JournalLockedException e = assertThrows(JournalLockedException.class, place::open);
            assertTrue(e.toString().contains(place.directory().toString()), e.getMessage());
            // The refused one must not have loosened the lock of the first.
            assertThrows(JournalLockedException.class, place::open);
            Records.append(store, 1, 10);
        }
        Records.assertHolds(place.directory(), 10);
    }

    @Test
    void E16_secondProcessIsRefused() throws Exception {
        try (JournalStore store = place.open()) {
            Records.append(store, 1, 10);
            Path file = place.directory().resolve(DirectoryLock.NAME);
            String python = """
                    import fcntl, sys
                    f = open(sys.argv[1], 'r+')
                    try:
                        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except OSError:
                        sys.exit(9)
                    """;
            Process process;
            try {
                process = new ProcessBuilder("python3", "-c", python, file.toString()).start();
            } catch (IOException e) {
                abort("skipped: no python3 to be the other process");
                return;
            }
            assertEquals(9, process.waitFor(), "the lock is seen by another process");
        }
    }

    @Test
    void shouldKeepItsFilesToTheirOwner() throws Exception {
        try (JournalStore store = place.open()) {
            Records.append(store, 1, 10);
            store.flush();
            assertOwnerOnly();
        }
        assertOwnerOnly();
    }

    private void assertOwnerOnly() throws IOException {
        try (Stream<Path> files = Files.walk(place.directory())) {
            for (Path file : files.toList()) {
                String mode = PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
                assertTrue(mode.endsWith("------"), file + " " + mode);
            }
        }
    }

    /** The files are Chronicle's, and its own tools can show them. */
    @Test
    void shouldWriteQueueFilesThatChronicleReads() {
        try (JournalStore store =
                JournalStore.open(place.settings().segmentBytes(50_000).build())) {
            Records.append(store, 1, 1000);
        }
        assertTrue(place.segments().size() > 3);
        Path copy = place.copy(temporary.resolve("copy")).directory();
        long count = 0;
        try (SingleChronicleQueue queue = SingleChronicleQueueBuilder.binary(copy.toFile())
                        .rollCycle(LegacyRollCycles.MINUTELY)
                        .build();
                ExcerptTailer tailer = queue.createTailer()) {
            boolean present = true;
            while (present) {
                try (DocumentContext document = tailer.readingDocument()) {
                    present = document.isPresent();
                    count += present ? 1 : 0;
                }
            }
        }
        assertEquals(1000, count);
    }

    @Test
    void shouldReportItsFigures() {
        try (JournalStore store = JournalStore.open(
                place.settings().syncInterval(Duration.ofMillis(1)).build())) {
            Records.append(store, 1, 100);
            Await.until(() -> store.syncedSequence() == 100, store::stats);
            StoreStats stats = store.stats();
            assertEquals(StoreState.RUNNING, stats.state());
            assertEquals("", stats.failure());
            assertEquals(100, stats.lastSequence());
            assertEquals(100, stats.writtenSequence());
            assertEquals(100, stats.syncedSequence());
            assertEquals(0, stats.ringOccupiedBytes());
            assertTrue(stats.ringPeakBytes() > 0);
            assertTrue(stats.bytes() > 100 * Frame.OVERHEAD_BYTES, stats.toString());
            assertEquals(0, stats.refusals() + stats.lost() + stats.waits());
        }
    }

    @Test
    void shouldRefuseSettingsThatCannotBe() {
        assertThrows(
                IllegalArgumentException.class,
                () -> place.settings().ringBytes(100_000).build());
        assertThrows(
                IllegalArgumentException.class,
                () -> place.settings().ringBytes(1 << 13).build());
        assertThrows(
                IllegalArgumentException.class,
                () -> place.settings().highWaterBytes(1 << 16).build());
        assertThrows(
                IllegalArgumentException.class,
                () -> place.settings().diskReserveBytes(1000).build());
        assertThrows(
                IllegalArgumentException.class,
                () -> place.settings().syncInterval(Duration.ZERO).build());
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class,
                () -> place.settings().segmentBytes(0).build());
        assertEquals("segmentBytes=0 min=1 max=1073741824", e.getMessage());
    }
}
