package org.pviommu.engine;

import java.util.ArrayList;
import java.util.List;
import org.pviommu.engine.RangeIndex.Insertion;

/**
 * A mapping-granular address space, of a virtio-iommu domain: its mappings, their counterpart in the host IOMMU, what waits for a
 * flush and what is held until then. Ranges are inclusive {@code [first, last]}, in bytes, unsigned.
 *
 * <p>One MAP is one mapping of the host for each piece of memory behind it, never joined with another's, so each is removed as it was
 * made. Frames are held per region: a count of the mappings that touch it, owed ones included.
 *
 * <p>One writer at a time (the guest's lock). Translations are read without it.
 */
final class RangeSpace implements TranslationSource {
    private static final int EBUSY = 16;
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;
    private static final RangeIndex.Sink NOBODY = (first, last, target, attributes) -> {};

    private final Guest guest;
    private final int domain;
    private final WatchedHost host;
    private final long lastBfn;
    private final long digestSalt;
    private final RangeIndex index;
    private final IotlbGather gather = new IotlbGather();
    private final GoneFrames gone = new GoneFrames();
    private final OwedHolds owedHolds = new OwedHolds();
    private final RangePieces pieces = new RangePieces();
    private final RangePieces others = new RangePieces();
    private final Counter removals = new Counter();
    private final Counter mappedFrames = new Counter();
    private final Counter mappings = new Counter();
    private long owedFrames;
    private boolean flushed;
    private boolean closed;

    /** What the attached endpoints reserve: first and last byte of each range. */
    private long[] reserved = {};

    RangeSpace(Guest guest, int domain, HostAddressSpace host, TableMemory tables, HostCapabilities capabilities) {
        this.guest = guest;
        this.domain = domain;
        this.host = new WatchedHost(host, guest.events());
        this.lastBfn = capabilities.lastBfn();
        this.digestSalt = RangeDigest.salt(guest.id(), domain);
        this.index = new RangeIndex(tables, guest.tableQuota(), guest.readers());
    }

    int domain() {
        return domain;
    }

    WatchedHost host() {
        return host;
    }

    /** Frames that the host IOMMU translates. */
    long mappedFrames() {
        return mappedFrames.get();
    }

    /** How many mappings there are. */
    long mappings() {
        return mappings.get();
    }

    void freeRetired() {
        if (!closed) {
            index.freeRetired();
        }
    }

    void setReserved(List<FrameRange> bfns) {
        long[] bounds = new long[2 * bfns.size()];
        for (int i = 0; i < bfns.size(); i++) {
            bounds[2 * i] = bfns.get(i).first() << 12; // frames are below 2^52
            bounds[2 * i + 1] = bfns.get(i).last() << 12 | 4095;
        }
        reserved = bounds;
    }

    private boolean isReserved(long first, long last) {
        for (int i = 0; i < reserved.length; i += 2) {
            if (Long.compareUnsigned(reserved[i], last) <= 0 && Long.compareUnsigned(first, reserved[i + 1]) <= 0) {
                return true;
            }
        }
        return false;
    }

    /** Whether something is mapped in these bus frames. */
    boolean occupies(FrameRange bfns) {
        return index.overlaps(bfns.first() << 12, bfns.last() << 12 | 4095);
    }

    // ---- readers

    @Override
    public long removals() {
        return removals.get();
    }

    @Override
    public boolean lookUp(long iova, int access, EndpointTranslation.Piece into) {
        long entry = index.find(iova);
        if (entry == 0) {
            return false;
        }
        long attributes = RangeIndex.attributes(entry);
        if ((access & ~RangeAttributes.access(attributes)) != 0 || RangeAttributes.isMmio(attributes)) {
            return false;
        }
        long target = RangeIndex.target(entry) + (iova - RangeIndex.first(entry));
        MemoryExtents extents = guest.extents();
        long mfn = target >>> 12;
        int at = extents.atOrAfter(mfn);
        if (at == extents.count()
                || extents.first(at) > mfn
                || extents.region(at).isLost()
                || !extents.region(at).servesMapping(RangeAttributes.serial(attributes))) {
            return false;
        }
        long inExtent = ((extents.last(at) + 1) << 12) - target;
        long after = RangeIndex.last(entry) - iova; // unsigned: bytes after the first
        into.set(target, Long.compareUnsigned(after, inExtent) < 0 ? after + 1 : inExtent);
        return true;
    }

    /** Mappings from {@code fromIova} on, at most {@code limit}; each is right when it is looked at. */
    List<RangeMapping> list(long fromIova, int limit) {
        List<RangeMapping> all = new ArrayList<>();
        long from = fromIova;
        while (all.size() < limit) {
            int section = guest.readers().enter();
            try {
                long entry = index.findAtOrAfter(from);
                if (entry == 0) {
                    return all;
                }
                all.add(mapping(entry));
                from = RangeIndex.last(entry) + 1;
            } finally {
                guest.readers().exit(section);
            }
            if (from == 0) {
                return all; // that was the last byte there is
            }
        }
        return all;
    }

    private static RangeMapping mapping(long entry) {
        long attributes = RangeIndex.attributes(entry);
        return new RangeMapping(
                RangeIndex.first(entry),
                RangeIndex.last(entry),
                RangeIndex.target(entry),
                RangeAttributes.access(attributes),
                RangeAttributes.isMmio(attributes),
                RangeAttributes.serial(attributes));
    }

    /** Hands all mappings to {@code sink}, with all attributes. By whoever may change them. */
    void copyTo(RangeIndex.Sink sink) {
        for (long entry = index.findAtOrAfter(0); entry != 0; entry = next(entry)) {
            sink.mapping(
                    RangeIndex.first(entry),
                    RangeIndex.last(entry),
                    RangeIndex.target(entry),
                    RangeIndex.attributes(entry));
        }
    }

    // ---- map

    /** Adds a mapping that may do what {@code access} says. The status of the request. */
    int map(long first, long last, long target, int access, boolean mmio) {
        return map(first, last, target, RangeAttributes.of(access, mmio, guest.regionSerial()));
    }

    /** The same, with all attributes: those that a mapping had before a restart. */
    int map(long first, long last, long target, long attributes) {
        if (isReserved(first, last) || index.overlaps(first, last)) {
            return RequestStatus.INVAL; // C48, C55
        }
        long frames = 0;
        startPieces(first, last, target, attributes);
        while (pieces.next()) {
            if (pieces.pages() > 0 && pieces.bfn() + pieces.pages() - 1 > lastBfn) {
                return RequestStatus.RANGE; // C26: where the host's devices could not get
            }
            frames += pieces.pages();
        }
        if (frames > guest.mappableFrames()) {
            return RequestStatus.NOMEM; // C59
        }
        Insertion inserted = index.insert(first, last, target, attributes);
        if (inserted != Insertion.DONE) {
            return inserted == Insertion.OVERLAP ? RequestStatus.INVAL : RequestStatus.NOMEM;
        }
        enter(first, last, target, attributes, frames);
        return program(first, last, target, attributes);
    }

    private void startPieces(long first, long last, long target, long attributes) {
        pieces.start(guest.extents(), first, last, target, attributes);
    }

    private void enter(long first, long last, long target, long attributes, long frames) {
        mappings.add(1);
        mappedFrames.add(frames);
        guest.addMappedFrames(frames);
        guest.counters().maps.add(frames);
        guest.addToDigest(RangeDigest.of(digestSalt, first, last, target, RangeAttributes.state(attributes)));
        startPieces(first, last, target, attributes);
        while (pieces.next()) {
            pieces.region().addHolds(1);
        }
    }

    private int program(long first, long last, long target, long attributes) {
        startPieces(first, last, target, attributes);
        while (pieces.next()) {
            if (pieces.pages() == 0) {
                continue;
            }
            GuestRegion region = pieces.region();
            int result = host.map(
                    pieces.bfn(),
                    pieces.pages(),
                    region.memory(),
                    region.offsetBytes(pieces.mfn()),
                    RangeAttributes.access(attributes));
            if (result != 0) {
                takeBack(first);
                return result == -ENOMEM || result == -ENOSPC ? RequestStatus.NOMEM : RequestStatus.DEVERR;
            }
            if (!gone.isEmpty()) {
                gone.remove(pieces.bfn(), pieces.pages());
            }
        }
        return RequestStatus.OK;
    }

    /**
     * The host refused the piece that is current: it and those after it are not there, those before it are removed again. What the host
     * does not give back makes the mapping stay, with nobody let in, until it is unmapped.
     */
    private void takeBack(long first) {
        do {
            gone.add(pieces.bfn(), pieces.pages());
        } while (pieces.next());
        long entry = index.find(first);
        if (!remove(entry)) {
            long attributes = RangeIndex.attributes(entry);
            long failed = RangeAttributes.failed(attributes);
            guest.addToDigest(digest(entry, failed) - digest(entry, attributes));
            index.putAttributes(entry, failed);
            removals.add(1);
        }
    }

    private long digest(long entry, long attributes) {
        return RangeDigest.of(
                digestSalt,
                RangeIndex.first(entry),
                RangeIndex.last(entry),
                RangeIndex.target(entry),
                RangeAttributes.state(attributes));
    }

    // ---- unmap

    /** Removes the mappings in [first, last], holes are fine; RANGE and nothing changed when one would be cut (C63, C64). */
    int unmap(long first, long last) {
        long head = index.find(first);
        long tail = index.find(last);
        if ((head != 0 && RangeIndex.first(head) != first) || (tail != 0 && RangeIndex.last(tail) != last)) {
            return RequestStatus.RANGE;
        }
        return removeAll(first, last) ? RequestStatus.OK : RequestStatus.IOERR;
    }

    /** Goes on past refusals: one of them must not cut the rest short (XSA-386). */
    private boolean removeAll(long first, long last) {
        boolean all = true;
        long from = first;
        while (true) {
            long entry = index.findAtOrAfter(from);
            if (entry == 0 || Long.compareUnsigned(RangeIndex.first(entry), last) > 0) {
                return all;
            }
            long end = RangeIndex.last(entry);
            guest.device().flushEarly();
            all &= remove(entry);
            if (Long.compareUnsigned(end, last) >= 0) {
                return all;
            }
            from = end + 1;
        }
    }

    /** Removes everything; false when the host IOMMU refused some of it. */
    boolean unmapAll() {
        return closed || removeAll(0, -1L);
    }

    /** Removes one mapping from the host and then from the index; false when the host has kept something, and so does the index. */
    private boolean remove(long entry) {
        long first = RangeIndex.first(entry);
        long last = RangeIndex.last(entry);
        long target = RangeIndex.target(entry);
        long attributes = RangeIndex.attributes(entry);
        if (!unmapPieces(first, last, target, attributes)) {
            return false;
        }
        guest.addToDigest(-digest(entry, attributes));
        index.remove(first, last, NOBODY);
        owe(first, last, target, attributes);
        return true;
    }

    private boolean unmapPieces(long first, long last, long target, long attributes) {
        int done = 0;
        startPieces(first, last, target, attributes);
        while (pieces.next()) {
            if (!unmapPiece(pieces)) {
                return unmapRestOfPieces(first, last, target, attributes, done);
            }
            done++;
        }
        return true;
    }

    /** One piece was refused: the rest is removed all the same, and what is gone is remembered, because the mapping stays. */
    private boolean unmapRestOfPieces(long first, long last, long target, long attributes, int done) {
        others.start(guest.extents(), first, last, target, attributes);
        for (int i = 0; i < done && others.next(); i++) {
            gone.add(others.bfn(), others.pages());
        }
        while (pieces.next()) {
            if (unmapPiece(pieces)) {
                gone.add(pieces.bfn(), pieces.pages());
            }
        }
        return false;
    }

    private boolean unmapPiece(RangePieces piece) {
        long pages = piece.pages();
        if (pages == 0) {
            return true;
        }
        if (!gone.isEmpty()) {
            return unmapPresent(piece.bfn(), pages);
        }
        long removed = host.unmap(piece.bfn(), pages);
        if (removed == pages) {
            gather.add(piece.bfn(), pages);
            return true;
        }
        boolean some = noteRemoved(piece.bfn(), removed);
        long asked = some ? removed : removed == -EBUSY ? 1 : pages;
        boolean rest = unmapPresent(piece.bfn() + asked, pages - asked);
        return some && rest;
    }

    private boolean noteRemoved(long bfn, long removed) {
        if (removed > 0) {
            gather.add(bfn, removed);
            gone.add(bfn, removed);
        }
        return removed > 0;
    }

    /** -EBUSY speaks about one page, any other refusal about all that was asked for: so each page is asked for at most once. */
    private boolean unmapPresent(long firstBfn, long pages) {
        boolean all = true;
        long last = firstBfn + pages - 1;
        long bfn = gone.nextPresent(firstBfn);
        while (bfn <= last) {
            long asked = gone.lastPresent(bfn, last) - bfn + 1;
            long removed = host.unmap(bfn, asked);
            boolean some = noteRemoved(bfn, removed);
            all &= some;
            bfn = gone.nextPresent(some ? bfn : bfn + (removed == -EBUSY ? 1 : asked));
        }
        return all;
    }

    /** What the mapping held is owed until a flush; it is not in the index any more. */
    private void owe(long first, long last, long target, long attributes) {
        long frames = 0;
        startPieces(first, last, target, attributes);
        while (pieces.next()) {
            frames += pieces.pages();
            owedHolds.add(pieces.region());
            if (!gone.isEmpty() && pieces.pages() > 0) {
                gone.remove(pieces.bfn(), pieces.pages());
            }
        }
        mappings.add(-1);
        countRemoved(frames);
        guest.counters().unmaps.add(frames);
    }

    private void countRemoved(long frames) {
        mappedFrames.add(-frames);
        guest.addMappedFrames(-frames);
        guest.addHeldFrames(frames);
        owedFrames += frames;
        flushed = false;
        removals.add(1);
        guest.device().changed();
    }

    // ---- memory that goes

    /** Removes what leads to {@code region} from the host alone; false when it refused some of it. The mappings stay. */
    boolean unmapFrom(GuestRegion region) {
        boolean all = true;
        for (long entry = index.findAtOrAfter(0); entry != 0; entry = next(entry)) {
            startPieces(entry, region);
            while (pieces.next()) {
                boolean removed = unmapPiece(pieces);
                if (removed) {
                    gone.add(pieces.bfn(), pieces.pages());
                }
                all &= removed;
            }
        }
        removals.add(1);
        flushed = false;
        guest.device().changed();
        return all;
    }

    /** After {@link #unmapFrom} and a flush: {@code region} is not held by this space any more. */
    void forget(GuestRegion region) {
        for (long entry = index.findAtOrAfter(0); entry != 0; entry = next(entry)) {
            startPieces(entry, region);
            while (pieces.next()) {
                region.addHolds(-1);
                mappedFrames.add(-pieces.pages());
                guest.addMappedFrames(-pieces.pages());
                if (pieces.pages() > 0) {
                    gone.remove(pieces.bfn(), pieces.pages());
                }
            }
        }
    }

    private void startPieces(long entry, GuestRegion region) {
        pieces.start(
                guest.extents(),
                RangeIndex.first(entry),
                RangeIndex.last(entry),
                RangeIndex.target(entry),
                RangeIndex.attributes(entry),
                region);
    }

    private long next(long entry) {
        long last = RangeIndex.last(entry);
        return last == -1L ? 0 : index.findAtOrAfter(last + 1);
    }

    // ---- flush

    /** Flushes what the host removed; readers are waited for by the caller. False leaves the gather for the next one. */
    boolean flush() {
        if (gather.isEmpty() || closed) {
            flushed = true;
            return true;
        }
        for (int attempt = 0; attempt < AddressSpace.FLUSH_ATTEMPTS && !flushed; attempt++) {
            flushed = host.flush(gather) == 0;
        }
        (flushed ? guest.counters().flushes : guest.counters().flushFailures).add(1);
        if (flushed) {
            gather.clear();
        }
        return flushed;
    }

    /** Covers everything that ever was in here with the next flush. */
    void requireWholeFlush() {
        gather.addWholeSpace();
        flushed = false;
    }

    /** Drops the holds of what was removed, when the flush went well and readers are gone. */
    void release() {
        if (flushed) {
            owedHolds.release();
            guest.addHeldFrames(-owedFrames);
            owedFrames = 0;
        }
    }

    /** Whether nothing is mapped and nothing is owed. */
    boolean isDrained() {
        return closed || (index.size() == 0 && owedFrames == 0 && gather.isEmpty());
    }

    /** Gives everything back; nothing is attached, mapped or owed. */
    void close() {
        if (!closed) {
            host.destroy();
            closed = true;
            index.destroy();
        }
    }
}
