package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Change;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.FileIdentity;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestFaultException;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.SliceRecord;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;
import org.pviommu.journal.MemoryJournal;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.RecordEncoder;
import org.pviommu.journal.record.RecordKind;

/** Calls that do not end well, or are longer than a slice, and deaths that do not come to their end. */
@Timeout(120)
class OddCallsTest {
    private static final long LAST_BFN = (1L << 36) - 1;
    private static final JournalRecord.ServiceStart START = new JournalRecord.ServiceStart(LAST_BFN, true, "again");
    private static final long ARRAY_MFN = 0x10_0000;
    private static final int ARRAY_PAGES = 512;
    private static final int DATA_PAGES = 70_000;

    private final MemoryJournal journal = new MemoryJournal();
    private final RecordingHost host = new RecordingHost(LAST_BFN, true);
    private final Engine engine = new Engine(host, journal.log());
    private final List<GuestDriver> drivers = new ArrayList<>();

    OddCallsTest() {
        journal.started(START);
    }

    @AfterEach
    void close() {
        host.behave();
        drivers.forEach(GuestDriver::close);
        engine.close();
    }

    private GuestDriver come(int guestId, int maxHeldFrames) {
        return come(guestId, maxHeldFrames, new TestMemory(ARRAY_PAGES));
    }

    private GuestDriver come(int guestId, int maxHeldFrames, GuestMemory arrays) {
        GuestPolicy policy = new GuestPolicy(true, true, 1 << 20, 1 << 20, 2000, maxHeldFrames, 4, List.of());
        Guest guest = engine.addGuest(guestId, policy, List.of());
        guest.registerMemory(
                0, DATA_PAGES, new AbsentMemory(DATA_PAGES * 4096L, FileIdentity.NONE, 0)); // nobody reads it
        guest.registerMemory(ARRAY_MFN, ARRAY_PAGES, arrays);
        TestMemory view = arrays instanceof TestMemory memory ? memory : new TestMemory(1);
        GuestDriver driver = new GuestDriver(engine, guest, view, ARRAY_MFN);
        drivers.add(driver);
        return driver;
    }

    private Guest guest(int guestId) {
        return Objects.requireNonNull(engine.guest(guestId));
    }

    private ReplayReport replay() {
        try (Replayer replayer = Replayer.onEngine(journal.source())) {
            ReplayReport report = replayer.run(Long.MAX_VALUE);
            ReplayTest.assertSame(report, "");
            return report;
        }
    }

    /** On the engine, and on the model. */
    private void assertReplays() {
        assertSameState(replay());
        try (Replayer model = Replayer.onModel(journal.source())) {
            ReplayReport report = model.run(Long.MAX_VALUE);
            ReplayTest.assertSame(report, "model");
            assertSameState(report);
        }
    }

    private void assertSameState(ReplayReport report) {
        assertEquals(0, report.recordsNotCompared());
        assertEquals(
                engine.guests().stream()
                        .map(guest -> new GuestDigest(guest.id(), guest.digest(), guest.mappedFrames()))
                        .toList(),
                report.guests());
    }

    private static Element[] unmaps(int n) {
        Element[] ops = new Element[n];
        for (int i = 0; i < n; i++) {
            ops[i] = Op.at(i);
        }
        return ops;
    }

    // Long calls.

    @Test
    void shouldReplayCallsOfManySlicesThatFlushAtTheBound() {
        GuestDriver driver = come(1, 100);
        driver.run(IommuOp.MAP_PAGE, Op.rw(0, 0).run(9000));
        driver.run(IommuOp.UNMAP_PAGE, unmaps(9000));
        driver.run(IommuOp.MAP_PAGE, Op.rw(0, 5).run(9000));
        driver.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), unmaps(4500));
        driver.mapRange(new RangeOp(20_000, 0, 1000, 3));
        driver.unmapRange(new RangeOp(0, 0, 21_000, 0), new RangeOp(0, 0, 5, 0));

        int early = journal.count(SliceRecord.Part.OF_SLICE);
        assertTrue(early > 150, "early flushes=" + early);
        assertReplays();
    }

    @Test
    void shouldReplayMixedCallsOfManySlicesWhoseFlushesFail() {
        GuestDriver driver = come(1, 3000);
        driver.run(IommuOp.MAP_PAGE, Op.rw(0, 0).run(9000));
        MixedOp[] exchange = new MixedOp[16_000];
        for (int i = 0; i < exchange.length; i += 2) {
            exchange[i] = MixedOp.unmap(i / 2);
            exchange[i + 1] = MixedOp.map(i / 2, 10_000 + i);
        }
        refuseFlushesAfter(2);
        driver.mixed(exchange); // the early flushes go well, and then the one at the end does not
        host.observe(call -> {});
        host.behave();
        driver.flush(0);
        driver.mixed(exchange);

        assertTrue(journal.count(SliceRecord.Part.SLICE_END) >= 6, "slices");
        assertReplays();
    }

    @Test
    void shouldReplayRangesWhoseLastFlushFails() {
        GuestDriver driver = come(1, 100);
        driver.mapRange(new RangeOp(0, 0, 500, 3));
        refuseFlushesAfter(2); // two early ones in the first range; the third, at the end or in the second, fails
        driver.unmapRange(new RangeOp(0, 0, 250, 0), new RangeOp(250, 0, 10, 0));
        host.observe(call -> {});
        host.behave();

        assertEquals(200, driver.nrDone(0), "what the early flushes made final");
        assertEquals(0, driver.nrDone(1));
        assertReplays();
        driver.flush(0);
        assertReplays();
    }

    private void refuseFlushesAfter(int good) {
        int[] flushes = {0};
        host.observe(call -> {
            if (call.kind() == HostCall.Kind.FLUSH && ++flushes[0] > good) {
                host.answerAlways(HostCall.Kind.FLUSH, -5);
            }
        });
    }

    // Calls that are cut off by the guest or by us.

    @Test
    void shouldReplayACallWhoseArrayVanished() {
        for (int subOp : new int[] {IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, IommuOp.MIXED}) {
            try (Vanishing vanishing = new Vanishing(subOp)) {
                vanishing.assertAbandonedAndReplayed();
            }
        }
    }

    /** A guest whose array loses its end between two slices, on an engine of its own. */
    private static final class Vanishing implements AutoCloseable {
        private final OddCallsTest test = new OddCallsTest();
        private final ShrinkingMemory arrays = new ShrinkingMemory(ARRAY_PAGES);
        private final GuestDriver driver = test.come(1, 100_000, arrays);
        private final int subOp;

        Vanishing(int subOp) {
            this.subOp = subOp;
        }

        void assertAbandonedAndReplayed() {
            if (subOp != IommuOp.MAP_PAGE) {
                write(Op.rw(0, 0).run(8000));
                assertEquals(0, driver.executor().call(IommuOp.MAP_PAGE, ARRAY_MFN << 12, 8000));
            }
            write(subOp == IommuOp.MIXED ? exchange() : Op.rw(0, 7).run(8000));
            arrays.shrinkTo(30); // 4096 operations have 24 pages

            assertThrows(GuestFaultException.class, () -> driver.executor().call(subOp, ARRAY_MFN << 12, 8000));

            assertEquals(1, test.journal.count(SliceRecord.Part.CALL_ABANDONED));
            test.assertReplays();
            driver.executor().call(IommuOp.cmd(IommuOp.FLUSH, 0, 0), 0, 0);
            test.assertReplays();
            test.engine.removeGuest(test.guest(1));
            test.assertReplays();
        }

        private static MixedOp[] exchange() {
            MixedOp[] ops = new MixedOp[8000];
            for (int i = 0; i < ops.length; i += 2) {
                ops[i] = MixedOp.unmap(i);
                ops[i + 1] = MixedOp.map(i, 20_000 + i);
            }
            return ops;
        }

        private void write(Element[] elements) {
            for (int i = 0; i < elements.length; i++) {
                elements[i].write(arrays.segment(), (long) i * elements[i].sizeBytes());
            }
        }

        @Override
        public void close() {
            test.close();
        }
    }

    /** Nobody knows what a call did that a mistake of ours ended: its guest is left out, the others are not. */
    @Test
    void shouldLeaveOutAGuestWhoseCallBroke() {
        GuestDriver first = come(1, 100);
        GuestDriver second = come(2, 100);
        first.map(Op.rw(0, 0).run(10));
        second.map(Op.rw(0, 0).run(10));
        host.failOnce(HostCall.Kind.UNMAP, new IllegalStateException("a mistake of the backend"));
        assertThrows(IllegalStateException.class, () -> first.unmapRun(0, 5));
        first.map(Op.rw(100, 0));
        second.unmapRun(0, 5);

        ReplayReport report = replay();

        assertEquals(List.of(1), report.unknownGuests());
        assertEquals(2, report.recordsNotCompared());
        assertEquals(
                List.of(new GuestDigest(2, guest(2).digest(), guest(2).mappedFrames())),
                report.guests(),
                "the other is compared");

        engine.removeGuest(guest(1));
        come(1, 100).map(Op.rw(5, 5));
        assertTrue(replay().unknownGuests().isEmpty(), "a new guest with that number is known");
        assertEquals(2, replay().guests().size());
    }

    @Test
    void shouldNotReplayAGuestThatIsUnknownIntoTheNextLife() {
        GuestDriver first = come(1, 100);
        come(2, 100).map(Op.rw(0, 0).run(10));
        first.map(Op.rw(0, 0).run(10));
        host.failOnce(HostCall.Kind.UNMAP, new IllegalStateException("a mistake of the backend"));
        assertThrows(IllegalStateException.class, () -> first.unmapRun(0, 5));
        try (Replayer replayer = Replayer.onEngine(journal.source())) {
            ReplayTest.assertSame(replayer.run(Long.MAX_VALUE), "");
            replayer.restartHere(START);

            assertTrue(
                    replayer.mappings().stream().allMatch(run -> run.guestId() == 2), "mappings of nobody knows when");
            assertEquals(1, Objects.requireNonNull(replayer.engine()).guests().size());
        }
    }

    @Test
    void shouldLeaveOutAGuestWithMoreAnswersThanAreKept() {
        GuestDriver driver = come(1, 100_000);
        int context = driver.allocContext();
        driver.run(IommuOp.cmd(IommuOp.MAP_RANGE, 0, context), new RangeOp(0, 0, DATA_PAGES, 3));
        for (long bfn = 0; bfn < DATA_PAGES; bfn += 2) {
            host.refuseToCut(bfn);
        }
        assertEquals(IommuStatus.EIO, driver.freeContext(context));
        host.behave();

        ReplayReport report = replay();

        assertEquals(List.of(1), report.unknownGuests());
        assertEquals(List.of(), report.guests());
        assertTrue(report.recordsNotCompared() >= 1);
    }

    /** What is unknown of an owner may be the reason why something of a grantee cannot be done. */
    @Test
    void shouldGoOnWithOthersThatMeetAnUnknownGuest() {
        GuestDriver first = come(1, 100);
        GuestDriver second = come(2, 100);
        first.map(Op.rw(0, 0).run(10));
        host.failOnce(HostCall.Kind.UNMAP, new IllegalStateException("a mistake of the backend"));
        assertThrows(IllegalStateException.class, () -> first.unmapRun(0, 5));
        first.unmapRun(0, 10); // the replay does not know that, so it keeps the memory
        guest(1).unregisterMemory(0, DATA_PAGES);
        guest(1).registerMemory(0, 8, new TestMemory(8));
        guest(1).registerMemory(DATA_PAGES + 4, 8, new TestMemory(8));
        engine.grant(1, DATA_PAGES + 4, 4, 2, 0x20_0000, 3);
        second.map(Op.rw(0, 0x20_0000));
        engine.removeGuest(guest(1));

        ReplayReport report = replay();

        assertTrue(report.unknownGuests().contains(1));
        assertNull(report.difference());
    }

    // Deaths.

    @Test
    void shouldForgetTheDeadAndThoseWhoMapTheirFramesAtTheNextStart() {
        come(1, 100);
        GuestDriver grantee = come(2, 100);
        GuestDriver bystander = come(3, 100);
        bystander.map(Op.rw(1, 1));
        engine.grant(1, 0, 8, 2, 0x20_0000, 3);
        grantee.map(Op.rw(0, 0x20_0000));
        engine.removeGuest(guest(1));
        assertFalse(guest(1).isAlive());
        assertReplays();

        try (Replayer replayer = Replayer.onEngine(journal.source())) {
            ReplayTest.assertSame(replayer.run(Long.MAX_VALUE), "");
            replayer.restartHere(START);

            assertEquals(List.of(new MappedRun(3, 0, 1, 1, 1, 3)), replayer.mappings());
            assertEquals(1, Objects.requireNonNull(replayer.engine()).guests().size());
        }
    }

    @Test
    void shouldKeepAGranteeThatHasLetGoOfFramesOfTheDead() {
        come(1, 100);
        GuestDriver grantee = come(2, 100);
        engine.grant(1, 0, 8, 2, 0x20_0000, 3);
        grantee.map(Op.rw(0, 0x20_0000), Op.rw(1, 1));
        grantee.run(IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.at(0));
        engine.removeGuest(guest(1));
        assertFalse(guest(1).isAlive(), "the frame is owed");
        assertReplays();

        try (Replayer replayer = Replayer.onEngine(journal.source())) {
            ReplayTest.assertSame(replayer.run(Long.MAX_VALUE), "");
            replayer.restartHere(START);

            assertEquals(List.of(new MappedRun(2, 0, 1, 1, 1, 3)), replayer.mappings());
        }
    }

    @Test
    void shouldReplayADeathThatTheHostDidNotLetEnd() {
        GuestDriver driver = come(1, 100);
        driver.map(Op.rw(0, 0).run(10));
        host.answerAlways(HostCall.Kind.FLUSH, -5);
        engine.removeGuest(guest(1));
        assertFalse(guest(1).isAlive());
        assertSameState(replay()); // the model cannot tell what the host kept

        host.behave();
        engine.removeGuest(guest(1));
        assertNull(engine.guest(1));
        assertSameState(replay());
    }

    // Refusals that are recorded before the record they explain.

    /** The flush of another address space, in the middle of the call, takes what the host answered before it into its record. */
    @Test
    void shouldFindARefusalInTheFlushBeforeTheRecord() {
        GuestDriver driver = come(1, 4);
        int context = driver.allocContext();
        driver.run(IommuOp.cmd(IommuOp.MAP_PAGE, 0, context), Op.rw(0, 0).run(4));
        driver.map(Op.rw(50, 8));
        driver.run(
                IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, context),
                Op.rw(0, 0).run(4)); // all that may be held
        host.answerOnce(HostCall.Kind.MAP, -5);

        driver.mixed(MixedOp.map(100, 9), MixedOp.unmap(50));

        assertEquals(1, journal.count(SliceRecord.Part.NESTED));
        assertReplays();
    }

    @Test
    void shouldNotBlameTheEngineForWhatTheHostKeptOfARevokedGrant() {
        come(1, 100);
        GuestDriver grantee = come(2, 100);
        engine.grant(1, 0, 8, 2, 0x20_0000, 3);
        grantee.map(Op.rw(0, 0x20_0000), Op.rw(5, 0x20_0001));
        host.answerOnce(HostCall.Kind.UNMAP, -5);
        assertThrows(EngineException.class, () -> engine.revoke(2, 0x20_0000, true));

        assertSameState(replay());
        try (Replayer model = Replayer.onModel(journal.source())) {
            ReplayReport report = model.run(Long.MAX_VALUE);
            ReplayTest.assertSame(report, "model");
            assertEquals(List.of(2), report.unknownGuests(), "which page is mapped still cannot be told");
        }
    }

    /** A replay asks nobody for quotas: those of the guest's coming are in its record, and no others give the same statuses. */
    @Test
    void E19_shouldReplayWithTheQuotasOfTheRecord() {
        GuestPolicy policy = new GuestPolicy(true, true, 1 << 20, 77, 2000, 100, 4, List.of());
        Guest guest = engine.addGuest(1, policy, List.of());
        guest.registerMemory(0, 200, new AbsentMemory(200 * 4096L, FileIdentity.NONE, 0));
        TestMemory arrays = new TestMemory(4);
        guest.registerMemory(ARRAY_MFN, 4, arrays);
        GuestDriver driver = new GuestDriver(engine, guest, arrays, ARRAY_MFN);
        drivers.add(driver);
        driver.map(Op.rw(0, 0).run(80));
        assertEquals(IommuStatus.OK, driver.status(76));
        assertEquals(IommuStatus.ENOSPC, driver.status(77));
        assertReplays();

        int came = 1;
        byte[] payload = journal.payload(came).clone();
        payload[indexOf(payload, (byte) 77)] = 78;
        MemoryJournal altered = journal.with(came, payload);
        try (Replayer replayer = Replayer.onEngine(altered.source())) {
            Difference difference =
                    Objects.requireNonNull(replayer.run(Long.MAX_VALUE).difference());
            assertTrue(difference.toString().contains("ENOSPC"), difference.toString());
        }
    }

    private static int indexOf(byte[] bytes, byte wanted) {
        int found = -1;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == wanted) {
                assertEquals(-1, found, "the byte must be the quota");
                found = i;
            }
        }
        return found;
    }

    // What no engine can have done.

    @Test
    void shouldRefuseARegionThatNoReplayCanHold() {
        come(1, 100);
        Change[] huge = {
            new Change.MemoryRegistered(0, 1L << 40, FileIdentity.NONE, 0),
            new Change.MemoryRegistered(0, Long.MAX_VALUE, FileIdentity.NONE, 0),
            new Change.MemoryRegistered(-1, -1, FileIdentity.NONE, 0),
            new Change.MemoryRegistered(Long.MAX_VALUE, 1, FileIdentity.NONE, 0),
            new Change.GrantGiven(1, 0, Long.MIN_VALUE, 0, 3)
        };
        for (Change change : huge) {
            assertRefused(journal.head(2).with(1, journal.payload(1)), change);
        }
    }

    @Test
    void shouldRefuseMoreReservedFramesThanCanBeTouched() {
        GuestPolicy policy = new GuestPolicy(
                true, true, Long.MAX_VALUE, 1, 4, 1, 1, List.of(new FrameRange(0, FrameRange.MAX_FRAME)));
        engine.addGuest(1, policy, List.of());

        assertRefused(journal.head(2), new Change.MemoryRegistered(0, 1L << 30, FileIdentity.NONE, 0));
    }

    private void assertRefused(MemoryJournal before, Change change) {
        MemorySegment buffer = Arena.ofAuto().allocate(RecordEncoder.BUFFER_BYTES);
        RecordEncoder encoder = new RecordEncoder(buffer);
        encoder.change(guest(1), change, true, "");
        before.append(
                RecordKind.CHANGE, buffer.asSlice(0, encoder.lengthBytes()).toArray(ValueLayout.JAVA_BYTE));
        try (Replayer replayer = Replayer.onEngine(before.source())) {
            Difference difference = replayer.run(Long.MAX_VALUE).difference();
            assertNotNull(difference, change.toString());
            assertEquals(3, difference.sequence());
        }
    }

    /** Slices that no engine cuts: the parts of one have more operations than a slice can have. */
    @Test
    void shouldRefuseASliceWithTooManyParts() {
        GuestDriver driver = come(1, 1);
        driver.map(Op.rw(0, 0).run(3000));
        driver.run(IommuOp.UNMAP_PAGE, unmaps(3000));
        int first = journal.size() - 3000;
        MemoryJournal longer = journal.head(first);
        for (int copy = 0; copy < 5000; copy++) {
            longer.append(RecordKind.SLICE, journal.payload(first));
        }
        longer.append(RecordKind.SLICE, journal.payload(journal.size() - 1));
        try (Replayer replayer = Replayer.onEngine(longer.source())) {
            assertNotNull(replayer.run(Long.MAX_VALUE).difference());
        }
    }
}
