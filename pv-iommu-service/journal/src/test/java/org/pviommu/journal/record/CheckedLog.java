package org.pviommu.journal.record;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.abi.IommuAttachOp;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.Guest;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.engine.SliceRecord;

/** A log that encodes and decodes each record at once, and compares what comes back with what the engine says. */
final class CheckedLog implements BatchLog {
    static final String BY = "operator";

    final List<JournalRecord> records = new ArrayList<>();
    final List<byte[]> payloads = new ArrayList<>();
    private final MemorySegment buffer = Arena.ofAuto().allocate(RecordEncoder.BUFFER_BYTES);
    private final RecordEncoder encoder = new RecordEncoder(buffer);
    boolean room = true;

    @Override
    public boolean reserve(int operations, boolean removal) {
        return room || removal;
    }

    @Override
    public void commit(SliceRecord slice) {
        encoder.slice(slice, BY);
        JournalRecord.Slice decoded = (JournalRecord.Slice) decode(RecordKind.SLICE);
        compareHead(slice.guest(), decoded);
        assertEquals(slice.context(), decoded.context());
        assertEquals(slice.subOp(), decoded.subOp());
        assertEquals(slice.part(), decoded.part());
        assertEquals(slice.flush(), decoded.flush());
        assertEquals(slice.isDeferred(), decoded.deferred());
        assertEquals(slice.hadRoomForMaps(), decoded.roomForMaps());
        assertEquals(slice.hadRoomForRemovals(), decoded.roomForRemovals());
        assertEquals(slice.isEndOfCall(), decoded.endOfCall());
        assertEquals(slice.operations(), decoded.operations());
        assertEquals(expected(slice), singly(decoded.runs()));
    }

    @Override
    public void commitDomains(DomainRecord batch) {
        encoder.domains(batch, BY);
        JournalRecord.Domains decoded = (JournalRecord.Domains) decode(RecordKind.DOMAINS);
        compareHead(batch.guest(), decoded);
        assertEquals(batch.flush(), decoded.flush());
        assertEquals(batch.hadRoomForMaps(), decoded.roomForMaps());
        assertEquals(batch.hadRoomForRemovals(), decoded.roomForRemovals());
        List<DomainRequest> expected = new ArrayList<>();
        for (int i = 0; i < batch.count(); i++) {
            expected.add(new DomainRequest(
                    batch.kind(i),
                    batch.domain(i),
                    batch.endpoint(i),
                    batch.option(i),
                    batch.access(i),
                    batch.first(i),
                    batch.last(i),
                    batch.target(i),
                    batch.status(i)));
        }
        assertEquals(expected, decoded.requests());
    }

    @Override
    public void changed(Guest guest, Change change, boolean endOfCall) {
        JournalRecord.GuestChange decoded = roundTrip(guest, change, endOfCall, BY);
        assertEquals(change, decoded.change());
        assertEquals(endOfCall, decoded.endOfCall());
    }

    /** Encodes and decodes a change that need not have happened. */
    JournalRecord.GuestChange roundTrip(Guest guest, Change change, boolean endOfCall, String by) {
        encoder.change(guest, change, endOfCall, by);
        JournalRecord.GuestChange decoded = (JournalRecord.GuestChange) decode(RecordKind.CHANGE);
        if (by.equals(BY)) {
            compareHead(guest, decoded);
        }
        return decoded;
    }

    private JournalRecord decode(RecordKind kind) {
        byte[] payload = buffer.asSlice(0, encoder.lengthBytes()).toArray(ValueLayout.JAVA_BYTE);
        JournalRecord decoded = RecordDecoder.decode(kind.number(), MemorySegment.ofArray(payload));
        records.add(decoded);
        payloads.add(payload);
        return decoded;
    }

    private static void compareHead(Guest guest, JournalRecord.OfGuest decoded) {
        assertEquals(guest.id(), decoded.guestId());
        assertEquals(BY, decoded.by());
        assertEquals(new GuestState(guest.digest(), guest.mappedFrames(), guest.heldFrames()), decoded.state());
        OutsideEvents events = guest.events();
        assertEquals(events.isIncomplete(), decoded.incomplete());
        List<OutsideEvent> all = new ArrayList<>();
        for (int i = 0; i < events.count(); i++) {
            all.add(new OutsideEvent(events.kind(i), events.firstCall(i), events.calls(i), events.answer(i)));
        }
        assertEquals(all, decoded.events());
    }

    private static List<Run> expected(SliceRecord slice) {
        List<Run> all = new ArrayList<>();
        for (int i = 0; i < slice.operations(); i++) {
            all.add(element(slice, i));
        }
        return all;
    }

    private static Run element(SliceRecord slice, int i) {
        int status = slice.status(i);
        int subOp = slice.subOp();
        return switch (subOp) {
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> {
                boolean maps = subOp == IommuOp.MAP_RANGE;
                long mfn = maps ? slice.word(i, IommuRangeOp.MFN_OFFSET) : 0;
                int flags = maps ? (int) slice.word(i, IommuRangeOp.FLAGS_OFFSET) : 0;
                long pages = slice.word(i, IommuRangeOp.NR_PAGES_OFFSET);
                yield new Run(1, subOp, slice.bfn(i), mfn, flags, pages, slice.nrDone(i), status);
            }
            case IommuOp.ATTACH_DEVICE -> {
                long device = slice.word(i, IommuAttachOp.ENDPOINT_OFFSET);
                int flags = (int) slice.word(i, IommuAttachOp.FLAGS_OFFSET);
                yield new Run(1, subOp, device & 0xffffffffL, device >>> 32, flags, 0, 0, status);
            }
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT -> {
                long context = slice.word(i, IommuContextOp.CTX_NO_OFFSET) & 0xffffffffL;
                yield new Run(1, subOp, 0, context, 0, 0, 0, status);
            }
            default -> {
                int kind = slice.kind(i);
                boolean maps = kind != IommuOp.UNMAP_PAGE;
                yield new Run(1, kind, slice.bfn(i), maps ? slice.mfn(i) : 0, maps ? slice.flags(i) : 0, 0, 0, status);
            }
        };
    }

    /** Runs as one run for each element. */
    static List<Run> singly(List<Run> runs) {
        List<Run> all = new ArrayList<>();
        for (Run run : runs) {
            boolean maps = run.kind() != IommuOp.UNMAP_PAGE;
            for (int i = 0; i < run.count(); i++) {
                all.add(new Run(
                        1,
                        run.kind(),
                        run.bfn() + i,
                        run.mfn() + (maps ? i : 0),
                        run.flags(),
                        run.pages(),
                        run.nrDone(),
                        run.status()));
            }
        }
        return all;
    }
}
