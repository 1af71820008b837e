package org.pviommu.journal.record;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainExecutor;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FileIdentity;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.SliceRecord;
import org.pviommu.engine.support.AttachOp;
import org.pviommu.engine.support.ContextOp;
import org.pviommu.engine.support.Element;
import org.pviommu.engine.support.GuestDriver;
import org.pviommu.engine.support.HostCall;
import org.pviommu.engine.support.MixedOp;
import org.pviommu.engine.support.Op;
import org.pviommu.engine.support.RangeOp;
import org.pviommu.engine.support.RecordingHost;
import org.pviommu.engine.support.TestMemory;

class RecordRoundTripTest {

    private static final long[] EXTREMES = {
        0, 1, 127, 128, 0x3fff, 0x4000, 0xffffffffL, 1L << 32, 1L << 52, Long.MAX_VALUE, Long.MIN_VALUE, -2, -1
    };
    private static final long ARRAY_MFN = 1000;

    private final CheckedLog log = new CheckedLog();
    private final RecordingHost host = new RecordingHost((1L << 36) - 1, true);
    private final Engine engine = new Engine(host, log);
    private final Guest guest = engine.addGuest(
            -1,
            new GuestPolicy(true, true, 4096, 2000, 100, 64, 8, List.of(new FrameRange(3, 4))),
            List.of(new EndpointDescriptor(0xffff0001, List.of())));
    private final TestMemory memory = new TestMemory(128);
    private final GuestDriver driver = driver();

    private GuestDriver driver() {
        guest.registerMemory(0, 1000, new TestMemory(1000));
        guest.registerMemory(ARRAY_MFN, 128, memory);
        return new GuestDriver(engine, guest, memory, ARRAY_MFN);
    }

    @AfterEach
    void close() {
        host.behave();
        driver.close();
        engine.close();
    }

    private JournalRecord.Slice lastSlice() {
        return (JournalRecord.Slice) log.records.getLast();
    }

    @Test
    void shouldKeepPagesWithAnyNumbers() {
        List<Element> ops = new ArrayList<>();
        for (long bfn : EXTREMES) {
            for (long mfn : EXTREMES) {
                ops.add(new Op(bfn, mfn, (int) (bfn * 31 + mfn)));
            }
        }
        Element[] elements = ops.toArray(Element[]::new);

        driver.run(IommuOp.MAP_PAGE, elements); // CheckedLog compares each element
        driver.run(IommuOp.UNMAP_PAGE, elements);

        assertEquals(elements.length, lastSlice().operations());
    }

    @Test
    void shouldKeepMixedElementsOfAnyKind() {
        List<Element> ops = new ArrayList<>();
        for (long bfn : EXTREMES) {
            for (int subOp : new int[] {0, IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, 77, 0x7fff, 0xffff}) {
                ops.add(new MixedOp(subOp, bfn, -bfn, 0xffff));
                ops.add(new MixedOp(subOp, bfn + 1, 1 - bfn, 0xffff));
            }
        }

        driver.run(IommuOp.MIXED, ops.toArray(Element[]::new));

        assertEquals(ops.size(), lastSlice().operations());
    }

    @Test
    void shouldKeepRangesWithAnyNumbers() {
        List<Element> ops = new ArrayList<>();
        for (long bfn : EXTREMES) {
            for (long pages : EXTREMES) {
                ops.add(new RangeOp(bfn, bfn ^ pages, pages, -1));
                ops.add(new RangeOp(bfn, 100, pages, 3));
            }
        }
        Element[] elements = ops.toArray(Element[]::new);

        driver.mapRange(new RangeOp(1L << 20, 100, 1L << 60, 3));
        assertEquals(1028, lastSlice().runs().getFirst().nrDone());
        driver.run(IommuOp.MAP_RANGE, elements);
        driver.run(IommuOp.UNMAP_RANGE, elements);

        assertTrue(lastSlice().runs().stream().anyMatch(run -> run.nrDone() == 1L << 36), "the longest nr_done");
    }

    @Test
    void shouldKeepContextsAndAttachesWithAnyNumbers() {
        driver.allocContext();
        List<Element> contexts = new ArrayList<>();
        List<Element> attaches = new ArrayList<>();
        for (long number : EXTREMES) {
            contexts.add(new ContextOp((int) number));
            attaches.add(new AttachOp((int) number, (int) -number));
        }
        attaches.add(new AttachOp(0xffff0001, 1));

        driver.run(IommuOp.FREE_CONTEXT, contexts.toArray(Element[]::new));
        driver.run(IommuOp.ATTACH_DEVICE, attaches.toArray(Element[]::new));

        assertEquals(EXTREMES.length + 1, lastSlice().operations());
    }

    @Test
    void shouldKeepTheSmallestAndTheLargestSlice() {
        driver.map(Op.rw(1, 5));
        driver.run(IommuOp.MAP_PAGE, manySingles(RecordEncoder.MAX_OPERATIONS));

        assertEquals(RecordEncoder.MAX_OPERATIONS, lastSlice().operations());
        assertEquals(RecordEncoder.MAX_OPERATIONS, lastSlice().runs().size());
    }

    private static Element[] manySingles(int n) {
        Element[] ops = new Element[n];
        for (int i = 0; i < n; i++) {
            ops[i] = new Op(-1L - 3L * i, -1L - 5L * i, -1 - i);
        }
        return ops;
    }

    /** The promise of the sizes that a log makes room by. */
    @Test
    void shouldStayWithinTheSizesItPromises() {
        driver.run(IommuOp.MAP_PAGE, manySingles(4096));
        assertWithinPromise();
        Element[] mixed = new Element[4096];
        Element[] ranges = new Element[3000]; // as many as fit into the array's memory
        for (int i = 0; i < mixed.length; i++) {
            mixed[i] = new MixedOp(0xffff, i % 2 == 0 ? 1L << 62 : -1L << 62, -1, 0xffff);
        }
        for (int i = 0; i < ranges.length; i++) {
            ranges[i] = new RangeOp(-1 - i, -1, -1, -1);
        }
        driver.run(IommuOp.MIXED, mixed);
        assertWithinPromise();
        driver.run(IommuOp.MAP_RANGE, ranges);
        assertWithinPromise();
    }

    private void assertWithinPromise() {
        long most =
                RecordEncoder.SLICE_OVERHEAD_BYTES + (long) lastSlice().operations() * RecordEncoder.MAX_ELEMENT_BYTES;
        assertTrue(log.payloads.getLast().length <= most, log.payloads.getLast().length + " max=" + most);
    }

    @Test
    void shouldTakeAFewBytesForASequentialBatch() {
        driver.map(Op.rw(0x12345, 10).run(256));

        int lengthBytes = log.payloads.getLast().length;
        assertEquals(1, lastSlice().runs().size());
        assertTrue(lengthBytes < 256, "lengthBytes=" + lengthBytes); // the events of two ranges of the run included
    }

    @Test
    void shouldKeepEachWayACallCanGo() {
        driver.map(Op.rw(0, 10).run(200));
        driver.run(
                IommuOp.cmd(IommuOp.UNMAP_PAGE, IommuOp.F_DEFER, 0), Op.rw(0, 0).run(150)); // twice past the bound
        driver.flush(0);
        host.answerOnce(HostCall.Kind.UNMAP, -5);
        host.answerOnce(HostCall.Kind.UNMAP, 3);
        host.answerAlways(HostCall.Kind.FLUSH, -4);
        driver.run(IommuOp.UNMAP_PAGE, new Op[] {Op.at(150), Op.at(170), Op.at(171), Op.at(172), Op.at(173)});
        host.behave();
        log.room = false;
        driver.mixed(MixedOp.unmap(180), MixedOp.map(180, 7));
        log.room = true;
        host.failOnce(HostCall.Kind.MAP, new IllegalStateException("a mistake"));
        assertThrows(IllegalStateException.class, () -> driver.map(Op.rw(300, 8)));

        List<SliceRecord.Part> parts = new ArrayList<>();
        List<SliceRecord.Flush> flushes = new ArrayList<>();
        for (JournalRecord record : log.records) {
            if (record instanceof JournalRecord.Slice slice) {
                parts.add(slice.part());
                flushes.add(slice.flush());
            }
        }
        assertTrue(parts.containsAll(
                List.of(SliceRecord.Part.OF_SLICE, SliceRecord.Part.CALL_END, SliceRecord.Part.CALL_BROKEN)));
        assertTrue(flushes.containsAll(List.of(SliceRecord.Flush.values())), flushes.toString());
        assertTrue(log.records.stream()
                .anyMatch(record -> record instanceof JournalRecord.Slice slice
                        && slice.events().stream().anyMatch(event -> event.answer() == 3)
                        && slice.events().stream().anyMatch(event -> event.answer() == -4 && event.calls() == 3)));
    }

    @Test
    void shouldKeepChangesWithAnyNumbers() {
        for (long number : EXTREMES) {
            for (boolean flag : new boolean[] {true, false}) {
                assertKept(new Change.GuestRemoved(flag, !flag));
                assertKept(new Change.GuestReturned());
                assertKept(new Change.MemoryRegistered(number, -number, new FileIdentity(~number, number), number));
                assertKept(new Change.MemoryUnregistered(number, ~number));
                assertKept(new Change.GrantGiven((int) number, number, -number, ~number, flag ? 1 : 3));
                assertKept(new Change.GrantRevoked(number, flag));
            }
        }
    }

    @Test
    void shouldKeepPoliciesAndEndpoints() {
        FrameRange all = new FrameRange(0, FrameRange.MAX_FRAME);
        FrameRange last = new FrameRange(FrameRange.MAX_FRAME, FrameRange.MAX_FRAME);
        List<ReservedRegion> regions = new ArrayList<>();
        for (ReservedRegion.Kind kind : ReservedRegion.Kind.values()) {
            regions.add(new ReservedRegion(all, kind));
            regions.add(new ReservedRegion(last, kind));
        }
        GuestPolicy policy = new GuestPolicy(
                true,
                false,
                Long.MAX_VALUE,
                Long.MAX_VALUE,
                Integer.MAX_VALUE,
                Integer.MAX_VALUE,
                GuestPolicy.MAX_CONTEXTS,
                List.of(all, last));
        GuestPolicy least = new GuestPolicy(false, true, 0, 0, 4, 1, 1, List.of());

        assertKept(new Change.GuestAdded(
                0xffff_ffffL,
                true,
                policy,
                List.of(new EndpointDescriptor(-1, 7, regions), new EndpointDescriptor(0, -1, List.of())),
                true));
        assertKept(new Change.GuestAdded(0xffff_ffffL, true, least, List.of(), false));
    }

    @Test
    void shouldKeepChangesOfDevices() {
        assertKept(new Change.MemoryLost(1L << 39, 1L << 20, true));
        assertKept(new Change.MemoryLost(0, 1, false));
        assertKept(new Change.DeviceOpened(List.of(-1, 0, 0x10008), true, false));
        assertKept(new Change.DeviceOpened(List.of(), false, true));
        assertKept(new Change.BypassSet(true));
        assertKept(new Change.BypassSet(false));
        assertKept(new Change.DeviceReset());
        assertKept(new Change.DeviceClosed(true));
        assertKept(new Change.DeviceClosed(false));
    }

    @Test
    void shouldKeepRequestsWithAnyNumbers() {
        int endpoint = 0xffff0001;
        try (DomainExecutor device = new DomainExecutor(engine, guest, List.of(endpoint), false)) {
            for (long number : EXTREMES) {
                device.attach((int) number, endpoint, number < 0); // CheckedLog compares each request
                device.detach((int) number, (int) number);
                for (long other : EXTREMES) {
                    device.map((int) number, number, other, other - 1, (int) other & 3, other < 0);
                    device.unmap((int) other, other, number);
                }
            }
            device.endBatch();
        }
        assertTrue(log.records.stream()
                .anyMatch(each -> each instanceof JournalRecord.Domains its
                        && its.requests().size() == DomainRecord.MAX_REQUESTS));
    }

    @Test
    void shouldTakeFewBytesForABatchThatWalksThroughMemory() {
        int endpoint = 0xffff0001;
        try (DomainExecutor device = new DomainExecutor(engine, guest, List.of(endpoint), false)) {
            device.attach(70_000, endpoint, false);
            device.endBatch();
            for (long i = 0; i < 32; i++) {
                device.map(70_000, i << 12, (i << 12) + 4095, i << 12, 3, false);
            }
            device.endBatch();
        }
        int bytes = log.payloads.get(log.payloads.size() - 2).length; // before the end of the device
        assertTrue(bytes < 32 * 6 + 40, "bytes=" + bytes);
    }

    private void assertKept(Change change) {
        assertEquals(change, log.roundTrip(guest, change, true, CheckedLog.BY).change());
    }

    @Test
    void shouldKeepWhoAskedUpToItsLimit() {
        String longest = "x".repeat(RecordWriter.MAX_STRING_BYTES);
        String wide = "\u00e9".repeat(RecordWriter.MAX_STRING_BYTES); // two bytes each
        Change change = new Change.GuestReturned();

        assertEquals("", log.roundTrip(guest, change, true, "").by());
        assertEquals(longest, log.roundTrip(guest, change, true, longest).by());
        assertEquals(longest, log.roundTrip(guest, change, true, longest + "y").by());
        assertEquals(
                wide.substring(0, RecordWriter.MAX_STRING_BYTES / 2),
                log.roundTrip(guest, change, true, "" + wide).by());
        // A character of two bytes does not fit into the last one.
        assertEquals(
                longest.substring(1),
                log.roundTrip(guest, change, true, longest.substring(1) + "\u00e9")
                        .by());
    }

    @Test
    void shouldKeepRecordsWithoutAGuest() {
        MemorySegment buffer = Arena.ofAuto().allocate(RecordEncoder.BUFFER_BYTES);
        RecordEncoder encoder = new RecordEncoder(buffer);
        for (long number : EXTREMES) {
            JournalRecord.ServiceStart start = new JournalRecord.ServiceStart(number, number % 2 == 0, "0.1.0 \u00e4");
            encoder.serviceStart(start);
            assertEquals(start, decoded(RecordKind.SERVICE_START, encoder, buffer));

            JournalRecord.Fault fault = new JournalRecord.Fault((int) number, number, number < 0);
            encoder.fault(fault.endpoint(), fault.iovaBytes(), fault.write());
            assertEquals(fault, decoded(RecordKind.FAULT, encoder, buffer));
        }
        encoder.serviceStop();
        assertEquals(new JournalRecord.ServiceStop(), decoded(RecordKind.SERVICE_STOP, encoder, buffer));
        encoder.serviceStop();
        assertEquals(new JournalRecord.Unfinished(), decoded(RecordKind.UNFINISHED, encoder, buffer));
    }

    private static JournalRecord decoded(RecordKind kind, RecordEncoder encoder, MemorySegment buffer) {
        return RecordDecoder.decode(kind.number(), buffer.asSlice(0, encoder.lengthBytes()));
    }

    @Test
    void shouldNumberKindsForEver() {
        int[] numbers = new int[RecordKind.values().length];
        for (RecordKind kind : RecordKind.values()) {
            numbers[kind.number()]++;
            assertEquals(kind, RecordKind.of(kind.number()));
        }
        int[] once = new int[numbers.length];
        java.util.Arrays.fill(once, 1);
        assertArrayEquals(once, numbers);
        assertEquals(3, RecordKind.SLICE.number());
        assertEquals(4, RecordKind.CHANGE.number());
        for (SliceRecord.Part part : SliceRecord.Part.values()) {
            assertEquals(part, WireNumber.part(WireNumber.of(part)));
        }
        assertEquals(3, WireNumber.of(SliceRecord.Part.CALL_END));
    }

    /** A host that answers each page otherwise makes more events than a record can keep; the record says so. */
    @Test
    void shouldSayThatEventsAreMissing() {
        RecordingHost odd = new RecordingHost((1L << 36) - 1, true);
        CheckedEvents events = new CheckedEvents();
        Engine other = new Engine(odd, events);
        Guest owner =
                other.addGuest(2, new GuestPolicy(true, true, 80_000, 80_000, 400, 80_000, 4, List.of()), List.of());
        owner.registerMemory(0, 60_000, new TestMemory(60_000));
        TestMemory arrays = new TestMemory(4);
        owner.registerMemory(70_000, 4, arrays);
        try (GuestDriver calls = new GuestDriver(other, owner, arrays, 70_000)) {
            int context = calls.allocContext();
            calls.run(IommuOp.cmd(IommuOp.MAP_RANGE, 0, context), new RangeOp(0, 0, 60_000, 3));
            for (long bfn = 0; bfn < 60_000; bfn += 2) {
                odd.refuseToCut(bfn);
            }

            assertEquals(IommuStatus.EIO, calls.freeContext(context));
        }
        odd.behave();
        other.close();

        assertTrue(events.incomplete, "the record should say that events are missing");
    }

    private static final class CheckedEvents implements org.pviommu.engine.BatchLog {
        private final MemorySegment buffer = Arena.ofAuto().allocate(RecordEncoder.BUFFER_BYTES);
        private final RecordEncoder encoder = new RecordEncoder(buffer);
        boolean incomplete;

        @Override
        public void commitDomains(DomainRecord batch) {}

        @Override
        public boolean reserve(int operations, boolean removal) {
            return true;
        }

        @Override
        public void commit(SliceRecord slice) {
            encoder.slice(slice, "");
            JournalRecord.Slice decoded = (JournalRecord.Slice) decoded(RecordKind.SLICE, encoder, buffer);
            incomplete |= decoded.incomplete() && decoded.events().size() > 10_000;
        }

        @Override
        public void changed(Guest guest, Change change, boolean endOfCall) {}
    }
}
