package org.pviommu.journal.replay;

import java.util.List;
import org.pviommu.engine.BatchPlayer;
import org.pviommu.engine.Change;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.journal.record.JournalRecord;

/**
 * Does on the engine what a record of a change says was done.
 *
 * @param engine whose guests
 * @param player for what only a replay may do
 * @param devices virtio-iommu devices of the guests
 */
record EngineChanges(Engine engine, BatchPlayer player, EngineDevices devices) {
    /** 16 TiB in one region. Some steps take time by the frames, and whoever made the journal may not be trusted. */
    private static final long MAX_REGION_FRAMES = 1L << 32;
    /** 64 GiB; each of these frames is touched when its region is registered. */
    private static final long MAX_RESERVED_FRAMES = 1L << 24;

    /** @throws EngineException when the engine refuses it, although it was done */
    void apply(JournalRecord.GuestChange record) {
        int guestId = record.guestId();
        switch (record.change()) {
            case Change.GuestAdded added -> add(guestId, added);
            case Change.GuestRemoved removed -> player.removeGuest(guestId, removed.heldByGrantees());
            case Change.MemoryRegistered memory -> register(guest(guestId), memory);
            case Change.MemoryUnregistered memory -> guest(guestId).unregisterMemory(memory.firstMfn(), memory.pages());
            case Change.GrantGiven grant -> give(guestId, grant);
            case Change.GrantRevoked revoked -> revoke(guestId, revoked);
            case Change.GuestReturned returned -> player.returned(guestId);
            case Change.MemoryLost lost -> guest(guestId).loseMemory(lost.firstMfn(), lost.pages());
            case Change.DeviceOpened opened -> devices.open(engine, guest(guestId), opened);
            case Change.BypassSet bypass -> devices.setBypass(guestId, bypass.on());
            case Change.DeviceReset reset -> devices.reset(guestId);
            case Change.DeviceClosed closed -> devices.close(guestId);
        }
    }

    private Guest guest(int guestId) {
        Guest guest = engine.guest(guestId);
        if (guest == null) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + guestId + " is not there");
        }
        return guest;
    }

    /** The refusal of the host is part of what is recorded. */
    private void add(int guestId, Change.GuestAdded added) {
        try {
            engine.addGuest(guestId, added.policy(), added.endpoints());
        } catch (EngineException e) {
            if (added.admitted() || e.kind() != EngineException.Kind.HOST) {
                throw e;
            }
        }
    }

    private static void register(Guest guest, Change.MemoryRegistered memory) {
        requirePlausible(guest, memory.firstMfn(), memory.pages());
        guest.registerMemory(
                memory.firstMfn(),
                memory.pages(),
                new AbsentMemory(memory.pages() << 12, memory.file(), memory.fileOffsetBytes()));
    }

    private void give(int guestId, Change.GrantGiven grant) {
        requirePlausible(guest(guestId), grant.firstMfn(), grant.pages());
        engine.grant(grant.ownerId(), grant.ownerFirstMfn(), grant.pages(), guestId, grant.firstMfn(), grant.access());
    }

    private static void requirePlausible(Guest guest, long firstMfn, long pages) {
        requireAtMost("pages", pages, MAX_REGION_FRAMES);
        long reserved = 0;
        List<FrameRange> ranges = guest.policy().reservedMfns();
        for (FrameRange range : ranges) {
            long first = Math.max(range.first(), firstMfn);
            long last = Math.min(range.last(), firstMfn + pages - 1);
            reserved += Math.max(0, last - first + 1); // below 2^33 each, and there are fewer than 2^16
        }
        requireAtMost("reservedFrames", reserved, MAX_RESERVED_FRAMES);
    }

    private static void requireAtMost(String name, long value, long max) {
        if (value < 0 || value > max) {
            throw new EngineException(EngineException.Kind.LIMIT, name + "=" + value + " max=" + max + " in a replay");
        }
    }

    private void revoke(int guestId, Change.GrantRevoked revoked) {
        try {
            engine.revoke(guestId, revoked.firstMfn(), revoked.force());
        } catch (EngineException e) {
            if (e.kind() != EngineException.Kind.HOST) {
                throw e;
            }
        }
    }
}
