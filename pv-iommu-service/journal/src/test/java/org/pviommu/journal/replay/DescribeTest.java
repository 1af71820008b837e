package org.pviommu.journal.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuStatus;
import org.pviommu.engine.Change;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FileIdentity;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.engine.SliceRecord;
import org.pviommu.journal.record.GuestState;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.record.OutsideEvent;
import org.pviommu.journal.record.Run;

class DescribeTest {

    private static final GuestState STATE = new GuestState(0xabcL, 5, 2);

    static JournalRecord.Slice slice(int subOp, SliceRecord.Flush flush, List<Run> runs) {
        return new JournalRecord.Slice(
                7, 0, subOp, SliceRecord.Part.CALL_END, false, true, true, flush, runs, STATE, List.of(), false, "");
    }

    private static Run page(int kind, int count, long bfn, long mfn, int flags, int status) {
        return new Run(count, kind, bfn, mfn, flags, 0, 0, status);
    }

    private static JournalRecord.GuestChange change(Change change) {
        return new JournalRecord.GuestChange(7, change, true, STATE, List.of(), false, "");
    }

    private static void assertDescribed(String expected, JournalRecord record) {
        assertEquals(expected, Describe.record(record));
    }

    @Test
    void shouldDescribePages() {
        assertDescribed(
                "guest=7 context=0 map_page CALL_END flush=NONE [bfn 0x10 x4 -> mfn 0x20 rw ok;"
                        + " bfn 0x30 -> mfn 0x5 r- EADDRINUSE; bfn 0x31 -> mfn 0x6 flags=0x9 EINVAL]"
                        + " digest=abc mapped=5 held=2",
                slice(
                        IommuOp.MAP_PAGE,
                        SliceRecord.Flush.NONE,
                        List.of(
                                page(IommuOp.MAP_PAGE, 4, 0x10, 0x20, 3, 0),
                                page(IommuOp.MAP_PAGE, 1, 0x30, 5, 1, IommuStatus.EADDRINUSE),
                                page(IommuOp.MAP_PAGE, 1, 0x31, 6, 9, IommuStatus.EINVAL))));
        assertDescribed(
                "guest=7 context=0 unmap_page CALL_END flush=DONE [bfn 0xffffffffffffffff x2 ERANGE]"
                        + " digest=abc mapped=5 held=2",
                slice(
                        IommuOp.UNMAP_PAGE,
                        SliceRecord.Flush.DONE,
                        List.of(page(IommuOp.UNMAP_PAGE, 2, -1, 0, 0, IommuStatus.ERANGE))));
    }

    @Test
    void shouldDescribeMixedElementsByKind() {
        assertDescribed(
                "guest=7 context=0 mixed CALL_END flush=FAILED [unmap_page bfn 0x1 EIO; subop 77 bfn 0x2 -> mfn 0x3 r-"
                        + " EINVAL] digest=abc mapped=5 held=2",
                slice(
                        IommuOp.MIXED,
                        SliceRecord.Flush.FAILED,
                        List.of(
                                page(IommuOp.UNMAP_PAGE, 1, 1, 0, 0, IommuStatus.EIO),
                                page(77, 1, 2, 3, 1, IommuStatus.EINVAL))));
    }

    @Test
    void shouldDescribeRangesContextsAndAttaches() {
        assertEquals(
                "bfn 0x10 pages=18446744073709551615 -> mfn 0x5 rw nr_done=9 ENXIO",
                Describe.run(IommuOp.MAP_RANGE, new Run(1, IommuOp.MAP_RANGE, 16, 5, 3, -1, 9, IommuStatus.ENXIO)));
        assertEquals(
                "bfn 0x10 pages=8 nr_done=8 ok",
                Describe.run(IommuOp.UNMAP_RANGE, new Run(1, IommuOp.UNMAP_RANGE, 16, 0, 0, 8, 8, 0)));
        assertEquals(
                "context 3 ok",
                Describe.run(IommuOp.ALLOC_CONTEXT, new Run(1, IommuOp.ALLOC_CONTEXT, 0, 3, 0, 0, 0, 0)));
        assertEquals(
                "endpoint 0x10008 to context 2 EBUSY",
                Describe.run(
                        IommuOp.ATTACH_DEVICE,
                        new Run(1, IommuOp.ATTACH_DEVICE, 0x10008, 2, 0, 0, 0, IommuStatus.EBUSY)));
    }

    @Test
    void shouldDescribeWhatIsUnusualAboutASlice() {
        JournalRecord.Slice slice = new JournalRecord.Slice(
                7,
                3,
                IommuOp.UNMAP_PAGE,
                SliceRecord.Part.OF_SLICE,
                true,
                false,
                false,
                SliceRecord.Flush.DONE,
                List.of(),
                STATE,
                List.of(
                        new OutsideEvent(OutsideEvents.Kind.HOST, 4, 3, -5),
                        new OutsideEvent(OutsideEvents.Kind.TABLE, 1, 1, 0)),
                true,
                "operator");

        assertDescribed(
                "guest=7 context=3 unmap_page deferred OF_SLICE flush=DONE no room for removals []"
                        + " digest=abc mapped=5 held=2 outside: host 4..6 answered -5, table 1 answered 0"
                        + " (and more that was not kept) by operator",
                slice);
    }

    @Test
    void shouldCutLongRecords() {
        List<Run> many = new ArrayList<>(Collections.nCopies(40, page(IommuOp.UNMAP_PAGE, 1, 9, 0, 0, 0)));

        String line = Describe.record(slice(IommuOp.UNMAP_PAGE, SliceRecord.Flush.DONE, many));

        assertTrue(line.contains("; and 24 more]"), line);
        assertTrue(line.length() < 1000, line);
    }

    @Test
    void shouldDescribeChanges() {
        String rest = " digest=abc mapped=5 held=2";
        EndpointDescriptor endpoint = new EndpointDescriptor(-1, List.of());
        GuestPolicy policy = GuestPolicy.permissive();
        assertDescribed(
                "guest=7 came, endpoints=[0xffffffff]" + rest,
                change(new Change.GuestAdded(0xffff_ffffL, true, policy, List.of(endpoint), true)));
        assertDescribed(
                "guest=7 was refused by the host IOMMU, endpoints=[]" + rest,
                change(new Change.GuestAdded(0xffff_ffffL, true, policy, List.of(), false)));
        assertDescribed("guest=7 is gone" + rest, change(new Change.GuestRemoved(false, true)));
        assertDescribed(
                "guest=7 is dead, its frames stay held by grantees" + rest,
                change(new Change.GuestRemoved(true, false)));
        assertDescribed(
                "guest=7 registered mfns 0x10..0x1f of inode 99" + rest,
                change(new Change.MemoryRegistered(16, 16, new FileIdentity(1, 99), 0)));
        assertDescribed("guest=7 took back mfns 0x10..0x10" + rest, change(new Change.MemoryUnregistered(16, 1)));
        assertDescribed(
                "guest=7 was granted mfns 0x100..0x103 r- by guest 3, its mfn 0x50" + rest,
                change(new Change.GrantGiven(3, 0x50, 4, 0x100, 1)));
        assertDescribed("guest=7 lost the grant at mfn 0x100" + rest, change(new Change.GrantRevoked(0x100, false)));
        assertDescribed(
                "guest=7 lost the grant at mfn 0x100 and what was mapped of it" + rest,
                change(new Change.GrantRevoked(0x100, true)));
        assertDescribed("guest=7 came back with the same memory" + rest, change(new Change.GuestReturned()));
    }

    @Test
    void shouldDescribeTheServiceAndItsDevices() {
        assertDescribed(
                "service started, version=0.1 last_bfn=0xfff cuts mappings",
                new JournalRecord.ServiceStart(0xfff, true, "0.1"));
        assertDescribed(
                "service started, version=0.1 last_bfn=0xfff cannot cut mappings",
                new JournalRecord.ServiceStart(0xfff, false, "0.1"));
        assertDescribed("service stopped", new JournalRecord.ServiceStop());
        assertDescribed("a record that was never finished", new JournalRecord.Unfinished());
        assertDescribed(
                "fault endpoint=0xffff0001 iova=0xfee00000 write",
                new JournalRecord.Fault(0xffff0001, 0xfee00000L, true));
        assertDescribed("fault endpoint=0x1 iova=0x0 read", new JournalRecord.Fault(1, 0, false));
    }
}
