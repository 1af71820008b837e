package org.pviommu.journal.replay;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.Change;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.FrameRange;
import org.pviommu.journal.record.JournalRecord;

/**
 * Changes of guests on the model that are not batches: who is there, with which memory.
 *
 * @param guests all of them, by number
 * @param unknown those that are not compared: what depends on them is not checked
 */
record ModelChanges(TreeMap<Integer, GuestModel> guests, Set<Integer> unknown) {

    /** Does what the last record of {@code script} says, and compares its state. */
    void run(JournalRecord.GuestChange record, CallScript script) {
        script.noteEvents(record);
        switch (record.change()) {
            case Change.GuestRemoved removed -> remove(guest(record), removed, script);
            case Change.MemoryRegistered memory -> register(guest(record), memory, script);
            case Change.MemoryUnregistered memory -> unregister(guest(record), memory, script);
            case Change.GrantGiven grant -> give(guest(record), grant, script);
            case Change.GrantRevoked revoked -> revoke(guest(record), revoked, script);
            case Change.GuestReturned returned -> {}
            case Change.MemoryLost lost -> lose(guest(record), lost, script);
            case Change.DeviceOpened opened -> open(guest(record), opened, script);
            case Change.BypassSet bypass -> compareFlush(device(record, script), script);
            case Change.DeviceReset reset -> {
                device(record, script).reset();
                compareFlush(device(record, script), script);
            }
            case Change.DeviceClosed closed -> close(guest(record), closed, script);
            case Change.GuestAdded added -> throw new IllegalStateException("added: " + added);
        }
        if (guests.containsKey(record.guestId()) && !isCompared(record.change())) {
            script.compareState();
        }
    }

    /** What is let go of after the record is compared before that. */
    private static boolean isCompared(Change change) {
        return change instanceof Change.BypassSet || change instanceof Change.DeviceReset;
    }

    private void compareFlush(DeviceModel device, CallScript script) {
        if (script.refusalsOfLast().any()) {
            script.doubt(); // whether it was flushed
        }
        script.compareState();
        device.flushed();
    }

    private DeviceModel device(JournalRecord.GuestChange record, CallScript script) {
        DeviceModel device = guest(record).device;
        if (device == null) {
            throw script.differs("the guest has no virtio-iommu device", "none");
        }
        return device;
    }

    private static void open(GuestModel guest, Change.DeviceOpened opened, CallScript script) {
        if (guest.device != null) {
            throw script.differs("the guest has a virtio-iommu device", "endpoints=" + guest.device.endpoints);
        }
        if (!opened.opened()) {
            throw new CallScript.NotComparableException("which endpoints the host did not let go");
        }
        opened.endpoints().forEach(guest.attached::remove);
        guest.device = new DeviceModel(guest, opened.endpoints());
    }

    private static void close(GuestModel guest, Change.DeviceClosed closed, CallScript script) {
        if (!closed.done()) {
            throw new CallScript.NotComparableException("what the host let go of");
        }
        if (guest.device == null) {
            throw script.differs("the guest has no virtio-iommu device", "none");
        }
        guest.device.reset();
        guest.device = null;
    }

    /** Everything that led there is removed; mappings of domains stay, and lead nowhere. */
    private static void lose(GuestModel guest, Change.MemoryLost lost, CallScript script) {
        RegionModel region = guest.region(lost.firstMfn());
        if (region == null || region.source != null || region.first != lost.firstMfn()) {
            throw script.differs("the guest has registered no such memory", String.valueOf(region));
        }
        if (!lost.done()) {
            throw new CallScript.NotComparableException("what the host let go of");
        }
        removeMappingsTo(guest, region);
        guest.spaces.values().forEach(SpaceModel::flushed);
        if (guest.device != null) {
            guest.device.flushed();
        }
        guest.closeRegion(region);
        guest.regionSerial++;
    }

    private static void removeMappingsTo(GuestModel guest, RegionModel region) {
        for (SpaceModel space : guest.spaces.values()) {
            for (long bfn : space.mappedBfns()) {
                SpaceModel.Page page = Objects.requireNonNull(space.page(bfn));
                if (region.contains(page.mfn())) {
                    space.remove(bfn, false);
                }
            }
        }
    }

    private GuestModel guest(JournalRecord.GuestChange record) {
        return Objects.requireNonNull(guests.get(record.guestId()));
    }

    /** Lets a guest in; the script is made with it. */
    GuestModel add(PendingRecord pending, Change.GuestAdded added) {
        int guestId = pending.record().guestId();
        if (guests.containsKey(guestId)) {
            throw DifferenceException.at(pending, "the guest is there already", "the model: guest=" + guestId);
        }
        for (EndpointDescriptor endpoint : added.endpoints()) {
            GuestModel owner = ownerOf(endpoint.endpointId());
            if (owner != null && !unknown.contains(owner.id)) {
                throw DifferenceException.at(
                        pending, "an endpoint belongs to another guest", "the model: guest=" + owner.id);
            }
        }
        GuestModel guest = new GuestModel(guestId, added.policy(), added.endpoints());
        guest.alive = added.admitted();
        if (added.admitted()) {
            SpaceModel own = Objects.requireNonNull(guest.spaces.get(0));
            added.endpoints().forEach(endpoint -> guest.attached.put(endpoint.endpointId(), own));
        }
        guests.put(guestId, guest);
        return guest;
    }

    private @Nullable GuestModel ownerOf(int endpointId) {
        for (GuestModel guest : guests.values()) {
            if (guest.endpoint(endpointId) != null) {
                return guest;
            }
        }
        return null;
    }

    private void remove(GuestModel guest, Change.GuestRemoved removed, CallScript script) {
        guest.alive = false;
        boolean refusals = script.refusalsOfLast().any();
        if (!removed.done() && refusals) {
            throw new CallScript.NotComparableException("what the host let go of");
        }
        guest.empty();
        boolean held =
                guest.regions.stream().flatMap(region -> region.grants.stream()).anyMatch(RegionModel::isLive);
        if (unknown.isEmpty() && (held != removed.heldByGrantees() || removed.done() == held)) {
            throw script.differs("whether grantees hold frames of it", "held=" + held);
        }
        script.compareState();
        if (removed.done()) {
            drop(guest);
        }
    }

    private void register(GuestModel guest, Change.MemoryRegistered memory, CallScript script) {
        requireFree(guest, memory.firstMfn(), memory.pages(), script);
        guest.regions.add(new RegionModel(guest, memory.firstMfn(), memory.pages(), Access.READ_WRITE, null));
    }

    private static void requireFree(GuestModel guest, long firstMfn, long pages, CallScript script) {
        long last = firstMfn + pages - 1;
        for (RegionModel region : guest.regions) {
            if (region.first <= last && firstMfn <= region.last) {
                throw script.differs("the frames overlap others", "mfns " + region.first + ".." + region.last);
            }
        }
        long registered = guest.registeredFrames();
        if (pages > guest.policy.maxMemoryFrames() - registered) {
            throw script.differs("more frames than the guest may register", "registered=" + registered);
        }
    }

    private void unregister(GuestModel guest, Change.MemoryUnregistered memory, CallScript script) {
        RegionModel region = guest.region(memory.firstMfn());
        if (region == null
                || region.source != null
                || region.first != memory.firstMfn()
                || region.last - region.first + 1 != memory.pages()) {
            throw script.differs("the guest has registered no such memory", String.valueOf(region));
        }
        if (unknown.isEmpty() && region.grants.stream().anyMatch(RegionModel::isLive)) {
            throw script.differs("the memory is granted to another guest", "a live grant");
        }
        if (region.holds() > 0) {
            throw script.differs("the memory is held", "holds=" + region.holds());
        }
        if (guest.device != null && guest.device.holds(region)) {
            throw script.differs("the memory is held", "by a domain");
        }
        guest.closeRegion(region);
    }

    private void give(GuestModel guest, Change.GrantGiven grant, CallScript script) {
        GuestModel owner = guests.get(grant.ownerId());
        RegionModel source = owner == null ? null : owner.region(grant.ownerFirstMfn());
        long ownerLast = grant.ownerFirstMfn() + grant.pages() - 1;
        if (owner == null || source == null || source.source != null || !source.contains(ownerLast)) {
            throw script.differs("the owner has no such memory", "owner=" + grant.ownerId());
        }
        for (FrameRange range : owner.policy.reservedMfns()) {
            if (range.first() <= ownerLast && grant.ownerFirstMfn() <= range.last()) {
                throw script.differs("a frame of the hypervisor was granted", "mfn=" + range.first());
            }
        }
        removeDeadGrants(guest, grant.firstMfn(), grant.firstMfn() + grant.pages() - 1);
        requireFree(guest, grant.firstMfn(), grant.pages(), script);
        guest.regions.add(new RegionModel(guest, grant.firstMfn(), grant.pages(), grant.access(), source));
    }

    /** A grant that was taken back keeps its frame numbers until they are used anew. */
    private static void removeDeadGrants(GuestModel guest, long firstMfn, long lastMfn) {
        for (RegionModel region : List.copyOf(guest.regions)) {
            if (region.first <= lastMfn && firstMfn <= region.last && region.revoked && region.holds() == 0) {
                guest.closeRegion(region);
            }
        }
    }

    private void revoke(GuestModel guest, Change.GrantRevoked revoked, CallScript script) {
        RegionModel region = guest.region(revoked.firstMfn());
        if (region == null || region.source == null || region.first != revoked.firstMfn()) {
            throw script.differs("the guest has no such grant", String.valueOf(region));
        }
        region.revoked = true;
        if (!revoked.force()) {
            return;
        }
        if (script.refusalsOfLast().any()) {
            script.doubt(); // which pages the host did not remove
        }
        removeMappingsTo(guest, region);
        guest.spaces.values().forEach(space -> ModelCall.flushNested(script, space));
    }

    /** Follows a guest that is not compared: its memory concerns others. */
    void runUnknown(JournalRecord.GuestChange record) {
        GuestModel guest = guests.get(record.guestId());
        if (guest == null) {
            return;
        }
        switch (record.change()) {
            case Change.GuestRemoved removed -> {
                guest.empty();
                if (removed.done()) {
                    drop(guest);
                }
            }
            case Change.MemoryRegistered memory ->
                guest.regions.add(new RegionModel(guest, memory.firstMfn(), memory.pages(), Access.READ_WRITE, null));
            case Change.MemoryUnregistered memory -> closeRegionAt(guest, memory.firstMfn());
            case Change.MemoryLost lost -> {
                if (lost.done()) {
                    closeRegionAt(guest, lost.firstMfn());
                }
            }
            case Change.GrantGiven grant -> giveUnchecked(guest, grant);
            case Change.GrantRevoked revoked -> {
                RegionModel region = guest.region(revoked.firstMfn());
                if (region != null) {
                    region.revoked = true;
                }
            }
            default -> {
                // nothing that others could see
            }
        }
    }

    private static void closeRegionAt(GuestModel guest, long mfn) {
        RegionModel region = guest.region(mfn);
        if (region != null) {
            guest.closeRegion(region);
        }
    }

    private void giveUnchecked(GuestModel guest, Change.GrantGiven grant) {
        GuestModel owner = guests.get(grant.ownerId());
        RegionModel source = owner == null ? null : owner.region(grant.ownerFirstMfn());
        if (source != null) {
            closeRegionAt(guest, grant.firstMfn());
            guest.regions.add(new RegionModel(guest, grant.firstMfn(), grant.pages(), grant.access(), source));
        }
    }

    void drop(GuestModel guest) {
        guest.close();
        guests.remove(guest.id);
    }

    /** Runs of what is mapped. */
    static void addMappings(GuestModel guest, SpaceModel space, List<MappedRun> all) {
        MappedRun open = null;
        for (Map.Entry<Long, SpaceModel.Page> each : space.pages()) {
            SpaceModel.Page page = each.getValue();
            boolean continues = open != null
                    && open.bfn() + open.pages() == each.getKey()
                    && open.mfn() + open.pages() == page.mfn()
                    && open.access() == page.access();
            if (open != null && continues) {
                open = new MappedRun(guest.id, space.context, open.bfn(), open.mfn(), open.pages() + 1, open.access());
            } else {
                if (open != null) {
                    all.add(open);
                }
                open = new MappedRun(guest.id, space.context, each.getKey(), page.mfn(), 1, page.access());
            }
        }
        if (open != null) {
            all.add(open);
        }
    }
}
