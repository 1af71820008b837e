package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.ReservedRegion;

/**
 * A virtio-iommu device of the model: its domains, each a list of mappings, and which endpoint is in which. Everything is looked
 * for by going through all of it.
 */
final class DeviceModel {
    /** One MAP. Bytes, inclusive, unsigned. */
    record Entry(long first, long last, long target, int access, boolean mmio, long serial) {
        boolean overlaps(long otherFirst, long otherLast) {
            return Long.compareUnsigned(first, otherLast) <= 0 && Long.compareUnsigned(otherFirst, last) <= 0;
        }

        boolean within(long otherFirst, long otherLast) {
            return Long.compareUnsigned(otherFirst, first) <= 0 && Long.compareUnsigned(last, otherLast) <= 0;
        }
    }

    static final class Domain {
        final int id;
        final boolean bypass;
        final List<Entry> entries = new ArrayList<>();

        Domain(int id, boolean bypass) {
            this.id = id;
            this.bypass = bypass;
        }
    }

    final List<Integer> endpoints;
    private final GuestModel guest;
    private final TreeMap<Integer, Domain> domains = new TreeMap<>(Integer::compareUnsigned);
    private final Map<Integer, Domain> attached = new HashMap<>();
    private long held;
    /** Removed mappings whose regions are held. */
    private final List<Entry> owed = new ArrayList<>();

    private boolean needsFlush;
    /** Address spaces of domains that are gone, until the flush. */
    private int dying;

    DeviceModel(GuestModel guest, List<Integer> endpoints) {
        this.guest = guest;
        this.endpoints = endpoints;
    }

    boolean governs(int endpoint) {
        return endpoints.contains(endpoint);
    }

    @Nullable
    Domain domain(int id) {
        return domains.get(id);
    }

    List<Domain> domains() {
        return List.copyOf(domains.values());
    }

    @Nullable
    Domain domainOf(int endpoint) {
        return attached.get(endpoint);
    }

    boolean hasRoomForDomain() {
        return domains.size() + dying + guest.spaces.size() < guest.policy.maxContexts();
    }

    Domain add(int id, boolean bypass) {
        Domain domain = new Domain(id, bypass);
        domains.put(id, domain);
        return domain;
    }

    void move(int endpoint, @Nullable Domain to) {
        Domain from = to == null ? attached.remove(endpoint) : attached.put(endpoint, to);
        if (from != null && from != to) {
            dropIfEmpty(from);
        }
    }

    void reset() {
        attached.clear();
        domains().forEach(this::dropIfEmpty);
    }

    private void dropIfEmpty(Domain domain) {
        if (!attached.containsValue(domain)) {
            domains.remove(domain.id);
            removeAll(domain, 0, -1L);
            dying += domain.bypass ? 0 : 1;
        }
    }

    /** Removes what lies in the range, in order; at the bound on held frames what is held is flushed first. */
    void removeAll(Domain domain, long first, long last) {
        List<Entry> gone = new ArrayList<>(domain.entries);
        gone.removeIf(entry -> !entry.within(first, last));
        gone.sort(Comparator.comparing(Entry::first, Long::compareUnsigned));
        for (Entry entry : gone) {
            if (!guest.mayHoldMore()) {
                held = 0;
                owed.clear();
            }
            domain.entries.remove(entry);
            guest.addToDigest(-RangeNumber.of(guest.id, domain.id, entry));
            held += frames(entry, null);
            owed.add(entry);
            needsFlush = true;
        }
    }

    void map(Domain domain, Entry entry) {
        domain.entries.add(entry);
        guest.addToDigest(RangeNumber.of(guest.id, domain.id, entry));
    }

    boolean isReserved(Domain domain, long first, long last) {
        for (EndpointDescriptor endpoint : guest.endpoints) {
            if (attached.get(endpoint.endpointId()) == domain && reserves(endpoint, first, last)) {
                return true;
            }
        }
        return false;
    }

    private static boolean reserves(EndpointDescriptor endpoint, long first, long last) {
        for (ReservedRegion region : endpoint.reserved()) {
            boolean before = Long.compareUnsigned(last, region.bfns().first() << 12) < 0;
            boolean after = Long.compareUnsigned(region.bfns().last() << 12 | 4095, first) < 0;
            if (!before && !after) {
                return true;
            }
        }
        return false;
    }

    /** Whether the endpoint may join: nothing mapped where it reserves, and nobody gets into firmware's memory. */
    boolean accepts(Domain domain, EndpointDescriptor newcomer) {
        for (Entry entry : domain.entries) {
            if (reserves(newcomer, entry.first(), entry.last())) {
                return false;
            }
        }
        for (EndpointDescriptor endpoint : guest.endpoints) {
            boolean there = !domain.bypass && attached.get(endpoint.endpointId()) == domain;
            if (there && (!shares(endpoint, newcomer) || !shares(newcomer, endpoint))) {
                return false;
            }
        }
        return true;
    }

    /** Page by page: {@code other} reserves, in whatever way, all that firmware keeps mapped for {@code endpoint}. */
    private static boolean shares(EndpointDescriptor endpoint, EndpointDescriptor other) {
        for (ReservedRegion region : endpoint.reserved()) {
            boolean identity = region.kind() == ReservedRegion.Kind.IDENTITY;
            for (long bfn = region.bfns().first();
                    identity && bfn <= region.bfns().last();
                    bfn++) {
                if (!reserves(other, bfn << 12, bfn << 12 | 4095)) {
                    return false;
                }
            }
        }
        return true;
    }

    // Memory.

    /** Frames of the guest's memory that the host IOMMU translates for it; of one region, or of all. */
    long frames(Entry entry, @Nullable RegionModel only) {
        long[] total = {0};
        forEachPiece(entry, only, (firstBfn, frames) -> total[0] += frames);
        return total[0];
    }

    /** The last bus frame that the host would have to translate for it, or -1. */
    long lastBfn(Entry entry) {
        long[] last = {-1};
        forEachPiece(entry, null, (firstBfn, frames) -> last[0] = Math.max(last[0], firstBfn + frames - 1));
        return last[0];
    }

    private interface Piece {
        void frames(long firstBfn, long frames);
    }

    private void forEachPiece(Entry entry, @Nullable RegionModel only, Piece piece) {
        if (entry.mmio() || entry.access() == 0 || ((entry.first() ^ entry.target()) & 4095) != 0) {
            return;
        }
        long lastTarget = entry.target() + (entry.last() - entry.first());
        for (RegionModel region : guest.regions) {
            if (leadsTo(entry, region) && (only == null || only == region)) {
                for (FrameRange range : withoutHypervisors(region.first, region.last)) {
                    long firstMfn = Math.max(range.first(), roundUp(entry.target()));
                    long lastMfn = Math.min(range.last(), wholeUpTo(lastTarget));
                    if (firstMfn <= lastMfn) {
                        long iova = entry.first() + ((firstMfn << 12) - entry.target());
                        piece.frames(iova >>> 12, lastMfn - firstMfn + 1);
                    }
                }
            }
        }
    }

    private static long roundUp(long address) {
        return (address >>> 12) + ((address & 4095) == 0 ? 0 : 1);
    }

    /** The last frame that ends at or before the byte after {@code lastAddress}. */
    private static long wholeUpTo(long lastAddress) {
        return (lastAddress >>> 12) - ((lastAddress & 4095) == 4095 ? 0 : 1);
    }

    private List<FrameRange> withoutHypervisors(long first, long last) {
        List<FrameRange> rest = new ArrayList<>();
        long from = first;
        List<FrameRange> holes = new ArrayList<>(guest.policy.reservedMfns());
        holes.sort(Comparator.comparingLong(FrameRange::first));
        for (FrameRange hole : holes) {
            if (hole.first() > from && hole.first() <= last) {
                rest.add(new FrameRange(from, hole.first() - 1));
            }
            if (hole.first() <= last && hole.last() >= from) {
                from = hole.last() + 1;
            }
        }
        if (from <= last) {
            rest.add(new FrameRange(from, last));
        }
        return rest;
    }

    private static boolean leadsTo(Entry entry, RegionModel region) {
        return region.source == null && region.serial <= entry.serial();
    }

    /** Whether a mapping, or one that is owed, leads to a byte of the region. */
    boolean holds(RegionModel region) {
        return owed.stream().anyMatch(entry -> touches(entry, region))
                || domains.values().stream()
                        .flatMap(domain -> domain.entries.stream())
                        .anyMatch(entry -> touches(entry, region));
    }

    private boolean touches(Entry entry, RegionModel region) {
        long firstMfn = entry.target() >>> 12;
        long lastMfn = (entry.target() + (entry.last() - entry.first())) >>> 12;
        return !entry.mmio()
                && leadsTo(entry, region)
                && withoutHypervisors(region.first, region.last).stream()
                        .anyMatch(range -> firstMfn <= range.last() && range.first() <= lastMfn);
    }

    long mappedFrames() {
        long frames = 0;
        for (Domain domain : domains.values()) {
            for (Entry entry : domain.entries) {
                frames += frames(entry, null);
            }
        }
        return frames;
    }

    long mappings() {
        return domains.values().stream()
                .mapToLong(domain -> domain.entries.size())
                .sum();
    }

    long heldFrames() {
        return held;
    }

    boolean needsFlush() {
        return needsFlush;
    }

    /** What was removed cannot be reached any more. */
    void flushed() {
        held = 0;
        owed.clear();
        dying = 0;
        needsFlush = false;
    }
}
