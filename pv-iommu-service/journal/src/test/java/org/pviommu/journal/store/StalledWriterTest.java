package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk that stalls must not show in an append, and not lose anything either. The writer is stopped, not the clock. */
class StalledWriterTest {

    private static final int PAYLOAD_BYTES = 1000;

    @TempDir
    Path temporary;

    private Place place;
    private final WriterGate gate = new WriterGate();

    @BeforeEach
    void makePlace() {
        place = Place.in(temporary);
    }

    private JournalStore open() {
        return JournalStore.open(
                place.settings().reserveWait(Duration.ofMillis(20)).build(), gate);
    }

    private static int fill(JournalStore store, boolean removal) {
        int count = 0;
        while (store.reserve(1, PAYLOAD_BYTES, removal)) {
            store.append(1, Records.segment(new byte[PAYLOAD_BYTES]), PAYLOAD_BYTES);
            count++;
        }
        return count;
    }

    @Test
    void shouldAppendUpToTheHighWaterMarkWithoutWaiting() {
        try (JournalStore store = open()) {
            Records.append(store, 1, 1);
            gate.awaitStall();
            int below = (int) (store.stats().highWaterBytes() / JournalRing.costBytes(1, PAYLOAD_BYTES)) - 1;

            for (int i = 0; i < below; i++) {
                assertTrue(store.reserve(1, PAYLOAD_BYTES, false));
                store.append(1, Records.segment(new byte[PAYLOAD_BYTES]), PAYLOAD_BYTES);
            }

            assertEquals(0, store.stats().waits(), "nothing waited although nothing was written");
            assertEquals(0, store.writtenSequence());
            gate.open();
        }
    }

    @Test
    void shouldRefuseMapsFirstAndRemovalsLast() {
        try (JournalStore store = open()) {
            int maps = fill(store, false);
            StoreStats afterMaps = store.stats();
            assertEquals(1, afterMaps.refusals());
            assertEquals(1, afterMaps.waits());
            assertTrue(afterMaps.ringOccupiedBytes() <= afterMaps.highWaterBytes(), afterMaps.toString());

            int removals = fill(store, true);

            assertTrue(removals > 5, "removals=" + removals);
            assertFalse(store.reserve(1, 0, false));
            assertEquals(0, store.tryAppend(1, Records.segment(new byte[1]), 1));
            assertEquals(1, store.stats().lost());
            gate.open();
            store.flush();
            assertEquals(maps + removals, store.writtenSequence());
            assertTrue(store.reserve(1, PAYLOAD_BYTES, false), "there is room again");
            store.unreserve(1, PAYLOAD_BYTES);
            assertTrue(store.tryAppend(1, Records.segment(new byte[1]), 1) > 0);
        }
        assertEquals(OpenReport.State.CLEAN, openAndClose().state());
    }

    @Test
    void shouldWaitForTheWriterAboveTheHighWaterMark() {
        JournalSettings settings =
                place.settings().reserveWait(Duration.ofSeconds(60)).build();
        try (JournalStore store = JournalStore.open(settings, gate)) {
            long fitting = settings.highWaterBytes() / JournalRing.costBytes(1, PAYLOAD_BYTES);
            for (long i = 0; i < fitting; i++) {
                assertTrue(store.reserve(1, PAYLOAD_BYTES, false));
                store.append(1, Records.segment(new byte[PAYLOAD_BYTES]), PAYLOAD_BYTES);
            }
            Thread waiting = Thread.ofPlatform().start(() -> store.reserve(1, PAYLOAD_BYTES, false));
            Await.until(() -> store.stats().waits() > 0, store::stats);
            gate.open();
            Await.end(waiting);

            assertEquals(0, store.stats().refusals());
            assertEquals(1, store.stats().waits());
        }
    }

    @Test
    void shouldNotWaitForWhatCanNeverFit() {
        JournalSettings settings =
                place.settings().reserveWait(Duration.ofDays(1)).build();
        try (JournalStore store = JournalStore.open(settings, gate)) {
            assertFalse(store.reserve(1, settings.highWaterBytes(), false));
            gate.open();
        }
    }

    /** Catalogue E18: the upstream risk is another appender that rewrites the header of a stalled one. There is no other. */
    @Test
    void E18_nobodyWritesWhileTheWriterIsStalledInsideADocument() {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        StoreHooks stallInDocument = new StoreHooks() {
            @Override
            public void inDocument(long sequence) {
                if (sequence == 3) {
                    inside.countDown();
                    Await.zero(go);
                }
            }
        };
        try (JournalStore store = JournalStore.open(place.settings().build(), stallInDocument)) {
            Records.append(store, 1, 10);
            Await.zero(inside);

            assertThrows(JournalLockedException.class, place::open);
            assertEquals(2, Records.readAll(place.directory()).size(), "a reader sees what is complete");
            go.countDown();
        }
        Records.assertHolds(place.directory(), 10);
    }

    private OpenReport openAndClose() {
        try (JournalStore store = place.open()) {
            return store.openReport();
        }
    }
}
