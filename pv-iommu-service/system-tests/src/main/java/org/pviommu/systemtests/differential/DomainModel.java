package org.pviommu.systemtests.differential;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.RequestStatus;
import org.pviommu.engine.ReservedRegion;

/**
 * What a virtio-iommu device has to answer and its endpoints have to reach, by going through lists. Ranges are inclusive, in bytes,
 * unsigned. The host does what it is asked.
 */
final class DomainModel {
    /** One MAP. */
    record Entry(long first, long last, long target, int access, boolean mmio, long born) {
        boolean contains(long iova) {
            return Long.compareUnsigned(first, iova) <= 0 && Long.compareUnsigned(iova, last) <= 0;
        }

        boolean meets(long otherFirst, long otherLast) {
            return Long.compareUnsigned(first, otherLast) <= 0 && Long.compareUnsigned(otherFirst, last) <= 0;
        }

        boolean isWithin(long otherFirst, long otherLast) {
            return Long.compareUnsigned(otherFirst, first) <= 0 && Long.compareUnsigned(last, otherLast) <= 0;
        }
    }

    /** Memory of the guest, and when it came. */
    record Region(long firstMfn, long lastMfn, FrameMemory memory, long born) {}

    /** A domain. */
    static final class Domain {
        final boolean bypass;
        final List<Entry> entries = new ArrayList<>();

        Domain(boolean bypass) {
            this.bypass = bypass;
        }
    }

    private final List<EndpointDescriptor> endpoints;
    private final FrameRange hypervisors;
    private final int maxDomains;
    private final long lastBfn;
    final TreeMap<Integer, Domain> domains = new TreeMap<>(Integer::compareUnsigned);
    private final Map<Integer, Integer> attached = new HashMap<>();
    final List<Region> regions = new ArrayList<>();
    boolean bypass;
    private long clock;
    /** Domains that are gone, which keep their room until the flush. */
    private int leaving;

    DomainModel(List<EndpointDescriptor> endpoints, FrameRange hypervisors, int maxDomains, long lastBfn) {
        this.endpoints = endpoints;
        this.hypervisors = hypervisors;
        this.maxDomains = maxDomains;
        this.lastBfn = lastBfn;
    }

    void register(long firstMfn, long pages, FrameMemory memory) {
        regions.add(new Region(firstMfn, firstMfn + pages - 1, memory, ++clock));
    }

    void lose(Region region) {
        regions.remove(region);
        clock++;
    }

    /** Whether a mapping leads to some of it. */
    boolean isHeld(Region region) {
        for (long mfn = region.firstMfn(); mfn <= region.lastMfn(); mfn++) {
            for (Domain domain : domains.values()) {
                for (Entry entry : domain.entries) {
                    boolean meets = (entry.target() >>> 12) <= mfn
                            && mfn <= (entry.target() + (entry.last() - entry.first())) >>> 12;
                    if (meets && !entry.mmio() && entry.born() >= region.born() && !hypervisors.contains(mfn)) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    // Requests.

    int attach(int domainId, int endpointId, boolean wantsBypass) {
        EndpointDescriptor endpoint = endpoint(endpointId);
        if (endpoint == null) {
            return RequestStatus.NOENT;
        }
        Domain domain = domains.get(domainId);
        if (domain != null && domain.bypass != wantsBypass) {
            return RequestStatus.INVAL;
        }
        if (domain != null && !domain.bypass && !accepts(domainId, domain, endpoint)) {
            return RequestStatus.UNSUPP;
        }
        if (domain == null) {
            if (domains.size() + leaving >= maxDomains) {
                return attached.containsKey(endpointId) ? RequestStatus.UNSUPP : RequestStatus.NOMEM;
            }
            domains.put(domainId, new Domain(wantsBypass));
        }
        Integer before = attached.put(endpointId, domainId);
        dropIfEmpty(before);
        return RequestStatus.OK;
    }

    private boolean accepts(int domainId, Domain domain, EndpointDescriptor newcomer) {
        for (ReservedRegion region : newcomer.reserved()) {
            for (Entry entry : domain.entries) {
                if (entry.meets(region.bfns().first() << 12, region.bfns().last() << 12 | 4095)) {
                    return false;
                }
            }
        }
        for (EndpointDescriptor each : endpoints) {
            boolean there = Integer.valueOf(domainId).equals(attached.get(each.endpointId()));
            if (there && (lacksIdentityOf(each, newcomer) || lacksIdentityOf(newcomer, each))) {
                return false;
            }
        }
        return true;
    }

    private static boolean lacksIdentityOf(EndpointDescriptor of, EndpointDescriptor other) {
        for (ReservedRegion region : of.reserved()) {
            for (long bfn = region.bfns().first(); bfn <= region.bfns().last(); bfn++) {
                if (region.kind() == ReservedRegion.Kind.IDENTITY && !reserves(other, bfn)) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean reserves(EndpointDescriptor endpoint, long bfn) {
        return endpoint.reserved().stream().anyMatch(region -> region.bfns().contains(bfn));
    }

    private void dropIfEmpty(@Nullable Integer domainId) {
        if (domainId != null && !attached.containsValue(domainId)) {
            Domain gone = domains.remove(domainId);
            leaving += gone != null && !gone.bypass ? 1 : 0;
        }
    }

    int detach(int domainId, int endpointId) {
        if (endpoint(endpointId) == null) {
            return RequestStatus.NOENT;
        }
        if (!Integer.valueOf(domainId).equals(attached.get(endpointId))) {
            return RequestStatus.INVAL;
        }
        attached.remove(endpointId);
        dropIfEmpty(domainId);
        return RequestStatus.OK;
    }

    int map(int domainId, long first, long last, long target, int access, boolean mmio) {
        Domain domain = domains.get(domainId);
        if (domain == null) {
            return RequestStatus.NOENT;
        }
        if (domain.bypass || Long.compareUnsigned(last, first) < 0) {
            return RequestStatus.INVAL;
        }
        if (Long.compareUnsigned(target + (last - first), target) < 0) {
            return RequestStatus.RANGE;
        }
        if (domain.entries.stream().anyMatch(entry -> entry.meets(first, last)) || isReserved(domainId, first, last)) {
            return RequestStatus.INVAL;
        }
        Entry entry = new Entry(first, last, target, access, mmio, clock);
        long beyond = Math.max(first >>> 12, lastBfn + 1); // 52 bits, also at the end of 64
        for (long bfn = beyond; bfn <= beyond + 8; bfn++) { // no test maps more than that beyond the aperture
            if (frameOf(entry, bfn) >= 0) {
                return RequestStatus.RANGE;
            }
        }
        domain.entries.add(entry);
        return RequestStatus.OK;
    }

    private boolean isReserved(int domainId, long first, long last) {
        for (EndpointDescriptor each : endpoints) {
            if (Integer.valueOf(domainId).equals(attached.get(each.endpointId()))) {
                for (ReservedRegion region : each.reserved()) {
                    Entry range = new Entry(first, last, 0, 0, true, 0);
                    if (range.meets(region.bfns().first() << 12, region.bfns().last() << 12 | 4095)) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    int unmap(int domainId, long first, long last) {
        Domain domain = domains.get(domainId);
        if (domain == null) {
            return RequestStatus.NOENT;
        }
        if (domain.bypass || Long.compareUnsigned(last, first) < 0) {
            return RequestStatus.INVAL;
        }
        if (domain.entries.stream().anyMatch(entry -> entry.meets(first, last) && !entry.isWithin(first, last))) {
            return RequestStatus.RANGE;
        }
        domain.entries.removeIf(entry -> entry.meets(first, last));
        return RequestStatus.OK;
    }

    void endBatch() {
        leaving = 0;
    }

    void reset() {
        attached.clear();
        domains.clear();
    }

    private @Nullable EndpointDescriptor endpoint(int endpointId) {
        for (EndpointDescriptor each : endpoints) {
            if (each.endpointId() == endpointId) {
                return each;
            }
        }
        return null;
    }

    // What endpoints reach.

    /** What translates an endpoint: a domain, BYPASS, or null when it is blocked. */
    private static final Domain BYPASS = new Domain(true);

    private @Nullable Domain bound(EndpointDescriptor endpoint) {
        Domain common = wanted(endpoint);
        for (EndpointDescriptor each : endpoints) {
            if (each.group() == endpoint.group() && wanted(each) != common) {
                return null;
            }
        }
        return common;
    }

    private @Nullable Domain wanted(EndpointDescriptor endpoint) {
        Integer id = attached.get(endpoint.endpointId());
        Domain domain = id == null ? null : domains.get(id);
        if (domain == null) {
            return bypass ? BYPASS : null;
        }
        return domain.bypass ? BYPASS : domain;
    }

    /** The number in the frame that the host lets {@code endpointId} read at a bus frame, or -1. */
    long hostFrame(int endpointId, long bfn) {
        Domain domain = bound(found(endpointId));
        if (domain == null || bfn > lastBfn) {
            return -1;
        }
        if (domain == BYPASS) {
            return isReservedByAny(bfn) ? -1 : frame(bfn, Long.MAX_VALUE);
        }
        for (Entry entry : domain.entries) {
            long frame = frameOf(entry, bfn);
            if (frame >= 0 && (entry.access() & 1) != 0) {
                return frame;
            }
        }
        return -1;
    }

    private EndpointDescriptor found(int endpointId) {
        return Divergence.found(endpoint(endpointId), "no endpoint " + endpointId);
    }

    private boolean isReservedByAny(long bfn) {
        return endpoints.stream().anyMatch(each -> reserves(each, bfn));
    }

    /** The frame that the host has at {@code bfn} because of a mapping, or -1: whole frames of memory only. */
    private long frameOf(Entry entry, long bfn) {
        boolean whole = entry.contains(bfn << 12) && entry.contains(bfn << 12 | 4095);
        long target = entry.target() + ((bfn << 12) - entry.first());
        boolean shifted = (target & 4095) != 0;
        return !whole || shifted || entry.mmio() || entry.access() == 0 ? -1 : frame(target >>> 12, entry.born());
    }

    /** The number in frame {@code mfn}, if it was there at {@code born} already and is the guest's; or -1. */
    private long frame(long mfn, long born) {
        for (Region region : regions) {
            boolean inside = region.firstMfn() <= mfn && mfn <= region.lastMfn();
            if (inside && region.born() <= born && !hypervisors.contains(mfn)) {
                return region.memory().frameAt((mfn - region.firstMfn()) << 12);
            }
        }
        return -1;
    }

    /** Where our own endpoints get from {@code iova} with these rights: target, or -1. */
    long target(int endpointId, long iova, int access) {
        Domain domain = bound(found(endpointId));
        if (domain == null) {
            return -1;
        }
        if (domain == BYPASS) {
            return isReservedByAny(iova >>> 12) || frame(iova >>> 12, Long.MAX_VALUE) < 0 ? -1 : iova;
        }
        for (Entry entry : domain.entries) {
            if (entry.contains(iova)) {
                long target = entry.target() + (iova - entry.first());
                boolean allowed = !entry.mmio() && (access & ~entry.access()) == 0;
                return allowed && frame(target >>> 12, entry.born()) >= 0 ? target : -1;
            }
        }
        return -1;
    }

    // State as a whole.

    /** The mappings of a domain, in order. */
    List<Entry> sorted(int domainId) {
        Domain domain = domains.get(domainId);
        List<Entry> all = domain == null ? new ArrayList<>() : new ArrayList<>(domain.entries);
        all.sort(Comparator.comparing(Entry::first, Long::compareUnsigned));
        return all;
    }

    /** The frames that hosts translate for mappings. */
    long mappedFrames() {
        long frames = 0;
        for (Domain domain : domains.values()) {
            for (Entry entry : domain.entries) {
                frames += frames(entry);
            }
        }
        return frames;
    }

    private long frames(Entry entry) {
        long frames = 0;
        long firstMfn = entry.target() >>> 12;
        long lastMfn = (entry.target() + (entry.last() - entry.first())) >>> 12;
        for (Region region : regions) {
            for (long mfn = Math.max(firstMfn, region.firstMfn()); mfn <= Math.min(lastMfn, region.lastMfn()); mfn++) {
                long iova = entry.first() + ((mfn << 12) - entry.target());
                boolean begins = Long.compareUnsigned(mfn << 12, entry.target()) >= 0;
                frames += begins && (iova & 4095) == 0 && frameOf(entry, iova >>> 12) >= 0 ? 1 : 0;
            }
        }
        return frames;
    }

    /** The digest by its definition: a sum over mappings of a chain of splitmix64 steps. */
    long digest(int guestId) {
        long[] sum = {0};
        domains.forEach((id, domain) -> domain.entries.forEach(entry -> sum[0] += number(guestId, id, entry)));
        return sum[0];
    }

    private static long number(int guestId, int domain, Entry entry) {
        long attributes = entry.access() | (entry.mmio() ? 4 : 0);
        long place = step(step(guestId) ^ domain);
        return Arrays.stream(new long[] {entry.first(), entry.last(), entry.target(), attributes})
                .reduce(place, (number, word) -> step(number ^ word));
    }

    private static long step(long value) {
        long z = value + 0x9e3779b97f4a7c15L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }
}
