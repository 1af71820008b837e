package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.Seed;
import org.pviommu.journal.record.JournalRecord;

/** The engine's journal, judged by a model that shares no code with it. */
@Timeout(120)
class ReplayModelTest {
    /** The host refuses something now and then, and never removes what it was not asked to. */
    private static final RandomGuest.Habits CLEAR = new RandomGuest.Habits(20, false, true, false);

    private long records;
    private long notCompared;

    private static Difference difference(MemoryJournal journal, String context) {
        try (Replayer replayer = Replayer.onModel(journal.source())) {
            Difference difference = replayer.run(Long.MAX_VALUE).difference();
            assertNotNull(difference, context);
            return Objects.requireNonNull(difference);
        }
    }

    /** Replays on both: where the model knows the state it is that of the engine. */
    private void assertAgree(MemoryJournal journal, String context) {
        try (Replayer engine = Replayer.onEngine(journal.source());
                Replayer model = Replayer.onModel(journal.source())) {
            ReplayReport expected = engine.run(Long.MAX_VALUE);
            ReplayReport report = model.run(Long.MAX_VALUE);
            ReplayTest.assertSame(report, context);
            Set<Integer> unknown = new TreeSet<>(report.unknownGuests());
            assertEquals(
                    expected.guests().stream()
                            .filter(guest -> !unknown.contains(guest.guestId()))
                            .toList(),
                    report.guests(),
                    context);
            Snapshots.assertSamePages(
                    known(Snapshots.pages(engine.mappings()), unknown),
                    known(Snapshots.pages(model.mappings()), unknown),
                    context);
            records += report.records();
            notCompared += report.recordsNotCompared();
        }
    }

    private static Set<Snapshots.Page> known(Set<Snapshots.Page> pages, Set<Integer> unknown) {
        return pages.stream().filter(page -> !unknown.contains(page.guestId())).collect(Collectors.toSet());
    }

    private static MemoryJournal journal(long seed, RandomGuest.Habits habits, int steps) {
        try (RandomGuest guests = new RandomGuest(seed, habits, new MemoryJournal())) {
            for (int step = 0; step < steps; step++) {
                guests.step();
            }
            return guests.journal.head(guests.journal.size()); // without the deaths at the end
        }
    }

    @Test
    void shouldAgreeWithTheEngine() {
        for (int round = 0; round < 80; round++) {
            long seed = Seed.of("ReplayModelTest", round);
            assertAgree(journal(seed, CLEAR, 150), "seed=" + seed);
        }
        System.out.println("ReplayModelTest: records=" + records + " notCompared=" + notCompared);
        assertTrue(notCompared * 20 < records, "records=" + records + " notCompared=" + notCompared);
    }

    @Test
    void shouldAgreeWithTheEngineInLongCalls() {
        for (int round = 0; round < 10; round++) {
            long seed = Seed.of("ReplayModelTest.long", round);
            assertAgree(journal(seed, new RandomGuest.Habits(20, false, true, true), 40), "seed=" + seed);
        }
        assertTrue(notCompared * 5 < records, "records=" + records + " notCompared=" + notCompared);
    }

    /** It may not know, but it must not blame the engine for what the host did. */
    @Test
    void shouldNotBlameTheEngineForAHostThatDoesAnything() {
        for (int round = 0; round < 60; round++) {
            long seed = Seed.of("ReplayModelTest.wild", round);
            assertAgree(journal(seed, RandomGuest.Habits.WILD, 150), "seed=" + seed);
        }
        System.out.println("ReplayModelTest.wild: records=" + records + " notCompared=" + notCompared);
        assertTrue(notCompared * 3 < records, "records=" + records + " notCompared=" + notCompared);
    }

    @Test
    void shouldAgreeOnWhatACrashLeaves() {
        Random random = new Random(Seed.of("ReplayModelTest.crash", 0));
        for (int round = 0; round < 16; round++) {
            long seed = Seed.of("ReplayModelTest.crashes", round);
            MemoryJournal journal = journal(seed, round % 2 == 0 ? CLEAR : RandomGuest.Habits.WILD, 80);
            JournalRecord.ServiceStart start = (JournalRecord.ServiceStart) journal.record(0);
            for (int life = 0; life < 3; life++) {
                journal = journal.head(Math.max(1, journal.size() - random.nextInt(40)));
                journal.started(start);
                assertAgree(journal, "seed=" + seed + " life=" + life);
                journal = ReplayTest.goOn(journal, start, seed + life, "seed=" + seed);
                assertAgree(journal, "seed=" + seed + " life=" + life);
            }
        }
        assertTrue(notCompared * 4 < records, "records=" + records + " notCompared=" + notCompared);
    }

    // It notices.

    /** A journal whose guests the model knows all the time. */
    private MemoryJournal comparedThroughout(String test) {
        for (int round = 0; round < 50; round++) {
            MemoryJournal journal = journal(Seed.of(test, round), CLEAR, 80);
            notCompared = 0;
            assertAgree(journal, test + " round=" + round);
            if (notCompared == 0) {
                return journal;
            }
        }
        throw new AssertionError("no journal is compared throughout");
    }

    @Test
    void shouldNoticeAChangedStatus() {
        MemoryJournal journal = comparedThroughout("ReplayModelTest.status");
        int checked = 0;
        for (int index = 0; index < journal.size(); index++) {
            if (!(journal.record(index) instanceof JournalRecord.Slice before) || isAmbiguous(before)) {
                continue;
            }
            List<byte[]> payloads = new ArrayList<>();
            List<JournalRecord.Slice> variants = ReplayDifferenceTest.variants(journal, index, payloads);
            for (int i = 0; i < variants.size(); i++) {
                int operation = ReplayDifferenceTest.changedStatus(before, variants.get(i));
                if (operation >= 0) {
                    String context = Describe.record(variants.get(i));
                    Difference difference = difference(journal.with(index, payloads.get(i)), context);
                    assertEquals(index + 1, difference.sequence(), context);
                    checked++;
                }
            }
        }
        assertTrue(checked > 100, "checked=" + checked);
    }

    /** The host refused something, and then the flush: an -EIO may be of either, so no mismatch is a proof there. */
    private static boolean isAmbiguous(JournalRecord.OfGuest record) {
        return record instanceof JournalRecord.Slice slice
                && slice.flush() == SliceRecord.Flush.FAILED
                && Refusals.of(List.of(slice)).any();
    }

    /** Digest, mapped pages or held frames: each bit of the state in each record. */
    @Test
    void shouldNoticeAChangedState() {
        MemoryJournal journal = comparedThroughout("ReplayModelTest.state");
        int checked = 0;
        for (int index = 0; index < journal.size(); index++) {
            if (journal.record(index) instanceof JournalRecord.OfGuest before && !isAmbiguous(before)) {
                byte[] changed = journal.payload(index).clone();
                int bit = index % (8 * Long.BYTES + 14); // the digest, and two short numbers
                int at = bit < 64 ? bit / 8 : bit < 71 ? 8 : 9;
                changed[2 + at] ^= (byte) (1 << (bit < 64 ? bit % 8 : (bit - 64) % 7));
                String context = "record=" + (index + 1);
                Difference difference = difference(journal.with(index, changed), context);
                assertEquals(index + 1, difference.sequence(), context);
                assertTrue(difference.what().startsWith("the state after it: "), difference.describe());
                checked++;
            }
        }
        assertTrue(checked > 40, "checked=" + checked);
    }

    @Test
    void shouldNoticeAFlushThatIsSaidToBeMissing() {
        MemoryJournal journal = comparedThroughout("ReplayModelTest.flush");
        int checked = 0;
        for (int index = 0; index < journal.size(); index++) {
            if (journal.record(index) instanceof JournalRecord.Slice before
                    && before.flush() == SliceRecord.Flush.DONE
                    && before.subOp() != IommuOp.FREE_CONTEXT) {
                List<byte[]> payloads = new ArrayList<>();
                List<JournalRecord.Slice> variants = ReplayDifferenceTest.variants(journal, index, payloads);
                for (int i = 0; i < variants.size(); i++) {
                    boolean rest = variants.get(i).runs().equals(before.runs())
                            && variants.get(i).state().equals(before.state());
                    if (rest && variants.get(i).flush() == SliceRecord.Flush.NONE) {
                        String context = Describe.record(variants.get(i));
                        assertEquals(
                                index + 1,
                                difference(journal.with(index, payloads.get(i)), context)
                                        .sequence(),
                                context);
                        checked++;
                    }
                }
            }
        }
        assertTrue(checked > 0, "checked=" + checked);
    }

    @Test
    void shouldSayWhichGuestItDoesNotCompare() {
        int unclear = 0;
        for (int round = 0; round < 60; round++) {
            MemoryJournal journal = journal(Seed.of("ReplayModelTest.unclear", round), RandomGuest.Habits.WILD, 80);
            try (Replayer model = Replayer.onModel(journal.source())) {
                ReplayReport report = model.run(Long.MAX_VALUE);
                for (int guestId : report.unknownGuests()) {
                    assertTrue(report.guests().stream().noneMatch(guest -> guest.guestId() == guestId));
                    assertTrue(report.recordsNotCompared() > 0);
                    unclear++;
                }
            }
        }
        assertTrue(unclear > 0, "a host that removes what it was not asked to leaves no guest unclear");
    }
}
