package org.pviommu.journal.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Catalogue E09 and E17: a disk without space, or that cannot be written. */
class FullDiskTest {

    private static final long DISK_BYTES = 8 << 20;

    @TempDir
    Path temporary;

    private Place place(Path disk) throws Exception {
        return new Place(
                disk.resolve("journal"),
                Files.createDirectories(temporary.resolve("ring")),
                Collections.synchronizedList(new ArrayList<>()));
    }

    /** Small segments: the disk is full when the next one should begin. Large ones: in the middle of one. */
    @ParameterizedTest
    @ValueSource(longs = {200_000, 64 << 20})
    void E09_fullDiskRefusesMapsFirstAndLosesNothing(long segmentBytes) throws Exception {
        Path mountPoint = temporary.resolve("disk");
        try (SmallDisk disk = new SmallDisk(mountPoint, DISK_BYTES)) {
            Place place = place(mountPoint);
            JournalSettings settings = place.settings()
                    .segmentBytes(segmentBytes)
                    .diskReserveBytes(1 << 20)
                    .syncInterval(Duration.ofMillis(5))
                    .reserveWait(Duration.ofMillis(5))
                    .build();
            try (JournalStore store = JournalStore.open(settings)) {
                Records.append(store, 1, 100);
                store.flush();
                disk.fill();
                long last = appendUntilFull(store, 100);
                assertFalse(store.reserve(1, 1, false), "maps are refused");
                assertEquals(0, store.tryAppend(1, Records.segment(new byte[1]), 1));

                long accepted = appendUntilRefused(store, last);

                assertTrue(accepted - last > 100, "removals went on for a while: " + (accepted - last));
                assertEquals(StoreState.DISK_FULL, store.stats().state());
                assertEquals(accepted, store.lastSequence());
                disk.free();
                Await.until(() -> store.stats().state() == StoreState.RUNNING, store::stats);
                store.flush();
                assertTrue(store.reserve(1, 1, false), "maps are accepted again");
                store.unreserve(1, 1);
                Records.append(store, accepted + 1, accepted + 100);
                store.flush();
                assertEquals(accepted + 100, store.writtenSequence());
            }
            VerifyReport report = JournalVerifier.verify(place.directory());
            assertTrue(report.ok(), report.toString());
            Records.assertHolds(place.directory(), report.lastSequence());
            assertTrue(
                    place.messages().toString().contains("no space"),
                    place.messages().toString());
            assertTrue(
                    place.messages().toString().contains("space again"),
                    place.messages().toString());
        }
    }

    private static long appendUntilFull(JournalStore store, long last) {
        long number = last;
        while (store.stats().state() == StoreState.RUNNING) {
            number++;
            Records.append(store, number, number);
        }
        return number;
    }

    private static long appendUntilRefused(JournalStore store, long last) {
        long number = last;
        int length = Records.lengthBytes(number + 1);
        while (store.reserve(1, length, true)) {
            number++;
            store.append(Records.kind(number), Records.segment(Records.payload(number, length)), length);
            length = Records.lengthBytes(number + 1);
        }
        return number;
    }

    @Test
    void E09_whatCannotBeMovedBeforeClosingIsInTheRing() throws Exception {
        Path mountPoint = temporary.resolve("disk");
        try (SmallDisk disk = new SmallDisk(mountPoint, DISK_BYTES)) {
            Place place = place(mountPoint);
            long accepted;
            try (JournalStore store = JournalStore.open(
                    place.settings().flushWait(Duration.ofMillis(200)).build())) {
                disk.fill();
                accepted = appendUntilRefused(store, appendUntilFull(store, 0));
            }
            JournalException e = assertThrows(JournalException.class, place::open);
            assertTrue(e.toString().contains("space"), e.getMessage());

            disk.free();
            try (JournalStore store = place.open()) {
                assertEquals(OpenReport.State.CRASHED, store.openReport().state());
                assertTrue(
                        store.openReport().drainedRecords() > 100,
                        store.openReport().toString());
            }
            Records.assertHolds(place.directory(), accepted);
        }
    }

    @Test
    void E09_startWithoutSpaceIsRefused() throws Exception {
        Path mountPoint = temporary.resolve("disk");
        try (SmallDisk disk = new SmallDisk(mountPoint, DISK_BYTES)) {
            disk.fill();
            Place place = place(mountPoint);

            JournalException e = assertThrows(JournalException.class, place::open);

            assertTrue(e.toString().contains(place.directory().toString()), e.getMessage());
            disk.free();
            try (JournalStore store = place.open()) {
                Records.append(store, 1, 10);
            }
            Records.assertHolds(place.directory(), 10);
        }
    }

    @Test
    void shouldRefuseToStartWithoutSpaceForTheRing() throws Exception {
        Path mountPoint = temporary.resolve("disk");
        try (SmallDisk disk = new SmallDisk(mountPoint, 1 << 20)) {
            Place place = new Place(temporary.resolve("journal"), disk.mountPoint(), new ArrayList<>());
            JournalSettings settings = place.settings()
                    .ringBytes(1 << 22)
                    .diskReserveBytes(4 << 20)
                    .build();

            JournalException e = assertThrows(JournalException.class, () -> JournalStore.open(settings));

            assertTrue(e.toString().contains("No space"), e.getMessage());
        }
    }

    @Test
    void E17_readOnlyDirectoryIsRefusedWithItsName() throws Exception {
        Path mountPoint = temporary.resolve("disk");
        try (SmallDisk disk = new SmallDisk(mountPoint, DISK_BYTES)) {
            Place place = place(mountPoint);
            try (JournalStore store = place.open()) {
                Records.append(store, 1, 10);
            }
            disk.makeReadOnly();

            JournalException e = assertThrows(JournalException.class, place::open);

            assertTrue(e.toString().contains(place.directory().toString()), e.getMessage());
            assertTrue(e.toString().contains("Read-only file system"), e.getMessage());
            Records.assertHolds(place.directory(), 10);
        }
    }
}
