package org.pviommu.journal.record;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Access;
import org.pviommu.engine.Change;
import org.pviommu.engine.DomainRecord;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FileIdentity;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.OutsideEvents;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.engine.SliceRecord;

/** Decodes what {@link RecordEncoder} encoded; the payload is not trusted. */
public final class RecordDecoder {
    private static final int MIN_RUN_BYTES = 2;
    private static final int MAX_EVENTS = 1 << 16;
    /** More endpoints or ranges than this cannot be in a record that is within the length of records. */
    private static final int MAX_LIST = 1 << 16;

    private RecordDecoder() {}

    /**
     * The record as a value.
     *
     * @param kind the number of its kind
     * @throws BadRecordException when it does not have the form of a record
     */
    public static JournalRecord decode(int kind, MemorySegment payload) {
        RecordReader in = new RecordReader(payload);
        JournalRecord record;
        try {
            record = switch (RecordKind.of(kind)) {
                case UNFINISHED -> new JournalRecord.Unfinished();
                case SERVICE_START -> new JournalRecord.ServiceStart(in.getVarint(), flag(in), in.getString());
                case SERVICE_STOP -> new JournalRecord.ServiceStop();
                case SLICE -> new SliceDecoder(in).decode();
                case CHANGE -> change(in);
                case DOMAINS -> domains(in);
                case FAULT -> new JournalRecord.Fault((int) in.getVarint(), in.getVarint(), flag(in));
            };
        } catch (IllegalArgumentException e) {
            throw new BadRecordException("impossible value: " + e.getMessage());
        }
        in.requireEnd();
        return record;
    }

    private static boolean flag(RecordReader in) {
        return in.getByte() != 0;
    }

    /** The part of a record that all records about guests have. */
    private record Head(int guestId, String by, GuestState state, List<OutsideEvent> events, boolean incomplete) {
        static Head read(RecordReader in) {
            int guestId = (int) in.getVarint();
            String by = in.getString();
            GuestState state = new GuestState(in.getLong(), in.getVarint(), in.getVarint());
            int n = in.getCount("events", MAX_EVENTS);
            boolean incomplete = flag(in);
            List<OutsideEvent> events = n == 0 ? List.of() : new ArrayList<>();
            for (int i = 0; i < n; i++) {
                events.add(event(in));
            }
            return new Head(guestId, by, state, events, incomplete);
        }
    }

    private static OutsideEvent event(RecordReader in) {
        OutsideEvents.Kind kind = WireNumber.eventKind(in.getByte());
        int firstCall = in.getCount("first call", Integer.MAX_VALUE);
        int calls = in.getCount("calls", Integer.MAX_VALUE - firstCall);
        if (calls == 0) {
            throw new BadRecordException("calls=0 min=1");
        }
        return new OutsideEvent(kind, firstCall, calls, in.getSigned());
    }

    /** A slice: head, fields, runs. */
    private static final class SliceDecoder {
        private final RecordReader in;
        private List<Run> runs = List.of();
        private int subOp;

        SliceDecoder(RecordReader in) {
            this.in = in;
        }

        JournalRecord decode() {
            Head head = Head.read(in);
            subOp = in.getByte();
            SliceRecord.Part part = WireNumber.part(in.getByte());
            int options = in.getByte();
            SliceRecord.Flush flush = WireNumber.flush(options >>> RecordEncoder.FLUSH_SHIFT);
            int context = in.getCount("context", GuestPolicy.MAX_CONTEXTS - 1);
            int operations = in.getCount("operations", RecordEncoder.MAX_OPERATIONS);
            // No run is shorter, so a count that is not true costs no more than the record itself.
            runs = new ArrayList<>((int) Math.min(operations, in.remainingBytes() / MIN_RUN_BYTES));
            runs(operations);
            return new JournalRecord.Slice(
                    head.guestId(),
                    context,
                    subOp,
                    part,
                    (options & RecordEncoder.DEFERRED) != 0,
                    (options & RecordEncoder.ROOM_FOR_MAPS) != 0,
                    (options & RecordEncoder.ROOM_FOR_REMOVALS) != 0,
                    flush,
                    runs,
                    head.state(),
                    head.events(),
                    head.incomplete(),
                    head.by());
        }

        private void runs(int operations) {
            switch (subOp) {
                case IommuOp.MAP_PAGE, IommuOp.UNMAP_PAGE, IommuOp.MIXED -> pages(operations);
                case IommuOp.MAP_RANGE, IommuOp.UNMAP_RANGE -> ranges(operations);
                case IommuOp.ATTACH_DEVICE -> attaches(operations);
                case IommuOp.ALLOC_CONTEXT, IommuOp.FREE_CONTEXT -> contexts(operations);
                case IommuOp.FLUSH -> {
                    if (operations != 0) {
                        throw new BadRecordException("operations=" + operations + " of a flush");
                    }
                }
                default -> throw new BadRecordException("subOp=" + subOp);
            }
        }

        private void pages(int operations) {
            long expectedBfn = 0;
            long expectedMfn = 0;
            int kind = RecordEncoder.NO_KIND;
            int status = 0;
            int flags = 0;
            for (int left = operations; left > 0; ) {
                int head = in.getCount("run", 2 * left - 1); // at most 4096 are left
                int count = (head >>> 1) + 1;
                if ((head & 1) != 0) {
                    status = -in.getByte();
                    kind = subOp == IommuOp.MIXED ? in.getCount("kind", 0xffff) : subOp;
                    flags = kind == IommuOp.UNMAP_PAGE ? 0 : (int) in.getVarint();
                } else if (kind == RecordEncoder.NO_KIND) {
                    throw new BadRecordException("the first run is like one before it");
                }
                long bfn = expectedBfn + in.getSigned();
                expectedBfn = bfn + count;
                long mfn = 0;
                if (kind != IommuOp.UNMAP_PAGE) {
                    mfn = expectedMfn + in.getSigned();
                    expectedMfn = mfn + count;
                }
                runs.add(new Run(count, kind, bfn, mfn, flags, 0, 0, status));
                left -= count;
            }
        }

        private void ranges(int operations) {
            boolean maps = subOp == IommuOp.MAP_RANGE;
            for (int i = 0; i < operations; i++) {
                int status = -in.getByte();
                long bfn = in.getVarint();
                long pages = in.getVarint();
                long nrDone = in.getVarint();
                long mfn = maps ? in.getVarint() : 0;
                int flags = maps ? (int) in.getVarint() : 0;
                runs.add(new Run(1, subOp, bfn, mfn, flags, pages, nrDone, status));
            }
        }

        private void attaches(int operations) {
            for (int i = 0; i < operations; i++) {
                int status = -in.getByte();
                long endpoint = in.getVarint();
                long context = in.getVarint();
                runs.add(new Run(1, subOp, endpoint, context, (int) in.getVarint(), 0, 0, status));
            }
        }

        private void contexts(int operations) {
            for (int i = 0; i < operations; i++) {
                int status = -in.getByte();
                runs.add(new Run(1, subOp, 0, in.getVarint(), 0, 0, 0, status));
            }
        }
    }

    private static JournalRecord domains(RecordReader in) {
        Head head = Head.read(in);
        int options = in.getByte();
        int count = in.getCount("requests", DomainRecord.MAX_REQUESTS);
        List<DomainRequest> requests = new ArrayList<>();
        int domain = 0;
        long expectedFirst = 0;
        long expectedTarget = 0;
        for (int i = 0; i < count; i++) {
            DomainRequest request = request(in, domain, expectedFirst, expectedTarget);
            requests.add(request);
            domain = request.domain();
            if (request.hasRange()) {
                expectedFirst = request.last() + 1;
            }
            if (request.kind() == DomainRecord.Kind.MAP) {
                expectedTarget = request.target() + (request.last() - request.first()) + 1;
            }
        }
        return new JournalRecord.Domains(
                head.guestId(),
                requests,
                (options & 1) != 0,
                (options & 2) != 0,
                WireNumber.flush(options >>> 2),
                head.state(),
                head.events(),
                head.incomplete(),
                head.by());
    }

    private static DomainRequest request(RecordReader in, int lastDomain, long expectedFirst, long expectedTarget) {
        int what = in.getByte();
        if (what > 0x7f) {
            throw new BadRecordException("request=" + what + " max=127");
        }
        DomainRecord.Kind kind = WireNumber.requestKind(what);
        int status = (what & RecordEncoder.REQUEST_FAILED) != 0 ? in.getByte() : 0;
        int domain = (what & RecordEncoder.REQUEST_SAME_DOMAIN) != 0 ? lastDomain : unsigned(in);
        boolean option = (what & RecordEncoder.REQUEST_OPTION) != 0;
        if (kind == DomainRecord.Kind.ATTACH || kind == DomainRecord.Kind.DETACH) {
            return new DomainRequest(kind, domain, unsigned(in), option, 0, 0, 0, 0, status);
        }
        long first = expectedFirst + in.getSigned();
        long last = first + in.getVarint();
        long target = kind == DomainRecord.Kind.MAP ? expectedTarget + in.getSigned() : 0;
        int access = what >>> RecordEncoder.REQUEST_ACCESS_SHIFT & Access.READ_WRITE;
        return new DomainRequest(kind, domain, 0, option, access, first, last, target, status);
    }

    private static int unsigned(RecordReader in) {
        long value = in.getVarint();
        if (value >>> 32 != 0) {
            throw new BadRecordException("number=" + Long.toUnsignedString(value) + " has more than 32 bits");
        }
        return (int) value;
    }

    private static JournalRecord change(RecordReader in) {
        Head head = Head.read(in);
        boolean endOfCall = flag(in);
        int number = in.getByte();
        Change change = switch (number) {
            case ChangeNumber.GUEST_ADDED -> {
                int options = in.getByte();
                yield new Change.GuestAdded(
                        in.getVarint(), (options & 2) != 0, policy(in), endpoints(in), (options & 1) != 0);
            }
            case ChangeNumber.GUEST_REMOVED -> new Change.GuestRemoved(flag(in), flag(in));
            case ChangeNumber.MEMORY_REGISTERED ->
                new Change.MemoryRegistered(
                        in.getVarint(),
                        in.getVarint(),
                        new FileIdentity(in.getVarint(), in.getVarint()),
                        in.getVarint());
            case ChangeNumber.MEMORY_UNREGISTERED -> new Change.MemoryUnregistered(in.getVarint(), in.getVarint());
            case ChangeNumber.GRANT_GIVEN ->
                new Change.GrantGiven(
                        (int) in.getVarint(), in.getVarint(), in.getVarint(), in.getVarint(), in.getByte());
            case ChangeNumber.GRANT_REVOKED -> new Change.GrantRevoked(in.getVarint(), flag(in));
            case ChangeNumber.GUEST_RETURNED -> new Change.GuestReturned();
            case ChangeNumber.MEMORY_LOST -> new Change.MemoryLost(in.getVarint(), in.getVarint(), flag(in));
            case ChangeNumber.DEVICE_OPENED -> {
                int options = in.getByte();
                List<Integer> opened = new ArrayList<>();
                for (int left = in.getCount("endpoints", MAX_LIST); left > 0; left--) {
                    opened.add(unsigned(in));
                }
                yield new Change.DeviceOpened(opened, (options & 1) != 0, (options & 2) != 0);
            }
            case ChangeNumber.BYPASS_SET -> new Change.BypassSet(flag(in));
            case ChangeNumber.DEVICE_RESET -> new Change.DeviceReset();
            case ChangeNumber.DEVICE_CLOSED -> new Change.DeviceClosed(flag(in));
            default -> throw new BadRecordException("change=" + number);
        };
        return new JournalRecord.GuestChange(
                head.guestId(), change, endOfCall, head.state(), head.events(), head.incomplete(), head.by());
    }

    private static GuestPolicy policy(RecordReader in) {
        int options = in.getByte();
        return new GuestPolicy(
                (options & 1) != 0,
                (options & 2) != 0,
                in.getVarint(),
                in.getVarint(),
                in.getCount("maxTablePages", Integer.MAX_VALUE),
                in.getCount("maxHeldFrames", Integer.MAX_VALUE),
                in.getCount("maxContexts", Integer.MAX_VALUE),
                ranges(in));
    }

    private static List<FrameRange> ranges(RecordReader in) {
        int n = in.getCount("ranges", MAX_LIST);
        List<FrameRange> ranges = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            ranges.add(new FrameRange(in.getVarint(), in.getVarint()));
        }
        return ranges;
    }

    private static List<EndpointDescriptor> endpoints(RecordReader in) {
        int n = in.getCount("endpoints", MAX_LIST);
        List<EndpointDescriptor> endpoints = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            int endpointId = (int) in.getVarint();
            int group = (int) in.getVarint();
            List<ReservedRegion> reserved = new ArrayList<>();
            for (int left = in.getCount("reserved", MAX_LIST); left > 0; left--) {
                reserved.add(new ReservedRegion(
                        new FrameRange(in.getVarint(), in.getVarint()), WireNumber.regionKind(in.getByte())));
            }
            endpoints.add(new EndpointDescriptor(endpointId, group, reserved));
        }
        return endpoints;
    }
}
