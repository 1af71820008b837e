package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What fails while the journal runs: it stops taking records, says so, and the next start has all that was acknowledged. */
class FailureTest {

    @TempDir
    Path temporary;

    private Place place;

    @BeforeEach
    void makePlace() {
        place = Place.in(temporary);
    }

    private static void awaitFailure(JournalStore store) {
        Await.until(() -> store.stats().state() == StoreState.FAILED, store::stats);
    }

    private void assertStoppedWithoutLoss(JournalStore store, long last) {
        awaitFailure(store);
        assertFalse(store.reserve(1, 1, true), "no reservation after a failure");
        assertFalse(store.reserve(1, 1, false));
        if (store.writtenSequence() < last) {
            JournalException e = assertThrows(JournalException.class, store::flush);
            assertTrue(e.toString().contains("FAILED"), e.getMessage());
        }
        store.close();

        try (JournalStore again = place.open()) {
            assertEquals(OpenReport.State.CRASHED, again.openReport().state());
            assertEquals(last, again.openReport().lastSequence());
            Records.append(again, last + 1, last + 5);
        }
        Records.assertHolds(place.directory(), last + 5);
    }

    @Test
    void E04_exceptionInsideADocumentLeavesNoTornRecord() {
        StoreHooks failing = new StoreHooks() {
            @Override
            public void inDocument(long sequence) {
                if (sequence == 4) {
                    throw new IllegalStateException("planted");
                }
            }
        };
        JournalStore store = JournalStore.open(place.settings().build(), failing);
        Records.appendAtOnce(store, 1, 10);
        awaitFailure(store);

        Records.assertHolds(place.directory(), 3);
        VerifyReport report = JournalVerifier.verify(place.directory());
        assertEquals("", report.tornTail(), "the record was taken back, not left half written");
        assertStoppedWithoutLoss(store, 10);
    }

    @Test
    void E04_errorInsideADocumentLeavesNoTornRecord() {
        StoreHooks failing = new StoreHooks() {
            @Override
            public void inDocument(long sequence) {
                if (sequence == 4) {
                    throw new InternalError("planted: a page of the mapping is gone");
                }
            }
        };
        JournalStore store = JournalStore.open(place.settings().build(), failing);
        Records.appendAtOnce(store, 1, 10);
        awaitFailure(store);

        assertEquals("", JournalVerifier.verify(place.directory()).tornTail());
        assertStoppedWithoutLoss(store, 10);
    }

    @Test
    void E10_failedForceIsNeverTriedAgain() {
        AtomicInteger forced = new AtomicInteger();
        StoreHooks failing = new StoreHooks() {
            @Override
            public void force(FileChannel channel) throws IOException {
                forced.incrementAndGet();
                throw new IOException("Input/output error");
            }
        };
        JournalStore store = JournalStore.open(
                place.settings().syncInterval(Duration.ofMillis(1)).build(), failing);
        Records.appendAtOnce(store, 1, 10);
        awaitFailure(store);
        assertEquals(0, store.syncedSequence());

        assertTrue(
                store.stats().failure().contains("Input/output error"),
                store.stats().failure());
        assertStoppedWithoutLoss(store, 10);
        assertEquals(1, forced.get());
    }

    @Test
    void E21_recordThatReadsBackDifferentlyStopsTheJournal() {
        AtomicBoolean planted = new AtomicBoolean();
        StoreHooks spoiling = new StoreHooks() {
            @Override
            public void beforeReadBack(long sequence) {
                if (sequence == 4 && planted.compareAndSet(false, true)) {
                    spoilLastByte(place.lastSegment());
                }
            }
        };
        JournalStore store = JournalStore.open(place.settings().build(), spoiling);
        Records.appendAtOnce(store, 1, 10);
        awaitFailure(store);

        assertEquals(3, store.writtenSequence(), "what was not read back does not count as written");
        assertTrue(store.stats().failure().contains("sequence=4"), store.stats().failure());
        assertFalse(store.reserve(1, 1, true));
        store.close();
    }

    @Test
    void E21_recordThatCannotBeSeenIsNotCountedAsWritten() {
        AtomicBoolean hidden = new AtomicBoolean();
        StoreHooks hiding = new StoreHooks() {
            @Override
            public void beforeReadBack(long sequence) {
                if (sequence == 4 && hidden.compareAndSet(false, true)) {
                    spoilLastHeader(place.lastSegment());
                }
            }
        };
        JournalStore store = JournalStore.open(
                place.settings().flushWait(Duration.ofMillis(200)).build(), hiding);
        Records.appendAtOnce(store, 1, 10);
        Await.until(() -> store.stats().readBackDelays() > 0, store::stats);

        assertEquals(3, store.writtenSequence());
        store.close();
        assertTrue(place.messages().toString().contains("closed with records in ring"), "it stays in the ring");

        try (JournalStore again = place.open()) {
            assertEquals(OpenReport.State.CRASHED, again.openReport().state());
            assertEquals(7, again.openReport().drainedRecords());
        }
        Records.assertHolds(place.directory(), 10);
    }

    /** Changes the end of the last record through the file, under the queue's mapping. */
    private static void spoilLastByte(Path file) {
        change(file, record -> record.end() - 1);
    }

    private static void spoilLastHeader(Path file) {
        // The not-complete bit: Chronicle's reader then waits for the record to be completed.
        change(file, record -> record.begin() + 3);
    }

    private interface Where {
        long of(SegmentBytes.Document record);
    }

    private static void change(Path file, Where where) {
        SegmentBytes bytes = SegmentBytes.read(file);
        long at = where.of(bytes.records().getLast());
        try (FileChannel channel =
                FileChannel.open(file, java.nio.file.StandardOpenOption.READ, java.nio.file.StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            channel.read(one, at);
            one.put(0, (byte) (one.get(0) ^ 0x80)).rewind();
            channel.write(one, at);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
