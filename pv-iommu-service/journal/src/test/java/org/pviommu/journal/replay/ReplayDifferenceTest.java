package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.Seed;
import org.pviommu.journal.record.BadRecordException;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.record.RecordKind;
import org.pviommu.journal.record.Run;

/** One thing in one record is changed: the replay says where, and what. */
@Timeout(120)
class ReplayDifferenceTest {
    static MemoryJournal journal(long seed, int steps) {
        try (RandomGuest guests = new RandomGuest(seed)) {
            for (int step = 0; step < steps; step++) {
                guests.step();
            }
            return guests.journal.head(guests.journal.size()); // without the deaths at the end
        }
    }

    private static Difference difference(MemoryJournal journal) {
        try (Replayer replayer = Replayer.onEngine(journal.source())) {
            Difference difference = replayer.run(Long.MAX_VALUE).difference();
            assertNotNull(difference);
            return Objects.requireNonNull(difference);
        }
    }

    /** Each content that differs from that of record {@code index} in one bit and can be decoded. */
    static List<JournalRecord.Slice> variants(MemoryJournal journal, int index, List<byte[]> payloads) {
        List<JournalRecord.Slice> variants = new ArrayList<>();
        byte[] original = journal.payload(index);
        for (int bit = 0; bit < original.length * 8; bit++) {
            byte[] changed = original.clone();
            changed[bit / 8] ^= (byte) (1 << bit % 8);
            try {
                JournalRecord record = RecordDecoder.decode(RecordKind.SLICE.number(), MemorySegment.ofArray(changed));
                variants.add((JournalRecord.Slice) record);
                payloads.add(changed);
            } catch (BadRecordException refused) {
                // not what this test is about
            }
        }
        return variants;
    }

    /** {@code run} as it would be with that status. */
    private static Run withStatus(Run run, int status) {
        return new Run(run.count(), run.kind(), run.bfn(), run.mfn(), run.flags(), run.pages(), run.nrDone(), status);
    }

    /** Number of the first operation of the only run that differs, and only in its status; -1 when it is something else. */
    static int changedStatus(JournalRecord.Slice before, JournalRecord.Slice after) {
        int found = -1;
        int operation = 0;
        if (before.runs().size() != after.runs().size() || !before.state().equals(after.state())) {
            return -1;
        }
        for (int i = 0; i < before.runs().size(); i++) {
            Run a = before.runs().get(i);
            Run b = after.runs().get(i);
            if (!a.equals(b)) {
                if (found >= 0 || !b.equals(withStatus(a, b.status()))) {
                    return -1;
                }
                found = operation;
            }
            operation += a.count();
        }
        return found;
    }

    @Test
    void shouldReportAChangedStatusWithItsOperation() {
        long seed = Seed.of("ReplayDifferenceTest.status", 0);
        MemoryJournal journal = journal(seed, 60);
        Random random = new Random(seed);
        int checked = 0;
        for (int index = 0; index < journal.size(); index++) {
            if (!(journal.record(index) instanceof JournalRecord.Slice before)) {
                continue;
            }
            List<byte[]> payloads = new ArrayList<>();
            List<JournalRecord.Slice> variants = variants(journal, index, payloads);
            for (int i = 0; i < variants.size(); i++) {
                int operation = changedStatus(before, variants.get(i));
                if (operation >= 0 && random.nextInt(20) == 0) {
                    String context = "seed=" + seed + " record=" + (index + 1) + " " + variants.get(i);
                    Difference difference = difference(journal.with(index, payloads.get(i)));
                    assertEquals(index + 1, difference.sequence(), context);
                    assertTrue(
                            difference.what().startsWith("operation " + operation + ": expected "),
                            context + "\n" + difference.describe());
                    assertEquals(Describe.record(variants.get(i)), difference.expected(), context);
                    assertEquals(Describe.record(before), difference.got(), context);
                    checked++;
                }
            }
        }
        assertTrue(checked > 20, "checked=" + checked);
    }

    @Test
    void shouldReportAChangedState() {
        long seed = Seed.of("ReplayDifferenceTest.state", 0);
        MemoryJournal journal = journal(seed, 60);
        int checked = 0;
        for (int index = 0; index < journal.size(); index++) {
            if (!(journal.record(index) instanceof JournalRecord.OfGuest before)) {
                continue;
            }
            byte[] changed = journal.payload(index).clone();
            int digest = 2; // after guest and an empty text
            changed[digest + index % 8] ^= (byte) (1 << index % 7);
            Difference difference = difference(journal.with(index, changed));
            assertEquals(index + 1, difference.sequence(), "seed=" + seed);
            assertTrue(
                    difference.what().startsWith("the state after it: expected digest=")
                            && difference.what().contains("got " + before.state()),
                    difference.describe());
            checked++;
        }
        assertTrue(checked > 40, "checked=" + checked);
    }

    @Test
    void shouldReportAChangedBusFrame() {
        int checked = 0;
        for (int round = 0; round < 5; round++) {
            checked += reportChangedBusFrames(Seed.of("ReplayDifferenceTest.bfn", round));
        }
        assertTrue(checked > 20, "checked=" + checked);
    }

    private static int reportChangedBusFrames(long seed) {
        MemoryJournal journal = journal(seed, 60);
        int checked = 0;
        for (int index = 0; index < journal.size(); index++) {
            if (!(journal.record(index) instanceof JournalRecord.Slice before)
                    || before.subOp() != IommuOp.MAP_PAGE
                    || before.runs().isEmpty()
                    || before.runs().getLast().status() != IommuStatus.OK) {
                continue;
            }
            List<byte[]> payloads = new ArrayList<>();
            List<JournalRecord.Slice> variants = variants(journal, index, payloads);
            for (int i = 0; i < variants.size() && checked < 20; i++) {
                JournalRecord.Slice after = variants.get(i);
                if (lastBfnOnly(before, after)) {
                    Difference difference = difference(journal.with(index, payloads.get(i)));
                    assertEquals(index + 1, difference.sequence(), "seed=" + seed + " " + after);
                    assertEquals(Describe.record(after), difference.expected());
                    checked++;
                }
            }
        }
        return checked;
    }

    /** Whether they differ only in where the last run is mapped. */
    private static boolean lastBfnOnly(JournalRecord.Slice before, JournalRecord.Slice after) {
        int last = before.runs().size() - 1;
        if (after.runs().size() != last + 1 || !before.state().equals(after.state())) {
            return false;
        }
        Run a = before.runs().get(last);
        Run b = after.runs().get(last);
        Run moved = new Run(a.count(), a.kind(), b.bfn(), a.mfn(), a.flags(), a.pages(), a.nrDone(), a.status());
        return before.runs().subList(0, last).equals(after.runs().subList(0, last))
                && a.bfn() != b.bfn()
                && b.equals(moved);
    }

    @Test
    void shouldReportARecordThatIsMissing() {
        long seed = Seed.of("ReplayDifferenceTest.missing", 0);
        MemoryJournal journal = journal(seed, 60);
        int noticed = 0;
        for (int index = 1; index < journal.size(); index++) {
            try (Replayer replayer = Replayer.onEngine(journal.without(index).source())) {
                Difference difference = replayer.run(Long.MAX_VALUE).difference();
                noticed += difference == null ? 0 : 1;
            }
        }
        // One that changed nothing cannot be missed; the chain of the store finds those.
        assertTrue(noticed > journal.size() / 5, "noticed=" + noticed + " of " + journal.size());
    }

    @Test
    void shouldReportARecordThatTheEngineRefuses() {
        MemoryJournal journal = journal(Seed.of("ReplayDifferenceTest.refused", 0), 0);

        Difference difference = difference(journal.with(2, journal.payload(3))); // memory registered a second time

        assertEquals(4, difference.sequence());
        assertEquals("the engine refuses it", difference.what());
        assertTrue(difference.got().contains("overlap"), difference.got());
        assertTrue(difference.expected().contains("registered mfns"), difference.expected());
    }

    @Test
    void shouldReportARecordTooMany() {
        MemoryJournal journal = journal(Seed.of("ReplayDifferenceTest.twice", 0), 0);
        // The first guest's arrival once more, in place of its memory.
        Difference difference = difference(journal.with(2, journal.payload(1)));

        assertEquals(3, difference.sequence());
        assertTrue(difference.got().contains("is in use"), difference.describe());
    }

    @Test
    void shouldNotGoOnAfterADifference() {
        MemoryJournal journal = journal(Seed.of("ReplayDifferenceTest.stop", 0), 30);
        byte[] changed = journal.payload(4).clone();
        changed[2] ^= 1;
        try (Replayer replayer = Replayer.onEngine(journal.with(4, changed).source())) {
            ReplayReport first = replayer.run(Long.MAX_VALUE);
            assertEquals(5, first.lastSequence());
            assertEquals(first, replayer.run(Long.MAX_VALUE));
        }
    }

    @Test
    void shouldNameTheRecordThatHasNoForm() {
        MemoryJournal journal = journal(Seed.of("ReplayDifferenceTest.form", 0), 10);
        MemoryJournal broken = journal.with(5, new byte[] {1, 2, 3});
        try (Replayer replayer = Replayer.onEngine(broken.source())) {
            BadRecordException refused = org.junit.jupiter.api.Assertions.assertThrows(
                    BadRecordException.class, () -> replayer.run(Long.MAX_VALUE));
            assertTrue(String.valueOf(refused.getMessage()).startsWith("record 6: "), refused.getMessage());
        }
    }

    /** A journal may come from anywhere: whatever it says, there is a report or a record without form. */
    @Test
    void shouldSurviveAnyChange() {
        Random random = new Random(Seed.of("ReplayDifferenceTest.any", 0));
        int same = 0;
        int rounds = 1500;
        MemoryJournal journal = journal(1, 25);
        for (int round = 0; round < rounds; round++) {
            if (round % 50 == 0) {
                journal = journal(random.nextLong(), 25);
            }
            int index = random.nextInt(journal.size());
            byte[] changed = journal.payload(index).clone();
            for (int i = random.nextInt(3); i >= 0; i--) {
                changed[random.nextInt(changed.length)] =
                        (byte) (random.nextBoolean() ? random.nextInt() : -1 >>> random.nextInt(32));
            }
            try (Replayer replayer =
                    Replayer.onEngine(journal.with(index, changed).source())) {
                Difference difference = replayer.run(Long.MAX_VALUE).difference();
                same += difference == null ? 1 : 0;
            } catch (BadRecordException refused) {
                // said what is wrong
            }
        }
        assertTrue(same < rounds / 2, "same=" + same);
    }

    @Test
    void shouldReplayTheJournalItWasChangedFrom() {
        MemoryJournal journal = journal(Seed.of("ReplayDifferenceTest.same", 0), 60);
        try (Replayer replayer = Replayer.onEngine(journal.source())) {
            assertNull(replayer.run(Long.MAX_VALUE).difference());
        }
    }
}
