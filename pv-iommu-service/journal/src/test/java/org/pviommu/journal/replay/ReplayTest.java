package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.Seed;
import org.pviommu.journal.record.JournalRecord;

/** Whatever guests do, the journal tells it so that it can be done once more; and a crash anywhere leaves what was recorded. */
@Timeout(120)
class ReplayTest {
    private static final JournalRecord.ServiceStart START =
            new JournalRecord.ServiceStart(RandomGuest.LAST_BFN, true, "again");
    private static final JournalRecord.ServiceStart START_UNCUT =
            new JournalRecord.ServiceStart(RandomGuest.LAST_BFN, false, "again");

    private static JournalRecord.ServiceStart startLike(RandomGuest guests) {
        return guests.host.capabilities().cutsMappings() ? START : START_UNCUT;
    }

    private static ReplayReport replay(MemoryJournal journal) {
        try (Replayer replayer = Replayer.onEngine(journal.source())) {
            return replayer.run(Long.MAX_VALUE);
        }
    }

    static void assertSame(ReplayReport report, String context) {
        Difference difference = report.difference();
        assertNull(difference, () -> context + ": " + (difference == null ? "" : difference.describe()));
    }

    private static void assertReplays(RandomGuest guests, String context) {
        ReplayReport report = replay(guests.journal);
        assertSame(report, context);
        assertEquals(guests.journal.size(), report.records(), context);
        assertEquals(guests.digests(), report.guests(), context);
        assertEquals(0, report.openCalls(), context);
        assertEquals(0, report.recordsNotCompared(), context);
    }

    @Test
    void shouldReachTheSameStateWhateverGuestsDo() {
        for (int round = 0; round < 150; round++) {
            long seed = Seed.of("ReplayTest", round);
            try (RandomGuest guests = new RandomGuest(seed)) {
                steps(guests, 150);
                assertReplays(guests, "seed=" + seed);
            }
        }
    }

    @Test
    void shouldReachTheSameStateWithLongCalls() {
        RandomGuest.Habits habits = new RandomGuest.Habits(4, true, true, true);
        int slicesBeforeTheLast = 0;
        for (int round = 0; round < 12; round++) {
            long seed = Seed.of("ReplayTest.long", round);
            try (RandomGuest guests = new RandomGuest(seed, habits, new MemoryJournal())) {
                steps(guests, 40);
                assertReplays(guests, "seed=" + seed);
                slicesBeforeTheLast += guests.journal.count(SliceRecord.Part.SLICE_END);
            }
        }
        assertTrue(slicesBeforeTheLast > 5, "slicesBeforeTheLast=" + slicesBeforeTheLast);
    }

    /** E20 in small: twice the same, with a service that starts again in between. */
    @Test
    void E20_shouldReachTheSameStateEachTime() {
        long seed = Seed.of("ReplayTest.twice", 0);
        try (RandomGuest guests = new RandomGuest(seed)) {
            steps(guests, 400);

            assertEquals(replay(guests.journal), replay(guests.journal), "seed=" + seed);
        }
    }

    @Test
    void shouldStopWhereItIsTold() {
        try (RandomGuest guests = new RandomGuest(Seed.of("ReplayTest.until", 0))) {
            steps(guests, 60);
            try (Replayer replayer = Replayer.onEngine(guests.journal.source())) {
                assertEquals(10, replayer.run(10).lastSequence());
                assertEquals(10, replayer.run(10).records());
                ReplayReport report = replayer.run(Long.MAX_VALUE);
                assertSame(report, "in two steps");
                assertEquals(guests.digests(), report.guests());
            }
        }
    }

    // Crashes.

    @Test
    void E01_shouldLeaveWhatWasRecordedWhereverTheServiceDies() {
        for (int round = 0; round < 3; round++) {
            long seed = Seed.of("ReplayTest.everyRecord", round);
            MemoryJournal journal = new MemoryJournal();
            Snapshots snapshots = new Snapshots(journal);
            try (RandomGuest guests = new RandomGuest(seed, RandomGuest.Habits.WILD, journal)) {
                steps(guests, 100);
                for (int size : snapshots.sizes()) {
                    assertSurvives(guests, snapshots, size, "seed=" + seed + " size=" + size);
                }
            }
        }
    }

    @Test
    void E01_shouldLeaveWhatWasRecordedAtRandomPlaces() {
        Random random = new Random(Seed.of("ReplayTest.random", 0));
        for (int round = 0; round < 60; round++) {
            long seed = Seed.of("ReplayTest.anywhere", round);
            MemoryJournal journal = new MemoryJournal();
            Snapshots snapshots = new Snapshots(journal);
            try (RandomGuest guests = new RandomGuest(seed, RandomGuest.Habits.WILD, journal)) {
                steps(guests, 100);
                for (int cut = 0; cut < 4; cut++) {
                    int size = snapshots
                            .sizes()
                            .get(random.nextInt(snapshots.sizes().size()));
                    assertSurvives(guests, snapshots, size, "seed=" + seed + " size=" + size);
                }
            }
        }
    }

    @Test
    void E01_shouldLeaveWhatWasRecordedInTheMiddleOfLongCalls() {
        RandomGuest.Habits habits = new RandomGuest.Habits(4, true, true, true);
        for (int round = 0; round < 2; round++) {
            long seed = Seed.of("ReplayTest.longCrash", round);
            MemoryJournal journal = new MemoryJournal();
            Snapshots snapshots = new Snapshots(journal);
            try (RandomGuest guests = new RandomGuest(seed, habits, journal)) {
                steps(guests, 12);
                for (int size : snapshots.sizes()) {
                    assertSurvives(guests, snapshots, size, "seed=" + seed + " size=" + size);
                }
            }
        }
    }

    private static void steps(RandomGuest guests, int steps) {
        for (int step = 0; step < steps; step++) {
            guests.step();
        }
    }

    private static void assertSurvives(RandomGuest guests, Snapshots snapshots, int size, String context) {
        try (Replayer replayer = Replayer.onEngine(guests.journal.head(size).source())) {
            assertSame(replayer.run(Long.MAX_VALUE), context);
            replayer.restartHere(startLike(guests));

            snapshots.assertSurvived(size, Snapshots.pages(replayer.mappings()), context);
            Engine engine = assertNotNullEngine(replayer);
            assertEquals(
                    snapshots.livingAfterCrash(size),
                    new java.util.TreeSet<>(
                            engine.guests().stream().map(Guest::id).toList()),
                    context);
            for (Guest guest : engine.guests()) {
                assertEquals(0, guest.heldFrames(), context);
                guest.addressSpaces().forEach(space -> assertEquals(0, space.owedPages(), context));
            }
        }
    }

    private static Engine assertNotNullEngine(Replayer replayer) {
        Engine engine = replayer.engine();
        assertNotNull(engine);
        return java.util.Objects.requireNonNull(engine);
    }

    /** The service that starts again rebuilds by a replay and goes on from there, several times; one replay repeats all of it. */
    @Test
    void E01_shouldGoOnAfterEachCrash() {
        Random random = new Random(Seed.of("ReplayTest.goOn", 0));
        int records = 0;
        for (int round = 0; round < 40; round++) {
            long seed = Seed.of("ReplayTest.livesOn", round);
            MemoryJournal journal;
            JournalRecord.ServiceStart start;
            try (RandomGuest guests = new RandomGuest(seed)) {
                steps(guests, 60);
                journal = guests.journal.head(1 + random.nextInt(guests.journal.size()));
                start = startLike(guests);
            }
            for (int life = 0; life < 3; life++) {
                String context = "seed=" + seed + " life=" + life;
                int before = journal.size();
                journal = goOn(journal, start, seed + life, context);
                assertSame(replay(journal), context);
                records += journal.size() - before;
                journal = journal.head(Math.max(1, journal.size() - random.nextInt(30)));
            }
        }
        assertTrue(records > 40 * 3 * 20, "records=" + records);
    }

    /** One more life of the service, on the engine that the journal leads to. */
    static MemoryJournal goOn(MemoryJournal before, JournalRecord.ServiceStart start, long seed, String context) {
        MemoryJournal journal = before.head(before.size());
        try (Replayer replayer = Replayer.onEngine(before.source())) {
            assertSame(replayer.run(Long.MAX_VALUE), context);
            replayer.restartHere(start);
            journal.started(start);
            replayer.recordTo(guestId -> journal.log());
            Engine engine = assertNotNullEngine(replayer);
            try (RandomGuest guests = new RandomGuest(seed, engine, journal)) {
                steps(guests, 40);
                ReplayReport report = replay(journal);
                assertSame(report, context);
                assertEquals(guests.digests(), report.guests(), context);
            }
            return journal.head(journal.size()); // without the deaths at the end
        }
    }

    @Test
    void shouldRefuseToGoOnOnAnotherHost() {
        try (RandomGuest guests = new RandomGuest(Seed.of("ReplayTest.otherHost", 0))) {
            JournalRecord.ServiceStart start = startLike(guests);
            guests.journal.started(new JournalRecord.ServiceStart(start.lastBfn() - 1, start.cutsMappings(), "other"));

            ReplayReport report = replay(guests.journal);

            Difference difference = report.difference();
            assertNotNull(difference);
            assertEquals(guests.journal.size(), difference.sequence());
            assertTrue(difference.got().contains("lastBfn=4094"), difference.describe());
        }
    }

    @Test
    void shouldSayThatAJournalDoesNotBeginWithAStart() {
        try (RandomGuest guests = new RandomGuest(Seed.of("ReplayTest.noStart", 0))) {
            MemoryJournal headless = guests.journal.without(0);

            Difference difference = replay(headless).difference();

            assertNotNull(difference);
            assertTrue(difference.got().contains("does not begin with a start"), difference.describe());
        }
    }

    @Test
    void shouldKeepWhatTheRecordsOfACallThatIsUnderWayDid() {
        try (RandomGuest guests = new RandomGuest(Seed.of("ReplayTest.open", 0))) {
            int whole = guests.journal.size();
            guests.mapManyInOneCall(5000);
            assertEquals(whole + 2, guests.journal.size(), "two slices");

            assertEquals(1, replay(guests.journal.head(whole + 1)).openCalls());
            assertEquals(0, replay(guests.journal).openCalls());
            assertEquals(IommuOp.MAP_PAGE, ((JournalRecord.Slice) guests.journal.record(whole)).subOp());
        }
    }
}
