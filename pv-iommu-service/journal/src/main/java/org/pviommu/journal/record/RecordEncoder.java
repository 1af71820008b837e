package org.pviommu.journal.record;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.pviommu.abi.IommuAttachOp;
import org.pviommu.abi.IommuContextOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.abi.IommuRangeOp;
import org.pviommu.engine.Access;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.SliceRecord;

/**
 * Encodes records. The head of a record about a guest:
 *
 * <pre>
 * varint guest | text by | u64 digest | varint mapped | varint held
 * varint number of events | u8 incomplete | each: u8 kind, varint first call, varint calls, signed answer
 * </pre>
 *
 * A slice then has {@code u8 subOp | u8 part | u8 options | varint context | varint operations}, and runs until these are
 * used up. Operations that continue one another are one run, so a sequential batch takes some ten bytes. One buffer, one
 * guest, under the guest's lock; slices allocate nothing.
 */
public final class RecordEncoder {
    /** What a slice needs besides its elements: head, events of the usual kind, and its own fields. */
    public static final int SLICE_OVERHEAD_BYTES = 512;
    /** The most that one element can take, as a run of its own: count, status, kind, flags, bfn, mfn, pages, nr_done. */
    public static final int MAX_ELEMENT_BYTES = 2 + 1 + 3 + 5 + 4 * RecordWriter.MAX_VARINT_BYTES;
    /** Operations of a slice. */
    public static final int MAX_OPERATIONS = 4096;
    /** Enough for any slice, with room for the events of a host that refuses everything. */
    public static final int BUFFER_BYTES = 512 * 1024;

    /** No element has it. */
    static final int NO_KIND = -1;

    static final int DEFERRED = 1;
    static final int ROOM_FOR_MAPS = 2;
    static final int ROOM_FOR_REMOVALS = 4;
    static final int FLUSH_SHIFT = 3;
    static final int REQUEST_OPTION = 4;
    static final int REQUEST_ACCESS_SHIFT = 3;
    static final int REQUEST_FAILED = 32;
    static final int REQUEST_SAME_DOMAIN = 64;
    static final int MAX_EVENT_BYTES = 1 + 5 + 5 + RecordWriter.MAX_VARINT_BYTES;

    private final RecordWriter out;

    /** Encodes into {@code buffer}, which has at least {@link #BUFFER_BYTES}. */
    public RecordEncoder(MemorySegment buffer) {
        this.out = new RecordWriter(buffer);
    }

    /** The bytes of the record encoded last: the first so many of the buffer. */
    public long lengthBytes() {
        return out.lengthBytes();
    }

    /** A slice, with its runs. */
    public void slice(SliceRecord slice, String by) {
        out.restart();
        long elements = SLICE_OVERHEAD_BYTES + (long) slice.operations() * MAX_ELEMENT_BYTES;
        head(slice.guest(), by, elements);
        out.putByte(slice.subOp());
        out.putByte(WireNumber.of(slice.part()));
        out.putByte((slice.isDeferred() ? DEFERRED : 0)
                | (slice.hadRoomForMaps() ? ROOM_FOR_MAPS : 0)
                | (slice.hadRoomForRemovals() ? ROOM_FOR_REMOVALS : 0)
                | WireNumber.of(slice.flush()) << FLUSH_SHIFT);
        out.putVarint(slice.context());
        out.putVarint(slice.operations());
        switch (slice.subOp()) {
            case IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, IommuOp.MIXED -> pages(slice);
            case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> ranges(slice);
            case IommuOp.ATTACH_DEVICE -> attaches(slice);
            case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT -> contexts(slice);
            default -> {
                // a flush has no elements
            }
        }
    }

    private void head(Guest guest, String by, long reservedBytes) {
        out.putVarint(guest.id() & 0xffffffffL);
        out.putString(by);
        out.putLong(guest.digest());
        out.putVarint(guest.mappedFrames());
        out.putVarint(guest.heldFrames());
        OutsideEvents events = guest.events();
        int n = (int) Math.min(events.count(), (out.freeBytes() - reservedBytes) / MAX_EVENT_BYTES);
        out.putVarint(n);
        out.putByte(events.isIncomplete() || n < events.count() ? 1 : 0);
        for (int i = 0; i < n; i++) {
            out.putByte(WireNumber.of(events.kind(i)));
            out.putVarint(events.firstCall(i));
            out.putVarint(events.calls(i));
            out.putSigned(events.answer(i));
        }
    }

    /**
     * A run: {@code varint (count - 1) << 1 | changed}, then if changed {@code u8 status, varint kind (mixed calls), varint flags
     * (maps)}, then {@code signed bfn} and for maps {@code signed mfn}, both as the distance from where the last one ended.
     * What is like the run before it takes three bytes.
     */
    private void pages(SliceRecord slice) {
        boolean mixed = slice.subOp() == IommuOp.MIXED;
        long at = out.position();
        long expectedBfn = 0;
        long expectedMfn = 0;
        int lastKind = NO_KIND;
        int lastStatus = 0;
        int lastFlags = 0;
        int count;
        for (int i = 0; i < slice.operations(); i += count) {
            count = slice.runLength(i);
            int kind = slice.kind(i);
            int status = slice.status(i);
            boolean maps = kind != IommuOp.UNMAP_PAGE;
            int flags = maps ? slice.flags(i) : 0;
            boolean changed = kind != lastKind || status != lastStatus || flags != lastFlags;
            at = out.putVarint(at, (count - 1) << 1 | (changed ? 1 : 0));
            if (changed) {
                at = out.putByte(at, -status);
                at = mixed ? out.putVarint(at, kind) : at;
                at = maps ? out.putVarint(at, flags & 0xffffffffL) : at;
                lastKind = kind;
                lastStatus = status;
                lastFlags = flags;
            }
            long bfn = slice.bfn(i);
            at = out.putSigned(at, bfn - expectedBfn);
            expectedBfn = bfn + count;
            if (maps) {
                long mfn = slice.mfn(i);
                at = out.putSigned(at, mfn - expectedMfn);
                expectedMfn = mfn + count;
            }
        }
        out.position(at);
    }

    private void ranges(SliceRecord slice) {
        for (int i = 0; i < slice.operations(); i++) {
            out.putByte(-slice.status(i));
            out.putVarint(slice.word(i, IommuRangeOp.BFN_OFFSET));
            out.putVarint(slice.word(i, IommuRangeOp.NR_PAGES_OFFSET));
            out.putVarint(slice.nrDone(i));
            if (slice.subOp() == IommuOp.MAP_RANGE) {
                out.putVarint(slice.word(i, IommuRangeOp.MFN_OFFSET));
                out.putVarint(slice.word(i, IommuRangeOp.FLAGS_OFFSET) & 0xffffffffL);
            }
        }
    }

    private void attaches(SliceRecord slice) {
        for (int i = 0; i < slice.operations(); i++) {
            long device = slice.word(i, IommuAttachOp.ENDPOINT_OFFSET);
            long flags = slice.word(i, IommuAttachOp.FLAGS_OFFSET);
            out.putByte(-slice.status(i));
            out.putVarint(device & 0xffffffffL);
            out.putVarint(device >>> 32);
            out.putVarint(flags & 0xffffffffL);
        }
    }

    private void contexts(SliceRecord slice) {
        for (int i = 0; i < slice.operations(); i++) {
            out.putByte(-slice.status(i));
            out.putVarint(slice.word(i, IommuContextOp.CTX_NO_OFFSET) & 0xffffffffL);
        }
    }

    /**
     * A batch of requests: {@code u8 options | varint requests}, and for each {@code u8 what | if it failed: u8 status | if another domain
     * than before: varint domain}, then {@code varint endpoint}, or {@code signed first | varint last - first}, and for MAP {@code signed
     * target}. First and target are the distance from where the last one ended, so what walks through memory takes few bytes.
     */
    public void domains(DomainRecord batch, String by) {
        out.restart();
        head(batch.guest(), by, SLICE_OVERHEAD_BYTES + (long) batch.count() * MAX_ELEMENT_BYTES);
        out.putByte((batch.hadRoomForMaps() ? 1 : 0)
                | (batch.hadRoomForRemovals() ? 2 : 0)
                | WireNumber.of(batch.flush()) << 2);
        out.putVarint(batch.count());
        int domain = 0;
        long expectedFirst = 0;
        long expectedTarget = 0;
        for (int i = 0; i < batch.count(); i++) {
            request(batch, i, domain);
            domain = batch.domain(i);
            if (batch.kind(i) == DomainRecord.Kind.ATTACH || batch.kind(i) == DomainRecord.Kind.DETACH) {
                out.putVarint(batch.endpoint(i) & 0xffffffffL);
                continue;
            }
            long length = batch.last(i) - batch.first(i);
            out.putSigned(batch.first(i) - expectedFirst);
            out.putVarint(length);
            expectedFirst = batch.last(i) + 1;
            if (batch.kind(i) == DomainRecord.Kind.MAP) {
                out.putSigned(batch.target(i) - expectedTarget);
                expectedTarget = batch.target(i) + length + 1;
            }
        }
    }

    private void request(DomainRecord batch, int index, int lastDomain) {
        int status = batch.status(index);
        boolean sameDomain = batch.domain(index) == lastDomain;
        out.putByte(WireNumber.of(batch.kind(index))
                | (batch.option(index) ? REQUEST_OPTION : 0)
                | (batch.access(index) & Access.READ_WRITE) << REQUEST_ACCESS_SHIFT
                | (status != 0 ? REQUEST_FAILED : 0)
                | (sameDomain ? REQUEST_SAME_DOMAIN : 0));
        if (status != 0) {
            out.putByte(status);
        }
        if (!sameDomain) {
            out.putVarint(batch.domain(index) & 0xffffffffL);
        }
    }

    /** A change of {@code guest}. */
    public void change(Guest guest, Change change, boolean endOfCall, String by) {
        out.restart();
        head(guest, by, BUFFER_BYTES / 2);
        out.putByte(endOfCall ? 1 : 0);
        switch (change) {
            case Change.GuestAdded added -> {
                out.putByte(ChangeNumber.GUEST_ADDED);
                out.putByte((added.admitted() ? 1 : 0) | (added.cutsMappings() ? 2 : 0));
                out.putVarint(added.lastBfn());
                policy(added.policy());
                endpoints(added.endpoints());
            }
            case Change.GuestRemoved removed -> {
                out.putByte(ChangeNumber.GUEST_REMOVED);
                out.putByte(removed.heldByGrantees() ? 1 : 0);
                out.putByte(removed.done() ? 1 : 0);
            }
            case Change.MemoryRegistered memory -> {
                out.putByte(ChangeNumber.MEMORY_REGISTERED);
                out.putVarint(memory.firstMfn());
                out.putVarint(memory.pages());
                out.putVarint(memory.file().device());
                out.putVarint(memory.file().inode());
                out.putVarint(memory.fileOffsetBytes());
            }
            case Change.MemoryUnregistered memory -> {
                out.putByte(ChangeNumber.MEMORY_UNREGISTERED);
                out.putVarint(memory.firstMfn());
                out.putVarint(memory.pages());
            }
            case Change.GrantGiven grant -> {
                out.putByte(ChangeNumber.GRANT_GIVEN);
                out.putVarint(grant.ownerId() & 0xffffffffL);
                out.putVarint(grant.ownerFirstMfn());
                out.putVarint(grant.pages());
                out.putVarint(grant.firstMfn());
                out.putByte(grant.access());
            }
            case Change.GrantRevoked grant -> {
                out.putByte(ChangeNumber.GRANT_REVOKED);
                out.putVarint(grant.firstMfn());
                out.putByte(grant.force() ? 1 : 0);
            }
            case Change.GuestReturned ignored -> out.putByte(ChangeNumber.GUEST_RETURNED);
            case Change.MemoryLost lost -> {
                out.putByte(ChangeNumber.MEMORY_LOST);
                out.putVarint(lost.firstMfn());
                out.putVarint(lost.pages());
                out.putByte(lost.done() ? 1 : 0);
            }
            case Change.DeviceOpened opened -> {
                out.putByte(ChangeNumber.DEVICE_OPENED);
                out.putByte((opened.bypass() ? 1 : 0) | (opened.opened() ? 2 : 0));
                out.putVarint(opened.endpoints().size());
                opened.endpoints().forEach(endpoint -> out.putVarint(endpoint & 0xffffffffL));
            }
            case Change.BypassSet bypass -> {
                out.putByte(ChangeNumber.BYPASS_SET);
                out.putByte(bypass.on() ? 1 : 0);
            }
            case Change.DeviceReset ignored -> out.putByte(ChangeNumber.DEVICE_RESET);
            case Change.DeviceClosed closed -> {
                out.putByte(ChangeNumber.DEVICE_CLOSED);
                out.putByte(closed.done() ? 1 : 0);
            }
        }
    }

    private void policy(GuestPolicy policy) {
        out.putByte((policy.enabled() ? 1 : 0) | (policy.permitted() ? 2 : 0));
        out.putVarint(policy.maxMemoryFrames());
        out.putVarint(policy.maxMappedFrames());
        out.putVarint(policy.maxTablePages());
        out.putVarint(policy.maxHeldFrames());
        out.putVarint(policy.maxContexts());
        out.putVarint(policy.reservedMfns().size());
        policy.reservedMfns().forEach(this::range);
    }

    private void range(FrameRange range) {
        out.putVarint(range.first());
        out.putVarint(range.last());
    }

    private void endpoints(List<EndpointDescriptor> endpoints) {
        out.putVarint(endpoints.size());
        for (EndpointDescriptor endpoint : endpoints) {
            out.putVarint(endpoint.endpointId() & 0xffffffffL);
            out.putVarint(endpoint.group() & 0xffffffffL);
            out.putVarint(endpoint.reserved().size());
            for (ReservedRegion region : endpoint.reserved()) {
                range(region.bfns());
                out.putByte(WireNumber.of(region.kind()));
            }
        }
    }

    /** The service started. */
    public void serviceStart(JournalRecord.ServiceStart start) {
        out.restart();
        out.putVarint(start.lastBfn());
        out.putByte(start.cutsMappings() ? 1 : 0);
        out.putString(start.version());
    }

    /** The service stopped. */
    public void serviceStop() {
        out.restart();
    }

    /** A fault of a device. */
    public void fault(int endpoint, long iovaBytes, boolean write) {
        out.restart();
        out.putVarint(endpoint & 0xffffffffL);
        out.putVarint(iovaBytes);
        out.putByte(write ? 1 : 0);
    }
}
