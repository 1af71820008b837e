package org.pviommu.journal.replay;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.journal.record.GuestState;

/** A guest of the model: its memory, its address spaces and what its endpoints are attached to. */
final class GuestModel {
    final int id;
    final GuestPolicy policy;
    final List<EndpointDescriptor> endpoints;
    final TreeMap<Integer, SpaceModel> spaces = new TreeMap<>();
    /** Which address space serves an endpoint; one that is blocked is missing. */
    final Map<Integer, SpaceModel> attached = new HashMap<>();

    final List<RegionModel> regions = new ArrayList<>();
    /** Regions that came, and losses: mappings of domains lead to no region that came after them. */
    long regionSerial;

    /** Its virtio-iommu device, if it has one. */
    @Nullable
    DeviceModel device;

    private final TreeMap<Long, Long> holds = new TreeMap<>();
    private long digest;
    boolean alive = true;

    GuestModel(int id, GuestPolicy policy, List<EndpointDescriptor> endpoints) {
        this.id = id;
        this.policy = policy;
        this.endpoints = endpoints;
        addSpace(0);
    }

    SpaceModel addSpace(int context) {
        SpaceModel space = new SpaceModel(this, context);
        spaces.put(context, space);
        return space;
    }

    @Nullable
    EndpointDescriptor endpoint(int endpointId) {
        for (EndpointDescriptor endpoint : endpoints) {
            if (endpoint.endpointId() == endpointId) {
                return endpoint;
            }
        }
        return null;
    }

    boolean isReserved(SpaceModel space, long bfn) {
        for (EndpointDescriptor endpoint : endpoints) {
            if (attached.get(endpoint.endpointId()) == space) {
                for (ReservedRegion region : endpoint.reserved()) {
                    if (region.bfns().contains(bfn)) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    boolean isHypervisors(long mfn) {
        for (FrameRange range : policy.reservedMfns()) {
            if (range.contains(mfn)) {
                return true;
            }
        }
        return false;
    }

    @Nullable
    RegionModel region(long mfn) {
        for (RegionModel region : regions) {
            if (region.contains(mfn)) {
                return region;
            }
        }
        return null;
    }

    void closeRegion(RegionModel region) {
        regions.remove(region);
        region.close();
    }

    long registeredFrames() {
        return regions.stream()
                .mapToLong(region -> region.last - region.first + 1)
                .sum();
    }

    void hold(long mfn) {
        holds.merge(mfn, 1L, Long::sum);
    }

    void release(long mfn) {
        holds.computeIfPresent(mfn, (frame, count) -> count == 1 ? null : count - 1);
    }

    long holds(long mfn) {
        return holds.getOrDefault(mfn, 0L);
    }

    long holds(long firstMfn, long lastMfn) {
        return holds.subMap(firstMfn, true, lastMfn, true).values().stream()
                .mapToLong(Long::longValue)
                .sum();
    }

    void addToDigest(long amount) {
        digest += amount;
    }

    long mappedPages() {
        long inDomains = device == null ? 0 : device.mappedFrames();
        return inDomains
                + spaces.values().stream().mapToLong(SpaceModel::mappedPages).sum();
    }

    long heldFrames() {
        long inDomains = device == null ? 0 : device.heldFrames();
        return inDomains
                + spaces.values().stream().mapToLong(SpaceModel::owedPages).sum();
    }

    boolean mayHoldMore() {
        return heldFrames() < policy.maxHeldFrames();
    }

    long tablePages() {
        return spaces.values().stream().mapToLong(SpaceModel::tablePages).sum();
    }

    GuestState state() {
        return new GuestState(digest, mappedPages(), heldFrames());
    }

    /** Whether entries of this guest, owed ones included, lead to frames of {@code owner}. */
    boolean holdsFramesOf(GuestModel owner) {
        return regions.stream()
                .anyMatch(region -> region.source != null && region.source.guest == owner && region.holds() > 0);
    }

    /** Blocks everything and removes everything; a flush has covered it. */
    void empty() {
        alive = false;
        attached.clear();
        if (device != null) {
            device.reset();
            device = null;
        }
        for (SpaceModel space : spaces.values()) {
            space.removeAll();
            space.flushed();
        }
    }

    /** Nothing of it is left. */
    void close() {
        empty();
        List.copyOf(regions).forEach(this::closeRegion);
    }
}
