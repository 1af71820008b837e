package org.pviommu.systemtests.differential;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.FrameRange;

/** What one guest should have, as naively as it can be said: regions, and address spaces that are maps of pages. */
final class GuestModel {
    /** Where a guest is between its birth and the end of its death. */
    enum Life {
        /** Its number is free. */
        GONE,
        ALIVE,
        /** It is dead, but the host, or another guest that has its frames, does not let go. */
        DYING
    }

    final GuestShape shape;
    /** By context. */
    final TreeMap<Integer, SpaceModel> spaces = new TreeMap<>();
    /** Context that translates an endpoint's DMA; missing where it is blocked. */
    final Map<Integer, Integer> attachments = new TreeMap<>();
    /** By first mfn. */
    final TreeMap<Long, RegionModel> regions = new TreeMap<>();
    /** Memory that it had in this life. */
    final Set<FrameRange> unregistered = new HashSet<>();

    Life life = Life.GONE;

    GuestModel(GuestShape shape) {
        this.shape = shape;
    }

    int id() {
        return shape.guestId();
    }

    boolean isAlive() {
        return life == Life.ALIVE;
    }

    SpaceModel addSpace(int context, int hostSpace) {
        SpaceModel made = new SpaceModel(context, hostSpace);
        spaces.put(context, made);
        return made;
    }

    @Nullable
    SpaceModel spaceOfEndpoint(int endpoint) {
        Integer context = attachments.get(endpoint);
        return context == null ? null : spaces.get(context);
    }

    boolean isReservedBfn(int context, long bfn) {
        for (GuestShape.Endpoint endpoint : shape.endpoints()) {
            if (attachments.getOrDefault(endpoint.endpointId(), -1) == context
                    && GuestShape.anyContains(endpoint.reserved(), bfn)) {
                return true;
            }
        }
        return false;
    }

    GuestShape.@Nullable Endpoint endpoint(int id) {
        return shape.endpoints().stream()
                .filter(endpoint -> endpoint.endpointId() == id)
                .findFirst()
                .orElse(null);
    }

    @Nullable
    RegionModel regionOf(long mfn) {
        Map.Entry<Long, RegionModel> entry = regions.floorEntry(mfn);
        return entry == null || !entry.getValue().mfns.contains(mfn) ? null : entry.getValue();
    }

    /** The region that covers all of {@code mfns}. */
    @Nullable
    RegionModel regionOf(FrameRange mfns) {
        RegionModel region = regionOf(mfns.first());
        return region == null || !region.mfns.contains(mfns.last()) ? null : region;
    }

    long registeredFrames() {
        return regions.values().stream()
                .mapToLong(region -> region.mfns.count())
                .sum();
    }

    long mappedPages() {
        long pages = 0;
        for (SpaceModel space : spaces.values()) {
            pages += space.mappedPages();
        }
        return pages;
    }

    long heldPages() {
        long pages = 0;
        for (SpaceModel space : spaces.values()) {
            pages += space.owed.size();
        }
        return pages;
    }

    long tablePages() {
        long pages = 0;
        for (SpaceModel space : spaces.values()) {
            pages += space.tablePages();
        }
        return pages;
    }

    /** How often each frame is held; frames that are not are missing. */
    Map<Long, Integer> holds() {
        Map<Long, Integer> byMfn = new HashMap<>();
        spaces.values().forEach(space -> space.countHolds(byMfn));
        return byMfn;
    }

    long holds(RegionModel region) {
        return holds().entrySet().stream()
                .filter(entry -> region.mfns.contains(entry.getKey()))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    @Override
    public String toString() {
        return "guest " + id() + " " + life + " regions=" + regions.values() + " attachments=" + attachments + " "
                + spaces.values();
    }
}
