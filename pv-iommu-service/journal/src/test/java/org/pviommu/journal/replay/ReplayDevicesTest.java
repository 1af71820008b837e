package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.engine.DomainExecutor;
import org.pviommu.engine.Engine;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.Seed;
import org.pviommu.journal.record.BadRecordException;
import org.pviommu.journal.record.DomainRequest;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordDecoder;
import org.pviommu.journal.record.RecordKind;

/** Virtio-iommu devices in a journal: a replay does what was done, on the engine and on the model, and finds what was altered. */
@Timeout(120)
class ReplayDevicesTest {

    private static void assertReplays(RandomDevice random, Replayer replayer, boolean all, String context) {
        try (replayer) {
            ReplayReport report = replayer.run(Long.MAX_VALUE);
            ReplayTest.assertSame(report, context);
            assertEquals(random.journal.size(), report.records(), context);
            if (all) {
                assertEquals(0, report.recordsNotCompared(), context);
            }
            if (report.unknownGuests().isEmpty()) {
                assertEquals(random.digests(), report.guests(), context);
                assertEquals(random.mappings(), replayer.domainMappings(), context);
            }
        }
    }

    @Test
    void shouldReachTheSameStateOnTheEngine() {
        for (int round = 0; round < 200; round++) {
            long seed = Seed.of("ReplayDevicesTest", round);
            try (RandomDevice random = new RandomDevice(seed, round % 2 == 0 ? 0 : 4)) {
                random.steps(150);
                assertReplays(random, Replayer.onEngine(random.journal.source()), true, "seed=" + seed);
            }
        }
    }

    @Test
    void shouldReachTheSameStateOnTheModelWithAHostThatWorks() {
        for (int round = 0; round < 100; round++) {
            long seed = Seed.of("ReplayDevicesTest.model", round);
            try (RandomDevice random = new RandomDevice(seed, 0)) {
                random.steps(150);
                assertReplays(random, Replayer.onModel(random.journal.source()), true, "seed=" + seed);
            }
        }
    }

    /** What the host has done then is often not to be told; where it is, it has to agree. */
    @Test
    void shouldNotDifferOnTheModelWhenTheHostRefuses() {
        long compared = 0;
        for (int round = 0; round < 100; round++) {
            long seed = Seed.of("ReplayDevicesTest.refusals", round);
            try (RandomDevice random = new RandomDevice(seed, 60)) {
                random.steps(60);
                assertReplays(random, Replayer.onModel(random.journal.source()), false, "seed=" + seed);
                try (Replayer replayer = Replayer.onModel(random.journal.source())) {
                    ReplayReport report = replayer.run(Long.MAX_VALUE);
                    compared += report.records() - report.recordsNotCompared();
                }
            }
        }
        assertTrue(compared > 3000, "compared=" + compared);
    }

    @Test
    void shouldGoOnAfterANewStart() {
        long seed = Seed.of("ReplayDevicesTest.restart", 0);
        try (RandomDevice random = new RandomDevice(seed, 5)) {
            random.steps(100);
            random.settle();
            random.journal.started(random.host.capabilities());
            try (Replayer replayer = Replayer.onEngine(random.journal.source())) {
                ReplayReport report = replayer.run(Long.MAX_VALUE);
                ReplayTest.assertSame(report, "seed=" + seed);
                assertEquals(random.digests(), report.guests());
                assertEquals(0, held(replayer));
            }
        }
    }

    private static long held(Replayer replayer) {
        Engine engine = Objects.requireNonNull(replayer.engine());
        return engine.guests().stream().mapToLong(guest -> guest.heldFrames()).sum();
    }

    /** Every bit of a batch that can be turned without breaking the form: either target finds the difference, or it is of no matter. */
    @Test
    void shouldFindAnAlteredRecord() {
        long seed = Seed.of("ReplayDevicesTest.altered", 0);
        try (RandomDevice random = new RandomDevice(seed, 0)) {
            random.steps(60);
            MemoryJournal journal = random.journal;
            int index = lastBatch(journal);
            byte[] original = journal.payload(index);
            int altered = 0;
            for (int bit = 0; bit < original.length * 8; bit++) {
                byte[] payload = original.clone();
                payload[bit / 8] ^= (byte) (1 << bit % 8);
                if (!isRecord(payload)) {
                    continue;
                }
                boolean otherOutcome = asked(payload).equals(asked(original))
                        && !outcome(payload).equals(outcome(original));
                altered += otherOutcome ? 1 : 0;
                // Other requests with what came of them are as good as those that were made.
                assertTrue(
                        !otherOutcome || differs(journal, index, payload),
                        () -> describe(payload) + " instead of " + describe(original));
            }
            assertTrue(altered > 40, "altered=" + altered);
        }
    }

    private static int lastBatch(MemoryJournal journal) {
        for (int index = journal.size() - 1; ; index--) {
            if (journal.record(index) instanceof JournalRecord.Domains its
                    && its.requests().size() > 3
                    && its.requests().stream()
                                    .filter(each -> each.status() == 0)
                                    .count()
                            > 2) {
                return index;
            }
        }
    }

    private static boolean isRecord(byte[] payload) {
        try {
            RecordDecoder.decode(RecordKind.DOMAINS.number(), MemorySegment.ofArray(payload));
            return true;
        } catch (BadRecordException refused) {
            return false;
        }
    }

    private static List<String> asked(byte[] payload) {
        return decode(payload).requests().stream().map(Describe::request).toList();
    }

    private static JournalRecord.Domains decode(byte[] payload) {
        return (JournalRecord.Domains)
                RecordDecoder.decode(RecordKind.DOMAINS.number(), MemorySegment.ofArray(payload));
    }

    /** Everything that an altered record may say about what came of it. */
    private static List<Object> outcome(byte[] payload) {
        JournalRecord.Domains record = decode(payload);
        return List.of(
                record.state(),
                record.flush(),
                record.requests().stream().map(DomainRequest::status).toList());
    }

    private static String describe(byte[] payload) {
        return Describe.record(decode(payload));
    }

    private static boolean differs(MemoryJournal journal, int index, byte[] payload) {
        MemoryJournal other = journal.head(index);
        other.append(RecordKind.DOMAINS, payload);
        try (Replayer replayer = Replayer.onEngine(other.source())) {
            Difference difference = replayer.run(Long.MAX_VALUE).difference();
            return difference != null;
        }
    }

    @Test
    void shouldTellWhyAnIovaLeadsWhereItLeads() {
        try (RandomDevice random = new RandomDevice(5, 0)) {
            DomainExecutor device = random.device();
            device.reset();
            device.attach(7, 2, false);
            device.map(7, 0x10_000, 0x12_fff, 0x40_000, 3, false);
            device.map(7, 0x11_000, 0x11_fff, 0x41_000, 3, false);
            device.map(7, 0x20_000, 0x20_fff, 0x41_000, 3, false);
            device.endBatch();
            device.unmap(7, 0x11_000, 0x11_fff);
            device.endBatch();
            assertEquals(
                    "now: iova 0x10000..0x12fff leads to 0x40000 rw",
                    why(random, 0x11).getLast());
            random.guest().loseMemory(0x40, 0x20);
            device.detach(7, 2);
            device.endBatch();

            List<String> lines = why(random, 0x11).stream()
                    .map(line -> line.replaceFirst("record \\d+ \\S+ ", ""))
                    .toList();
            assertEquals(
                    List.of(
                            "attach endpoint 0x2 to domain 7 ok",
                            "map domain 7 iova 0x10000..0x12fff -> 0x40000 rw ok",
                            "map domain 7 iova 0x11000..0x11fff -> 0x41000 rw INVAL",
                            "unmap domain 7 iova 0x11000..0x11fff RANGE",
                            "the guest lost mfns 0x40..0x5f",
                            "detach endpoint 0x2 from domain 7 ok",
                            "the domain is gone with its last endpoint",
                            "now: guest 3 has no domain 7"),
                    lines);
        }
    }

    private static List<String> why(RandomDevice random, long bfn) {
        return Why.ofDomain(random.journal.source(), RandomDevice.GUEST, 7, bfn, bfn)
                .lines();
    }

    @Test
    void shouldDescribeWhatHappened() {
        try (RandomDevice random = new RandomDevice(1, 0)) {
            random.steps(100);
            StringBuilder all = new StringBuilder();
            for (int i = 0; i < random.journal.size(); i++) {
                all.append(Describe.record(random.journal.record(i))).append('\n');
            }
            for (String part : List.of(
                    "opened a virtio-iommu device, endpoints=[0x1, 0x2, 0x3, 0x4, 0x5]",
                    "attach endpoint 0x",
                    "map domain ",
                    " -> 0x",
                    "unmap domain ",
                    "RANGE",
                    "NOENT",
                    "flush=DONE")) {
                assertTrue(all.indexOf(part) >= 0, part + " in " + all);
            }
            assertNull(random.engine.guest(99));
        }
    }
}
