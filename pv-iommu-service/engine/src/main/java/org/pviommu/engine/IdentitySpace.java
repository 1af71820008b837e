package org.pviommu.engine;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * Bypass: each frame of the guest's memory at its own address, readable and writable, except where an endpoint reserves something.
 * One for all endpoints of a guest that bypass, unattached or in a bypass domain, because all of these reach the same.
 *
 * <p>What the host IOMMU refuses to map is not reached by its devices; it is tried again when the memory changes. Under the guest's
 * lock; translations are read without it.
 */
final class IdentitySpace implements TranslationSource {
    private static final int EBUSY = 16;

    /** What the host has: bus frames from {@code firstBfn} on lead to the same frames of {@code region}. */
    private record Placement(long firstBfn, long pages, GuestRegion region) {
        long lastBfn() {
            return firstBfn + pages - 1;
        }
    }

    private final Guest guest;
    private final WatchedHost host;
    private final long lastBfn;
    private final List<FrameRange> reserved;
    private final List<Placement> placements = new ArrayList<>();
    private final IotlbGather gather = new IotlbGather();
    private final Counter removals = new Counter();

    IdentitySpace(Guest guest, HostAddressSpace host, long lastBfn, List<FrameRange> reserved) {
        this.guest = guest;
        this.host = new WatchedHost(host, guest.events());
        this.lastBfn = lastBfn;
        this.reserved = List.copyOf(reserved);
    }

    WatchedHost host() {
        return host;
    }

    @Override
    public long removals() {
        return removals.get();
    }

    @Override
    public boolean lookUp(long iova, int access, EndpointTranslation.Piece into) {
        long mfn = iova >>> 12;
        MemoryExtents extents = guest.extents();
        int at = extents.atOrAfter(mfn);
        if (at == extents.count()
                || extents.first(at) > mfn
                || extents.region(at).isLost()) {
            return false;
        }
        long end = extents.last(at);
        for (int i = 0; i < reserved.size(); i++) {
            FrameRange range = reserved.get(i);
            if (range.contains(mfn)) {
                return false;
            }
            end = range.first() > mfn ? Math.min(end, range.first() - 1) : end;
        }
        into.set(iova, ((end + 1) << 12) - iova);
        return true;
    }

    /** Maps what is not there yet. */
    void addMissing() {
        MemoryExtents extents = guest.extents();
        for (int i = 0; i < extents.count(); i++) {
            GuestRegion region = extents.region(i);
            if (!region.isLost() && extents.first(i) <= lastBfn) {
                FrameRange all = new FrameRange(extents.first(i), Math.min(extents.last(i), lastBfn));
                MemoryExtents.without(all, reserved).forEach(range -> addMissing(range, region));
            }
        }
    }

    private void addMissing(FrameRange range, GuestRegion region) {
        List<FrameRange> there = placements.stream()
                .map(each -> new FrameRange(each.firstBfn(), each.lastBfn()))
                .toList();
        for (FrameRange rest : MemoryExtents.without(range, there)) {
            long offset = region.offsetBytes(rest.first());
            int result = host.map(rest.first(), rest.count(), region.memory(), offset, Access.READ_WRITE);
            if (result == 0) {
                placements.add(new Placement(rest.first(), rest.count(), region));
            } else {
                guest.counters().failures.add(1);
            }
        }
    }

    /** Removes what leads to {@code region} from the host; false when it kept something. */
    boolean unmapFrom(GuestRegion region) {
        List<Placement> kept = new ArrayList<>();
        for (Iterator<Placement> each = placements.iterator(); each.hasNext(); ) {
            Placement placement = each.next();
            if (placement.region().equals(region)) {
                each.remove();
                unmap(placement, kept);
            }
        }
        placements.addAll(kept);
        removals.add(1);
        return kept.isEmpty();
    }

    /** -EBUSY speaks about one page, any other refusal about all that was asked for. */
    private void unmap(Placement placement, List<Placement> kept) {
        long end = placement.lastBfn();
        for (long bfn = placement.firstBfn(); bfn <= end; ) {
            long asked = end - bfn + 1;
            long removed = host.unmap(bfn, asked);
            if (removed > 0) {
                gather.add(bfn, removed);
                bfn += removed;
            } else {
                long refused = removed == -EBUSY ? 1 : asked;
                kept.add(new Placement(bfn, refused, placement.region()));
                bfn += refused;
            }
        }
    }

    /** Removes all of it from the host; false when it kept something. */
    boolean unmapAll() {
        boolean all = true;
        for (GuestRegion region : guest.regions()) {
            all &= unmapFrom(region);
        }
        return all;
    }

    /** Flushes what was removed; false leaves it for the next one. */
    boolean flush() {
        boolean flushed = gather.isEmpty();
        for (int attempt = 0; attempt < AddressSpace.FLUSH_ATTEMPTS && !flushed; attempt++) {
            flushed = host.flush(gather) == 0;
        }
        if (flushed) {
            gather.clear();
        }
        return flushed;
    }

    boolean isEmpty() {
        return placements.isEmpty() && gather.isEmpty();
    }

    void close() {
        host.destroy();
    }
}
