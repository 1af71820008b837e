package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.journal.Seed;

/**
 * The machine loses its power: the ring is gone, and of what was written since the last forced write the disk has any
 * sectors, or none. What was forced must be there, and nothing may be read that was not written.
 *
 * <p>A file system that loses unforced writes on demand (LazyFS) needs FUSE; here the files are put together from two
 * copies instead, one made after a forced write and one made later.
 */
class PowerLossTest {
    private static final int SECTOR_BYTES = 512;
    private static final int FORCED = 120;
    private static final int WRITTEN = 240;
    private static final int ROUNDS = 60;

    @TempDir
    Path temporary;

    private Place forced;
    private Place written;

    @BeforeEach
    void makeJournal() {
        Place place = Place.in(temporary);
        try (JournalStore store = JournalStore.open(
                place.settings().syncInterval(Duration.ofMillis(1)).build())) {
            Records.append(store, 1, FORCED);
            store.flush();
            Await.until(() -> store.syncedSequence() == FORCED, store::stats);
            forced = place.copy(temporary.resolve("forced"));
            Records.append(store, FORCED + 1, WRITTEN);
            store.flush();
            written = place.copy(temporary.resolve("written"));
        }
        assertEquals(1, written.segments().size(), "one file, so that it can be mixed");
    }

    /** All small files are those of the forced write; of the queue file, the sectors that {@code reached} the disk are newer. */
    private Place lose(String name, IntPredicate reached) throws IOException {
        Place lost = forced.copy(temporary.resolve(name));
        lost.deleteRing();
        byte[] after = Files.readAllBytes(written.lastSegment());
        byte[] before = Arrays.copyOf(Files.readAllBytes(forced.lastSegment()), after.length);
        for (int at = 0; at < after.length; at += SECTOR_BYTES) {
            int length = Math.min(SECTOR_BYTES, after.length - at);
            if (reached.test(at)) {
                System.arraycopy(after, at, before, at, length);
            }
        }
        Files.write(lost.lastSegment(), before);
        return lost;
    }

    private IntPredicate before(Random random) {
        int begin = (int)
                SegmentBytes.read(forced.lastSegment()).records().getLast().end();
        int end = (int)
                SegmentBytes.read(written.lastSegment()).records().getLast().end();
        int limit = random.nextInt(begin, end);
        return at -> at < limit;
    }

    private static IntPredicate sometimes(Random random, int oneIn) {
        return at -> random.nextInt(oneIn) == 0;
    }

    /** How many good records a reader sees; each is compared with what was written. */
    private static long readable(Place place) {
        long good = 0;
        try (JournalReader reader = JournalReader.open(place.directory())) {
            while (reader.next()) {
                good++;
                Records.assertIsRecord(good, Records.read(reader));
            }
        } catch (JournalDamagedException damaged) {
            assertEquals(good + 1, damaged.sequence(), damaged.toString());
        }
        return good;
    }

    @Test
    void E11_whatWasForcedSurvivesTheLossOfAllThatWasNot() throws IOException {
        Place lost = lose("all", at -> false);

        try (JournalStore store = lost.open()) {
            assertEquals(FORCED, store.lastSequence());
            assertTrue(store.openReport().ringLost());
            Records.append(store, FORCED + 1, FORCED + 10);
        }
        Records.assertHolds(lost.directory(), FORCED + 10);
    }

    @Test
    void E12_sectorsThatReachedTheDiskInAnyOrderAreFoundOrDropped() throws IOException {
        Random random = new Random(Seed.of("PowerLossTest", 0));
        int refused = 0;
        int dropped = 0;
        for (int round = 0; round < ROUNDS; round++) {
            Place lost = lose("some" + round, round % 2 == 0 ? before(random) : sometimes(random, 1 + round % 3));
            long readable = readable(lost);
            assertTrue(readable >= FORCED, "readable=" + readable);
            try (JournalStore store = lost.open()) {
                long kept = store.lastSequence();
                assertTrue(kept >= FORCED && kept <= readable, "kept=" + kept + " readable=" + readable);
                dropped += kept < WRITTEN ? 1 : 0;
                Records.append(store, kept + 1, kept + 3);
            } catch (JournalDamagedException damaged) {
                assertTrue(damaged.sequence() > FORCED, damaged.toString());
                refused++;
                continue;
            }
            assertTrue(readable(lost) >= FORCED + 3);
        }
        assertTrue(refused > 5 && dropped > 5, "refused=" + refused + " dropped=" + dropped);
    }

    /** The mark is ahead of the file: the disk had said that it had forced what it had not. */
    @Test
    void E11_aDiskThatLiedIsFoundOut() throws IOException {
        Place lost = lose("lied", at -> false);
        Path closedLater = temporary.resolve("journal");
        Files.copy(
                closedLater.resolve(HighWater.NAME),
                lost.directory().resolve(HighWater.NAME),
                StandardCopyOption.REPLACE_EXISTING);

        JournalDamagedException damaged = assertThrows(JournalDamagedException.class, lost::open);

        assertEquals(FORCED + 1, damaged.sequence());
    }
}
