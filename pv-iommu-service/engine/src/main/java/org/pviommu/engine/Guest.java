package org.pviommu.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A virtual machine, or a client that acts as one: its memory, its address spaces, its endpoints and its quotas.
 *
 * <p>Frame counts and quotas are changed under {@link #frameLock}, which is taken after the lock of an address space.
 */
public final class Guest {
    private final int id;
    private final GuestPolicy policy;
    private final List<EndpointDescriptor> endpoints;
    private final TableQuota tableQuota;
    private final GuestMemoryMap memory = new GuestMemoryMap();
    private final GuestCounters counters = new GuestCounters();
    private final ReentrantLock frameLock = new ReentrantLock();
    private final Counter mappedFrames = new Counter();
    private final Counter heldFrames = new Counter();
    private @Nullable AddressSpace ownSpace;
    private volatile boolean alive = true;
    /** Endpoints whose DMA is translated now; under the locks. */
    private final List<Integer> attached = new ArrayList<>();

    Guest(int id, GuestPolicy policy, List<EndpointDescriptor> endpoints) {
        this.id = id;
        this.policy = policy;
        this.endpoints = List.copyOf(endpoints);
        this.tableQuota = new TableQuota(policy.maxTablePages());
    }

    void setOwnSpace(AddressSpace space) {
        this.ownSpace = space;
    }

    /** Its number. */
    public int id() {
        return id;
    }

    /** What it may do. */
    public GuestPolicy policy() {
        return policy;
    }

    /** Its devices. */
    public List<EndpointDescriptor> endpoints() {
        return endpoints;
    }

    /** Its address space number 0, which exists as long as the guest does. */
    public AddressSpace ownSpace() {
        AddressSpace space = ownSpace;
        if (space == null) {
            throw new IllegalStateException("guest=" + id + " has no address space yet");
        }
        return space;
    }

    /** All of its address spaces, by number. */
    public List<AddressSpace> addressSpaces() {
        return List.of(ownSpace());
    }

    /** Its registered memory, by frame number. */
    public List<GuestRegion> regions() {
        return memory.regions();
    }

    /** How many table entries, owed ones included, lead to a frame; 65,535 marks the hypervisor's. For inspection. */
    public int holds(long mfn) {
        GuestRegion region = memory.find(mfn);
        return region == null ? 0 : region.holds(mfn);
    }

    /** False once the guest is being removed; it makes no calls any more. */
    public boolean isAlive() {
        return alive;
    }

    /** Counters and usage. */
    public GuestStats stats() {
        return new GuestStats(
                counters.calls.get(),
                counters.operations.get(),
                counters.maps.get(),
                counters.unmaps.get(),
                counters.failures.get(),
                counters.flushes.get(),
                counters.earlyFlushes.get(),
                counters.flushFailures.get(),
                mappedFrames.get(),
                heldFrames.get(),
                tableQuota.usedPages(),
                memory.registeredFrames());
    }

    /**
     * Makes {@code pages} frames from {@code firstMfn} on reachable for this guest's mappings.
     *
     * @throws EngineException INVALID, EXISTS (overlap) or LIMIT; the memory then stays the caller's
     */
    public void registerMemory(long firstMfn, long pages, GuestMemory guestMemory) {
        requireFrames(firstMfn, pages);
        long lengthBytes = guestMemory.segment().byteSize();
        if (lengthBytes >>> 12 != pages || (lengthBytes & 4095) != 0) {
            throw new EngineException(
                    EngineException.Kind.INVALID, "pages=" + pages + " but the memory has lengthBytes=" + lengthBytes);
        }
        inAllLocks(() -> {
            requireAlive();
            requireRoom(firstMfn, pages);
            GuestRegion region = new GuestRegion(firstMfn, pages, guestMemory);
            policy.reservedMfns().forEach(region::reserve);
            memory.add(region);
        });
    }

    private static void requireFrames(long firstMfn, long pages) {
        if (pages < 1 || pages > PageEntry.LAST_MFN + 1) {
            throw new EngineException(
                    EngineException.Kind.INVALID, "pages=" + pages + " min=1 max=" + (PageEntry.LAST_MFN + 1));
        }
        long maxFirst = PageEntry.LAST_MFN - (pages - 1); // pages is at most 2^40, so no wrap
        if (firstMfn < 0 || firstMfn > maxFirst) {
            throw new EngineException(
                    EngineException.Kind.INVALID,
                    "firstMfn=" + Long.toUnsignedString(firstMfn) + " max=" + maxFirst + " for pages=" + pages);
        }
    }

    private void requireAlive() {
        if (!alive) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + id + " is gone");
        }
    }

    private void requireRoom(long firstMfn, long pages) {
        GuestRegion other = memory.findOverlap(firstMfn, firstMfn + pages - 1);
        if (other != null) {
            throw new EngineException(
                    EngineException.Kind.EXISTS,
                    "mfns " + firstMfn + ".." + (firstMfn + pages - 1) + " overlap registered mfns " + other.firstMfn()
                            + ".." + other.lastMfn());
        }
        long registered = memory.registeredFrames();
        if (pages > policy.maxMemoryFrames() - registered) {
            throw new EngineException(
                    EngineException.Kind.LIMIT,
                    "pages=" + pages + " registered=" + registered + " max=" + policy.maxMemoryFrames());
        }
    }

    /**
     * Takes back the region that {@link #registerMemory} made with the same numbers. Frames that are only owed are
     * flushed first.
     *
     * @throws EngineException NOT_FOUND when there is no such region, BUSY while a frame of it is held
     */
    public void unregisterMemory(long firstMfn, long pages) {
        inAllLocks(() -> {
            GuestRegion region = memory.find(firstMfn);
            if (region == null || region.firstMfn() != firstMfn || region.pages() != pages) {
                throw new EngineException(
                        EngineException.Kind.NOT_FOUND,
                        "no region with firstMfn=" + Long.toUnsignedString(firstMfn) + " pages=" + pages);
            }
            AddressSpace space = ownSpace();
            if (region.totalHolds() > 0 && !space.gather().isEmpty() && space.flush()) {
                space.releaseOwed();
            }
            if (region.totalHolds() > 0) {
                throw new EngineException(
                        EngineException.Kind.BUSY,
                        "region firstMfn=" + firstMfn + " is still mapped, holds=" + region.totalHolds());
            }
            closeRegion(region);
        });
    }

    private void inAllLocks(Runnable action) {
        AddressSpace space = ownSpace();
        space.lock().lock();
        try {
            frameLock.lock();
            try {
                action.run();
            } finally {
                frameLock.unlock();
            }
        } finally {
            space.lock().unlock();
        }
    }

    /** Lets an endpoint's DMA be translated by address space 0; 0 or the host's negative errno. */
    int attach(int endpointId) {
        int[] result = new int[1];
        inAllLocks(() -> {
            result[0] = ownSpace().host().attach(endpointId);
            if (result[0] == 0) {
                attached.add(endpointId);
            }
        });
        return result[0];
    }

    /** Blocks all endpoints, after a call under way; false when the host IOMMU could not promise it for each. */
    boolean blockEndpoints() {
        alive = false;
        inAllLocks(() -> attached.removeIf(id -> ownSpace().host().detach(id) == 0));
        return attached.isEmpty();
    }

    /**
     * Takes everything away from a dead guest; false when it has to be tried again.
     *
     * @param blocked whether no endpoint of it can do DMA; otherwise its address space stays
     */
    boolean tearDown(boolean blocked) {
        boolean[] done = new boolean[1];
        inAllLocks(() -> {
            done[0] = ownSpace().tearDown() && blocked;
            if (done[0]) {
                ownSpace().close();
                memory.regions().forEach(this::closeRegion);
            }
        });
        return done[0];
    }

    private void closeRegion(GuestRegion region) {
        memory.remove(region);
        region.close();
    }

    ReentrantLock frameLock() {
        return frameLock;
    }

    TableQuota tableQuota() {
        return tableQuota;
    }

    GuestMemoryMap memory() {
        return memory;
    }

    GuestCounters counters() {
        return counters;
    }

    /** How many more pages may be mapped. Under {@link #frameLock}. */
    long mappableFrames() {
        return policy.maxMappedFrames() - mappedFrames.get();
    }

    void addMappedFrames(long pages) {
        mappedFrames.add(pages);
    }

    /** How many more frames may be held for a flush. Under {@link #frameLock}; not positive when the bound is reached. */
    long holdableFrames() {
        return policy.maxHeldFrames() - heldFrames.get();
    }

    void addHeldFrames(long pages) {
        heldFrames.add(pages);
    }

    /** Drops one hold on each frame of a run that may span neighbouring regions. Under {@link #frameLock}. */
    void releaseFrames(long firstMfn, long pages) {
        long mfn = firstMfn;
        long last = firstMfn + pages - 1;
        while (mfn <= last) {
            GuestRegion region = memory.find(mfn);
            if (region == null) {
                throw new IllegalStateException("released mfn=" + mfn + " has no region");
            }
            long piece = Math.min(last, region.lastMfn()) - mfn + 1;
            region.release(mfn, piece);
            mfn += piece;
        }
        mappedFrames.add(-pages);
    }
}
