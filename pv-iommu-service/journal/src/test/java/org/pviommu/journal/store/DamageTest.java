package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are not what was written. Chronicle by itself notices none of this (catalogue, 5.2). */
class DamageTest {

    /** Big enough for the whole queue file with {@link #RECORDS} records to be a little over 64 KiB. */
    private static final int RECORDS = 240;

    @TempDir
    Path temporary;

    private Place place;

    @BeforeEach
    void makePlace() {
        place = Place.in(temporary);
    }

    /** A journal with one complete segment. */
    private void makeSealed() {
        try (JournalStore store = place.open()) {
            Records.append(store, 1, RECORDS);
        }
    }

    /** A journal whose process died after everything was written. */
    private Place makeCrashed(boolean synced) {
        Duration interval = synced ? Duration.ofMillis(1) : Duration.ofDays(1);
        try (JournalStore store =
                JournalStore.open(place.settings().syncInterval(interval).build())) {
            Records.append(store, 1, RECORDS);
            store.flush();
            Await.until(() -> !synced || store.syncedSequence() == RECORDS, store::stats);
            return place.copy(temporary.resolve("crashed"));
        }
    }

    /** The same, without the reserve and the hole behind the records: going through all bits would take too long. */
    private Place makeCrashedAndCut(boolean synced) {
        Place crashed = makeCrashed(synced);
        cutBehindRecords(crashed.lastSegment());
        return crashed;
    }

    private static void cutBehindRecords(Path file) {
        long end = SegmentBytes.read(file).records().getLast().end();
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.setLength(end + 100 & -4);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void xor(RandomAccessFile file, long at, int bits) throws IOException {
        file.seek(at);
        int before = file.read();
        file.seek(at);
        file.write(before ^ bits);
    }

    /** How a reader sees a journal: what is good, and the damage at its end, if any. */
    private static String read(Place place, int expected) {
        long good = 0;
        try (JournalReader reader = JournalReader.open(place.directory())) {
            while (reader.next()) {
                good++;
                Records.assertIsRecord(good, Records.read(reader));
            }
            return good == expected ? "complete" : "dropped: " + reader.tornTail();
        } catch (JournalDamagedException e) {
            assertTrue(e.sequence() <= good + 1, e + " after " + good);
            return "damaged";
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT) // long, and each in a directory of its own
    void E05_everyBitOfASealedSegmentCounts() throws Exception {
        makeSealed();
        Path segment = place.lastSegment();
        assertTrue(Files.size(segment) >= 1 << 16, "bytes=" + Files.size(segment));
        try (RandomAccessFile file = new RandomAccessFile(segment.toFile(), "rw")) {
            for (long at = 0; at < file.length(); at++) {
                for (int bit = 0; bit < 8; bit++) {
                    xor(file, at, 1 << bit);
                    VerifyReport report = JournalVerifier.verify(place.directory());
                    assertFalse(report.ok(), "byte=" + at + " bit=" + bit);
                    xor(file, at, 1 << bit);
                }
            }
        }
        assertTrue(JournalVerifier.verify(place.directory()).ok());
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT) // long, and each in a directory of its own
    void E05_everyBitOfAnUnsealedSegmentCountsOrChangesNothing() throws Exception {
        Place crashed = makeCrashedAndCut(true);
        Path segment = crashed.lastSegment();
        long end = SegmentBytes.read(segment).records().getLast().end();
        int detected = 0;
        try (RandomAccessFile file = new RandomAccessFile(segment.toFile(), "rw")) {
            for (long at = 0; at < file.length(); at++) {
                for (int bit = 0; bit < 8; bit++) {
                    xor(file, at, 1 << bit);
                    VerifyReport report = JournalVerifier.verify(crashed.directory());
                    assertTrue(!report.ok() || report.records() == RECORDS, "byte=" + at + " bit=" + bit + report);
                    detected += report.ok() ? 0 : 1;
                    xor(file, at, 1 << bit);
                }
            }
        }
        long recordBits = (end - SegmentBytes.read(segment).records().getFirst().begin()) * 8;
        assertTrue(detected > recordBits * 9 / 10, "detected=" + detected + " bits of records=" + recordBits);
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT) // long, and each in a directory of its own
    void E05_aReaderNeverReturnsWhatWasNotWritten() throws Exception {
        Place crashed = makeCrashedAndCut(false);
        Path segment = crashed.lastSegment();
        SegmentBytes.Document first = SegmentBytes.read(segment).records().getFirst();
        SegmentBytes.Document last = SegmentBytes.read(segment).records().getLast();
        try (RandomAccessFile file = new RandomAccessFile(segment.toFile(), "rw")) {
            for (long at = 0; at < last.end(); at += at < first.begin() ? 1 : 3) {
                for (int bit = 0; bit < 8; bit++) {
                    xor(file, at, 1 << bit);
                    String seen = read(crashed, RECORDS);
                    assertTrue(!seen.equals("dropped: ") || at >= last.begin(), "byte=" + at + " bit=" + bit + seen);
                    xor(file, at, 1 << bit);
                }
            }
        }
        assertEquals("complete", read(crashed, RECORDS));
    }

    /** A longer index would reach over the records into the zeroes behind them, and the journal would just be empty. */
    @Test
    void E05_lengthOfAnIndexCannotHideRecords() throws Exception {
        Place crashed = makeCrashed(false);
        Path segment = crashed.lastSegment();
        try (RandomAccessFile file = new RandomAccessFile(segment.toFile(), "rw")) {
            for (SegmentBytes.Document index : SegmentBytes.read(segment).indexes()) {
                for (int bit = 0; bit < 32; bit++) {
                    long at = index.begin() + bit / 8;
                    xor(file, at, 1 << bit % 8);
                    VerifyReport report = JournalVerifier.verify(crashed.directory());
                    // The lowest bits vanish in the alignment of the next header.
                    String seen = report.ok() && report.records() == RECORDS ? "complete" : "damaged";
                    assertEquals(report.ok(), seen.equals("complete"), "byte=" + at + " bit=" + bit % 8 + report);
                    assertEquals(seen, read(crashed, RECORDS));
                    xor(file, at, 1 << bit % 8);
                }
            }
        }
    }

    /** Without a high-water mark and without a ring, nothing but the last record itself can tell; it must not vanish silently. */
    @Test
    void E05_everyBitOfTheLastRecordIsReportedWhenItIsDropped() throws Exception {
        Place crashed = makeCrashedAndCut(false);
        crashed.deleteRing();
        Path segment = crashed.lastSegment();
        SegmentBytes.Document last = SegmentBytes.read(segment).records().getLast();
        try (RandomAccessFile file = new RandomAccessFile(segment.toFile(), "rw")) {
            for (long at = last.begin(); at < last.end(); at++) {
                for (int bit = 0; bit < 8; bit++) {
                    xor(file, at, 1 << bit);
                    VerifyReport report = JournalVerifier.verify(crashed.directory());
                    String where = "byte=" + at + " bit=" + bit + " " + report;
                    assertTrue(!report.ok() || !report.tornTail().isEmpty(), where);
                    xor(file, at, 1 << bit);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 512, 4096})
    void E06_zeroedPiecesInTheMiddle(int lengthBytes) throws Exception {
        Place crashed = makeCrashed(false);
        Path segment = crashed.lastSegment();
        byte[] good = Files.readAllBytes(segment);
        List<SegmentBytes.Document> records = SegmentBytes.read(segment).records();
        int first = lengthBytes == 4 ? RECORDS / 2 : 1;
        for (int number = first; number < RECORDS / 2 + 3; number += 10) {
            long at = records.get(number).begin() & -Math.min(lengthBytes, 4);
            byte[] bad = good.clone();
            Arrays.fill(bad, (int) at, (int) at + lengthBytes, (byte) 0);
            Files.write(segment, bad);

            JournalDamagedException e = assertThrows(JournalDamagedException.class, crashed::open);

            assertEquals(number + 1, e.sequence(), e.getMessage());
            assertEquals(segment.getFileName().toString(), e.file());
            assertEquals("damaged", read(crashed, RECORDS));
            assertEquals(number, JournalVerifier.verify(crashed.directory()).records());
        }
        Files.write(segment, good);
        assertEquals(RECORDS, openAndClose(crashed).lastSequence());
    }

    @ParameterizedTest
    @ValueSource(ints = {1 << 16, 1 << 29, ChronicleFormat.LENGTH_MASK, 1, 33})
    void E07_wrongLengthIsDamage(int lengthBytes) throws Exception {
        Place crashed = makeCrashed(false);
        Path segment = crashed.lastSegment();
        long at = SegmentBytes.read(segment).records().get(RECORDS / 2).begin();
        try (RandomAccessFile file = new RandomAccessFile(segment.toFile(), "rw")) {
            file.seek(at);
            file.writeInt(Integer.reverseBytes(lengthBytes));
        }

        JournalDamagedException e = assertThrows(JournalDamagedException.class, crashed::open);

        assertEquals(RECORDS / 2 + 1, e.sequence());
        assertEquals("damaged", read(crashed, RECORDS));
    }

    @Test
    void E08_truncationInsideTheLastRecordDropsItAndNothingElse() throws Exception {
        Place crashed = makeCrashedAndCut(false);
        crashed.deleteRing();
        Path segment = crashed.lastSegment();
        byte[] good = Files.readAllBytes(segment);
        SegmentBytes.Document last = SegmentBytes.read(segment).records().getLast();
        for (long length = last.begin(); length < last.end(); length++) {
            Files.write(segment, Arrays.copyOf(good, (int) length));
            VerifyReport report = JournalVerifier.verify(crashed.directory());
            assertTrue(report.ok(), report.toString());
            assertEquals(RECORDS - 1, report.lastSequence());
            // Cut exactly between records there is nothing to report.
            assertEquals(length == last.begin(), report.tornTail().isEmpty(), "length=" + length + report);
            if (length % 16 == 0) {
                assertDropsAndGoesOn(crashed.copy(temporary.resolve("cut" + length)), length > last.begin());
            }
        }
    }

    @Test
    void shouldSayThatTheRingIsGone() {
        Place crashed = makeCrashed(false);
        crashed.deleteRing();
        OpenReport report = openAndClose(crashed);

        assertTrue(report.ringLost());
        assertTrue(crashed.messages().toString().contains("ring of the last process is gone"), report.toString());
        Records.assertHolds(crashed.directory(), RECORDS);
    }

    private static void assertDropsAndGoesOn(Place cut, boolean reported) {
        try (JournalStore store = cut.open()) {
            OpenReport report = store.openReport();
            assertEquals(RECORDS - 1, report.lastSequence());
            assertEquals(reported, report.messages().toString().contains("not complete: file"), report.toString());
            assertEquals(report.messages(), cut.messages());
            Records.append(store, RECORDS, RECORDS + 10);
        }
        Records.assertHolds(cut.directory(), RECORDS + 10);
    }

    @Test
    void E08_truncationOfWhatTheRingSawIsDamage() throws Exception {
        Place crashed = makeCrashed(false);
        Path segment = crashed.lastSegment();
        long begin = SegmentBytes.read(segment).records().getLast().begin();
        Files.write(segment, Arrays.copyOf(Files.readAllBytes(segment), (int) begin));

        JournalDamagedException e = assertThrows(JournalDamagedException.class, crashed::open);

        assertEquals(RECORDS, e.sequence());
        assertTrue(e.toString().contains("had been written up to sequence=" + RECORDS), e.getMessage());
    }

    @Test
    void E08_truncationBelowTheHighWaterMarkIsDamage() throws Exception {
        Place crashed = makeCrashed(true);
        crashed.deleteRing();
        Path segment = crashed.lastSegment();
        long end = SegmentBytes.read(segment).records().getLast().end();
        Files.write(segment, Arrays.copyOf(Files.readAllBytes(segment), (int) end - 1));

        assertThrows(JournalDamagedException.class, crashed::open);
        assertEquals("damaged", read(crashed, RECORDS));
        assertEquals(RECORDS, JournalVerifier.verify(crashed.directory()).highWater());
    }

    private Place makeThreeSegments() {
        for (int round = 0; round < 3; round++) {
            try (JournalStore store = place.open()) {
                Records.append(store, round * 10L + 1, round * 10L + 10);
            }
        }
        return place;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void E13_missingSegment(int which) throws Exception {
        makeThreeSegments();
        Path gone = place.segments().get(which);
        Files.delete(gone);

        JournalDamagedException e = assertThrows(JournalDamagedException.class, place::open);

        assertEquals(gone.getFileName().toString(), e.file());
        assertEquals(which * 10L + 1, e.sequence());
        assertThrows(JournalDamagedException.class, () -> Records.readAll(place.directory()));
    }

    @Test
    void E13_missingOpenSegment() throws Exception {
        Place crashed = makeCrashed(false);
        crashed.deleteRing();
        Files.delete(crashed.lastSegment());

        JournalDamagedException e = assertThrows(JournalDamagedException.class, crashed::open);

        assertEquals(1, e.sequence());
        assertTrue(e.toString().contains("missing"), e.getMessage());
    }

    @Test
    void E13_extraSegment() throws Exception {
        makeThreeSegments();
        Path extra = place.directory().resolve("29991231-2359.cq4");
        Files.copy(place.segments().getFirst(), extra);

        JournalDamagedException e = assertThrows(JournalDamagedException.class, place::open);

        assertEquals("29991231-2359.cq4", e.file());
    }

    @Test
    void E13_segmentOfAnotherJournal() throws Exception {
        makeThreeSegments();
        Place other = Place.in(temporary.resolve("other"));
        try (JournalStore store = other.open()) {
            Records.append(store, 1, 10);
        }
        Path replaced = place.segments().getFirst();
        Files.copy(other.lastSegment(), replaced, StandardCopyOption.REPLACE_EXISTING);

        JournalDamagedException e = assertThrows(JournalDamagedException.class, place::open);

        assertEquals(replaced.getFileName().toString(), e.file());
        assertEquals(1, e.sequence(), "the very first record does not fit: " + e.getMessage());
    }

    @Test
    void E13_exchangedSegments() throws Exception {
        makeThreeSegments();
        Path first = place.segments().get(0);
        Path second = place.segments().get(1);
        Path aside = temporary.resolve("aside");
        Files.move(first, aside);
        Files.move(second, first);
        Files.move(aside, second);

        assertThrows(JournalDamagedException.class, place::open);
    }

    @Test
    void E13_frameOfAnotherVersion() throws Exception {
        Place crashed = makeCrashed(false);
        Path segment = crashed.lastSegment();
        long at = SegmentBytes.read(segment).records().getFirst().begin() + 4 + Frame.VERSION_OFFSET;
        try (RandomAccessFile file = new RandomAccessFile(segment.toFile(), "rw")) {
            file.seek(at);
            file.write(Frame.VERSION + 1);
        }

        JournalDamagedException e = assertThrows(JournalDamagedException.class, crashed::open);

        assertTrue(e.toString().contains("version=2 known=1"), e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"delete", "zero", "garbage"})
    void E14_chroniclesMetadataDoesNotMatter(String how) throws Exception {
        Place crashed = makeCrashed(false);
        Path metadata = crashed.directory().resolve("open").resolve("metadata.cq4t");
        assertTrue(Files.exists(metadata));
        switch (how) {
            case "delete" -> Files.delete(metadata);
            case "zero" -> Files.write(metadata, new byte[(int) Files.size(metadata)]);
            default -> Files.write(metadata, Records.payload(1, (int) Files.size(metadata)));
        }

        assertEquals(RECORDS, openAndClose(crashed).lastSequence());
        Records.assertHolds(crashed.directory(), RECORDS);
    }

    @ParameterizedTest
    @ValueSource(strings = {Manifest.NAME, HighWater.NAME})
    void shouldRefuseAJournalWithoutItsOwnFiles(String name) throws Exception {
        makeThreeSegments();
        Files.delete(place.directory().resolve(name));

        JournalDamagedException e = assertThrows(JournalDamagedException.class, place::open);

        assertEquals(name, e.file());
    }

    @Test
    void shouldNoticeEveryBitOfTheManifest() throws Exception {
        makeThreeSegments();
        try (RandomAccessFile file =
                new RandomAccessFile(place.directory().resolve(Manifest.NAME).toFile(), "rw")) {
            for (long at = 0; at < file.length(); at++) {
                for (int bit = 0; bit < 8; bit++) {
                    xor(file, at, 1 << bit);
                    assertFalse(JournalVerifier.verify(place.directory()).ok(), "byte=" + at + " bit=" + bit);
                    xor(file, at, 1 << bit);
                }
            }
        }
    }

    @Test
    void shouldLiveWithOneBadSlotOfTheHighWaterFile() throws Exception {
        makeThreeSegments();
        Path file = place.directory().resolve(HighWater.NAME);
        byte[] good = Files.readAllBytes(file);
        for (int slot = 0; slot < 2; slot++) {
            byte[] bad = good.clone();
            bad[slot * 512 + 17] ^= 1;
            Files.write(file, bad);
            assertTrue(JournalVerifier.verify(place.directory()).ok());
        }
        byte[] both = good.clone();
        both[17] ^= 1;
        both[512 + 17] ^= 1;
        Files.write(file, both);
        VerifyReport.Damage damage = JournalVerifier.verify(place.directory()).damage();
        assertNotNull(damage);
        assertEquals(HighWater.NAME, damage.file());
    }

    @Test
    void shouldReadUpToTheDamage() throws Exception {
        makeThreeSegments();
        Path second = place.segments().get(1);
        long at = SegmentBytes.read(second).records().get(4).begin() + 20;
        try (RandomAccessFile file = new RandomAccessFile(second.toFile(), "rw")) {
            xor(file, at, 4);
        }
        List<Records.Read> good = new ArrayList<>();
        JournalDamagedException e;
        try (JournalReader reader = JournalReader.open(place.directory())) {
            e = assertThrows(JournalDamagedException.class, () -> {
                while (reader.next()) {
                    good.add(Records.read(reader));
                }
            });
        }

        assertEquals(14, good.size());
        assertEquals(15, e.sequence());
        assertEquals(second.getFileName().toString(), e.file());
    }

    @Test
    void shouldRemoveAnEmptySegmentThatACrashLeftBehind() throws Exception {
        Place crashed = makeCrashed(false);
        Path left = crashed.directory().resolve("open").resolve("29991231-2359.cq4");
        byte[] good = Files.readAllBytes(crashed.lastSegment());
        int records = (int)
                SegmentBytes.read(crashed.lastSegment()).records().getFirst().begin();
        Files.write(left, Arrays.copyOf(Arrays.copyOf(good, records), good.length));

        assertEquals(RECORDS, openAndClose(crashed).lastSequence());
        assertFalse(Files.exists(left));
        assertTrue(
                crashed.messages().toString().contains("29991231-2359.cq4"),
                crashed.messages().toString());
    }

    private static OpenReport openAndClose(Place place) {
        try (JournalStore store = place.open()) {
            return store.openReport();
        }
    }
}
