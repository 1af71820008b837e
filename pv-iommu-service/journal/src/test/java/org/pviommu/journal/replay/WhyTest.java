package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Access;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.Translation;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.Seed;
import org.pviommu.journal.record.JournalRecord;

class WhyTest {
    private static final long LAST_BFN = 0xffff;
    private static final long ARRAY_MFN = 0x1000;
    private static final long GRANTED_MFN = 0x2000;

    private final MemoryJournal journal = new MemoryJournal();
    private final RecordingHost host = new RecordingHost(LAST_BFN, true);
    private final Engine engine = new Engine(host, journal.log());
    private final GuestDriver driver;

    WhyTest() {
        journal.started(new JournalRecord.ServiceStart(LAST_BFN, true, "test"));
        driver = come(1); // records 2 to 4
    }

    private GuestDriver come(int guestId) {
        Guest guest = engine.addGuest(guestId, GuestPolicy.permissive(), List.of());
        guest.registerMemory(0, 64, new TestMemory(64));
        TestMemory arrays = new TestMemory(16);
        guest.registerMemory(ARRAY_MFN, 16, arrays);
        return new GuestDriver(engine, guest, arrays, ARRAY_MFN);
    }

    @AfterEach
    void close() {
        host.behave();
        driver.close();
        engine.close();
    }

    private void assertWhy(long bfn, String... expected) {
        assertWhy(Why.of(journal.source(), 1, 0, bfn), expected);
    }

    /** The guest's arrival comes first, which each life has. */
    private static void assertWhy(Why why, String... expected) {
        List<String> lines = why.lines();
        assertTrue(lines.getFirst().startsWith("record 2 1970-01-01T00:16:40.001Z the guest came"), lines.getFirst());
        List<String> rest = lines.subList(1, lines.size()).stream()
                .map(line -> line.replaceFirst("record (\\d+) \\S+ ", "$1 "))
                .toList();
        assertEquals(String.join("\n", expected), String.join("\n", rest));
    }

    @Test
    void shouldTellWhoMappedIt() {
        driver.map(Op.rw(0x10, 5).run(4));
        driver.map(Op.rw(0x11, 9));
        driver.map(Op.rw(0x20, 9));

        assertWhy(
                0x11,
                "5 map_page bfn 0x11 -> mfn 0x6 rw ok",
                "6 map_page bfn 0x11 -> mfn 0x9 rw EADDRINUSE",
                "now: bfn 0x11 leads to mfn 0x6 rw");
    }

    @Test
    void shouldTellOnlyOfTheFramesAskedFor() {
        driver.map(Op.rw(0x10, 5).run(8));

        Why.Step step = Why.of(journal.source(), 1, 0, 0x12, 0x14).steps().getLast();
        assertEquals("map_page bfn 0x12 x3 -> mfn 0x7 rw", step.what());
        assertEquals(2, step.operation());
        assertEquals(0, step.status());

        step = Why.of(journal.source(), 1, 0, 0x16, 0x30).steps().getLast();
        assertEquals("map_page bfn 0x16 x2 -> mfn 0xb rw", step.what());
        step = Why.of(journal.source(), 1, 0, 0x0, 0x10).steps().getLast();
        assertEquals("map_page bfn 0x10 -> mfn 0x5 rw", step.what());
    }

    @Test
    void shouldTellTheFlushThatLetAFrameGo() {
        driver.map(Op.ro(0x10, 5));
        driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.at(0x10), Op.at(0x99));
        assertWhy(
                0x10,
                "5 map_page bfn 0x10 -> mfn 0x5 r- ok",
                "6 unmap_page deferred bfn 0x10 ok",
                "now: bfn 0x10 is owed: its frame is held until a flush");

        driver.flush(0);
        assertWhy(
                0x10,
                "5 map_page bfn 0x10 -> mfn 0x5 r- ok",
                "6 unmap_page deferred bfn 0x10 ok",
                "7 flush: the frames that were removed from bfn 0x10 were let go",
                "now: bfn 0x10 is not mapped");
    }

    @Test
    void shouldTellThatAFailedFlushUndidIt() {
        driver.map(Op.rw(0x10, 5));
        host.answerAlways(HostCall.Kind.FLUSH, -5);
        driver.mixed(MixedOp.unmap(0x10), MixedOp.map(0x10, 6));
        host.behave();

        assertWhy(
                0x10,
                "5 map_page bfn 0x10 -> mfn 0x5 rw ok",
                "6 unmap_page bfn 0x10 EIO",
                "6 map_page bfn 0x10 -> mfn 0x6 rw EIO",
                "6 bfn 0x10 is not mapped any more: the flush failed, and its frame stays held",
                "now: bfn 0x10 is owed: its frame is held until a flush");
    }

    @Test
    void shouldTellWhatTheHostRemovedUnasked() {
        driver.map(Op.rw(0x10, 5).run(3));
        host.answerOnce(HostCall.Kind.UNMAP, 3);
        driver.unmap(Op.at(0x10));

        assertWhy(
                Why.of(journal.source(), 1, 0, 0x10, 0x12),
                "5 map_page bfn 0x10 x3 -> mfn 0x5 rw ok",
                "6 unmap_page bfn 0x10 ok",
                "6 flush: the frames that were removed from bfn 0x10 were let go",
                "6 bfn 0x11..0x12 is not mapped any more: the host IOMMU removed it unasked",
                "now: bfn 0x10..0x12 is not mapped");
    }

    @Test
    void shouldTellThatAGrantWasRevokedByForce() {
        come(2).close();
        engine.grant(2, 8, 4, 1, GRANTED_MFN, 3);
        driver.map(Op.rw(0x10, GRANTED_MFN), Op.rw(0x11, 1));
        engine.revoke(1, GRANTED_MFN, true);

        assertWhy(
                Why.of(journal.source(), 1, 0, 0x10, 0x11),
                "9 map_page bfn 0x10 -> mfn 0x2000 rw ok",
                "9 map_page bfn 0x11 -> mfn 0x1 rw ok",
                "11 the guest lost the grant at mfn 0x2000 and what was mapped of it",
                "11 bfn 0x10 is not mapped any more: the grant was revoked by force",
                "now: bfn 0x11 leads to mfn 0x1 rw, the rest is not mapped");
    }

    @Test
    void shouldTellOfRangesAndOfTheirContext() {
        int context = driver.allocContext();
        driver.run(IommuOp.cmd(IommuOp.MAP_RANGE, 0, context), new RangeOp(0x10, 0, 8, 3));
        driver.map(Op.rw(0x12, 60)); // in another address space
        driver.run(IommuOp.cmd(IommuOp.UNMAP_RANGE, 0, context), new RangeOp(0, 0, 0x13, 0));
        assertWhy(
                Why.of(journal.source(), 1, context, 0x12, 0x13),
                "5 alloc_context context 1 ok",
                "6 map_range bfn 0x10 pages=8 -> mfn 0x0 rw nr_done=8 ok",
                "8 unmap_range bfn 0x0 pages=19 nr_done=19 ok",
                "8 flush: the frames that were removed from bfn 0x12 were let go",
                "now: bfn 0x13 leads to mfn 0x3 rw, the rest is not mapped");

        driver.run(IommuOp.FREE_CONTEXT, new ContextOp(context));
        Why why = Why.of(journal.source(), 1, context, 0x13);
        assertEquals("free_context context 1", why.steps().getLast().what());
        assertEquals("guest 1 has no address space 1", why.now());
    }

    @Test
    void shouldTellOfTheGuestsLives() {
        driver.map(Op.rw(0x10, 5));
        engine.removeGuest(Objects.requireNonNull(engine.guest(1)));
        assertWhy(
                0x10,
                "5 map_page bfn 0x10 -> mfn 0x5 rw ok",
                "6 the guest is gone",
                "6 bfn 0x10 is not mapped any more: the guest is gone",
                "now: guest 1 is not there");

        come(1).close();
        assertEquals(
                "bfn 0x10 is not mapped", Why.of(journal.source(), 1, 0, 0x10).now());
    }

    @Test
    void shouldTellWhatANewStartChanged() {
        driver.map(Op.rw(0x10, 5), Op.rw(0x11, 6));
        driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.at(0x10));
        journal.started(new JournalRecord.ServiceStart(LAST_BFN, true, "again"));

        assertWhy(
                Why.of(journal.source(), 1, 0, 0x10, 0x11),
                "5 map_page bfn 0x10 x2 -> mfn 0x5 rw ok",
                "6 unmap_page deferred bfn 0x10 ok",
                "7 service started, nothing is owed any more: bfn 0x10",
                "now: bfn 0x11 leads to mfn 0x6 rw, the rest is not mapped");
    }

    @Test
    void shouldTellOfACallThatWasCutOff() {
        driver.map(Op.rw(0, 0).run(64));
        GuestDriver small = small(3);
        small.map(Op.rw(0, 0).run(10));
        small.unmapRun(0, 10); // flushes in between
        small.close();
        int records = journal.size() - 1;
        MemoryJournal cut = journal.head(records);
        cut.started(new JournalRecord.ServiceStart(LAST_BFN, true, "again"));

        Why why = Why.of(cut.source(), 3, 0, 0);

        assertTrue(why.steps().stream().anyMatch(step -> step.what().equals("unmap_page bfn 0x0")), why.toString());
        assertEquals("bfn 0x0 is not mapped", why.now());
    }

    /** A guest that may hold four frames. */
    private GuestDriver small(int guestId) {
        GuestPolicy policy = new GuestPolicy(true, true, 1000, 1000, 100, 4, 4, List.of());
        Guest guest = engine.addGuest(guestId, policy, List.of());
        TestMemory memory = new TestMemory(16);
        guest.registerMemory(0, 16, memory);
        return new GuestDriver(engine, guest, memory, 0);
    }

    @Test
    void shouldSayWhatIsNotKnown() {
        driver.map(Op.rw(0x10, 5));
        host.failOnce(HostCall.Kind.UNMAP, new IllegalStateException("a mistake of the backend"));
        assertThrows(IllegalStateException.class, () -> driver.unmap(Op.at(0x10)));

        assertEquals(
                "not known, because the journal does not say all that the guest did",
                Why.of(journal.source(), 1, 0, 0x10).now());

        byte[] changed = journal.payload(4).clone();
        changed[2] ^= 1;
        String now = Why.of(journal.with(4, changed).source(), 1, 0, 0x10).now();
        assertTrue(now.startsWith("not known after record 5, where the replay goes another way: the state"), now);
    }

    @Test
    void shouldRefuseTooManyBusFrames() {
        assertThrows(IllegalArgumentException.class, () -> Why.of(journal.source(), 1, 0, 0, Why.MAX_BFNS));
        assertThrows(IllegalArgumentException.class, () -> Why.of(journal.source(), 1, 0, 5, 4));
        assertThrows(IllegalArgumentException.class, () -> Why.of(journal.source(), 1, 0, -1, -1));
        assertEquals(
                "bfn 0x0..0xffff is not mapped",
                Why.of(journal.source(), 1, 0, 0, Why.MAX_BFNS - 1).now());
    }

    /** Whatever guests do: what it says at the end is what the tables say, and nothing changes without a step. */
    @Test
    void shouldSayWhatTheTablesSay() {
        for (int round = 0; round < 30; round++) {
            long seed = Seed.of("WhyTest", round);
            try (RandomGuest guests = new RandomGuest(seed)) {
                for (int step = 0; step < 80; step++) {
                    guests.step();
                }
                for (Guest guest : guests.engine.guests()) {
                    for (long bfn = 0; bfn < 64; bfn += 9) {
                        assertSaysWhatTheTableSays(guests, guest, bfn, "seed=" + seed + " bfn=" + bfn);
                    }
                }
            }
        }
    }

    private static void assertSaysWhatTheTableSays(RandomGuest guests, Guest guest, long bfn, String context) {
        Translation translation = guest.ownSpace().translate(bfn);
        Why why = Why.of(guests.journal.source(), guest.id(), 0, bfn);
        String leads = "bfn " + Describe.hex(bfn) + " leads to mfn ";
        if (translation == null) {
            assertTrue(!why.now().startsWith(leads), context + " " + why.lines());
            return;
        }
        String target = Describe.hex(translation.mfn()) + " " + Access.name(translation.access());
        assertEquals(leads + target, why.now(), context);
        String mapped = "-> mfn ";
        assertTrue(why.steps().stream().anyMatch(step -> step.what().contains(mapped)), context + " " + why.lines());
    }
}
