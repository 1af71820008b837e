package org.pviommu.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A virtual machine, or a client that acts as one: its memory, its address spaces, its endpoints and its quotas.
 *
 * <p>One lock for all of it, held for a batch: address spaces of one guest share its frames, its quotas and its bound on held
 * frames, so they have little to gain from locks of their own, and a batch that reaches the bound can flush all of them
 * without taking another lock. Guests do not share a lock.
 */
public final class Guest {
    private final int id;
    private final GuestPolicy policy;
    private final List<EndpointDescriptor> endpoints;
    private final TableQuota tableQuota;
    private final GuestMemoryMap memory;
    /** One for all address spaces, because an endpoint may change between them while somebody translates. */
    private final ReaderGate readers = new ReaderGate();

    private final GuestCounters counters = new GuestCounters();
    private final ReentrantLock lock = new ReentrantLock();
    private final BatchLog log;
    private final OutsideEvents events = new OutsideEvents();
    /** Whether something of this guest is under way that ends with a record of its own. Under the lock. */
    private boolean inCall;

    private final Counter digest = new Counter();
    private final Counter mappedFrames = new Counter();
    private final Counter heldFrames = new Counter();
    /** By context number; null where there is none. Written under the lock, read by anybody. */
    private final AtomicReferenceArray<@Nullable AddressSpace> spaces;

    private volatile boolean alive = true;
    /** Which address space translates an endpoint's DMA; an endpoint that is blocked is missing. */
    private final Map<Integer, AddressSpace> attached = new ConcurrentHashMap<>();

    private final Map<Integer, EndpointView> views = new HashMap<>();
    private final GuestDevice device = new GuestDevice(this);

    /** Regions that came, and losses. */
    private long regionSerial;

    Guest(int id, GuestPolicy policy, List<EndpointDescriptor> endpoints, BatchLog log) {
        this.id = id;
        this.log = log;
        this.policy = policy;
        this.memory = new GuestMemoryMap(policy.reservedMfns());
        this.endpoints = List.copyOf(endpoints);
        this.tableQuota = new TableQuota(policy.maxTablePages(), this::freeRetiredTables, events);
        this.spaces = new AtomicReferenceArray<>(policy.maxContexts());
        endpoints.forEach(endpoint -> views.put(endpoint.endpointId(), new EndpointView(readers)));
    }

    void addSpace(AddressSpace space) {
        spaces.set(space.context(), space);
    }

    void removeSpace(AddressSpace space) {
        spaces.set(space.context(), null);
    }

    /** The lowest context number that is free, or -1. */
    int freeContext() {
        for (int context = 0; context < spaces.length(); context++) {
            if (spaces.get(context) == null) {
                return context;
            }
        }
        return -1;
    }

    /** The address space with that number, or null. */
    public @Nullable AddressSpace addressSpace(int context) {
        return context < 0 || context >= spaces.length() ? null : spaces.get(context);
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
        AddressSpace space = spaces.get(0);
        if (space == null) {
            throw new IllegalStateException("guest=" + id + " has no address space yet");
        }
        return space;
    }

    /** All of its address spaces, by number. */
    public List<AddressSpace> addressSpaces() {
        List<AddressSpace> all = new ArrayList<>();
        for (int context = 0; context < spaces.length(); context++) {
            AddressSpace space = spaces.get(context);
            if (space != null) {
                all.add(space);
            }
        }
        return all;
    }

    /** Its registered memory, by frame number. */
    public List<GuestRegion> regions() {
        return memory.regions();
    }

    /** Its registered memory without what others have granted: what it has to bring when it comes back. */
    public List<OwnMemory> ownMemory() {
        return memory.regions().stream()
                .filter(region -> !region.isGranted() && !region.isLost())
                .map(region -> new OwnMemory(
                        region.firstMfn(),
                        region.pages(),
                        region.memory().file(),
                        region.memory().fileOffsetBytes()))
                .toList();
    }

    /** How many table entries, owed ones included, lead to a frame; 65,535 marks the hypervisor's. For inspection. */
    public int holds(long mfn) {
        GuestRegion region = memory.find(mfn);
        return region == null ? 0 : region.holds(mfn);
    }

    /**
     * A digest of all live mappings in all of its address spaces, the same for the same mappings whatever their history; 0 when
     * there are none.
     */
    public long digest() {
        return digest.get();
    }

    /** How many pages are mapped in all of its address spaces. */
    public long mappedFrames() {
        return mappedFrames.get();
    }

    /** How many frames wait for a flush. */
    public long heldFrames() {
        return heldFrames.get();
    }

    /** What came from outside since the last record of this guest. Under its lock, for its log. */
    public OutsideEvents events() {
        return events;
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
        locked(() -> {
            requireAlive();
            requireRoom(firstMfn, pages, List.of());
            requireRoomInLog();
            addRegion(new GuestRegion(firstMfn, pages, guestMemory));
            device.memoryAdded();
            changed(new Change.MemoryRegistered(firstMfn, pages, guestMemory.file(), guestMemory.fileOffsetBytes()));
        });
    }

    /**
     * Makes frames of another guest's region reachable for this guest's mappings. Both guests are locked.
     *
     * @throws EngineException INVALID, EXISTS or LIMIT
     */
    void addGrant(long firstMfn, long pages, int ownerId, GuestRegion source, long sourceFirstMfn, int access) {
        requireFrames(firstMfn, pages);
        requireAlive();
        List<GuestRegion> reused = memory.overlapping(firstMfn, firstMfn + pages - 1).stream()
                .filter(Guest::isDeadGrant)
                .toList();
        requireRoom(firstMfn, pages, reused);
        requireRoomInLog();
        reused.forEach(this::closeRegion);
        addRegion(GuestRegion.granted(firstMfn, pages, source, sourceFirstMfn, access));
        changed(new Change.GrantGiven(ownerId, sourceFirstMfn, pages, firstMfn, access));
    }

    void addRegion(GuestRegion region) {
        regionSerial++;
        region.setSerial(regionSerial);
        policy.reservedMfns().forEach(region::reserve);
        memory.add(region);
    }

    void requireRoomInLog() {
        if (!log.reserve(1, false)) {
            throw new EngineException(EngineException.Kind.NO_ROOM, "guest=" + id + ": the journal has no room");
        }
    }

    /** A revoked grant keeps its frame numbers, which answer -EPERM, until they are used anew. */
    private static boolean isDeadGrant(GuestRegion region) {
        return region.isGranted() && region.isRevoked() && region.totalHolds() == 0;
    }

    /** The region that covers all of {@code pages} frames from {@code firstMfn} on, or null. */
    @Nullable
    GuestRegion regionOf(long firstMfn, long pages) {
        requireFrames(firstMfn, pages);
        GuestRegion region = memory.find(firstMfn);
        return region != null && region.contains(firstMfn + pages - 1) ? region : null;
    }

    /**
     * Takes a grant back. Recorded when it has happened; taking back again, without force, is nothing.
     *
     * @return false when it should have been unmapped and the host IOMMU did not let go of everything
     */
    boolean revoke(GuestRegion region, boolean force) {
        if (region.isRevoked() && !force) {
            return true;
        }
        region.revoke();
        beginCall();
        boolean done = !force || letGo(region);
        changed(new Change.GrantRevoked(region.firstMfn(), force));
        return done;
    }

    /** Unmaps and flushes everything that leads to a revoked region; true when nothing of it is held any more. */
    private boolean letGo(GuestRegion region) {
        for (AddressSpace space : addressSpaces()) {
            space.removeMappingsTo(region);
        }
        flushAllBut(null);
        return region.totalHolds() == 0;
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

    /** Throws NOT_FOUND for a guest that is being removed. */
    void requireAlive() {
        if (!alive) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + id + " is gone");
        }
    }

    /** Frames for another region, when those of {@code reused} are given up for it. Changes nothing. */
    private void requireRoom(long firstMfn, long pages, List<GuestRegion> reused) {
        for (GuestRegion other : memory.overlapping(firstMfn, firstMfn + pages - 1)) {
            if (!reused.contains(other)) {
                throw new EngineException(
                        EngineException.Kind.EXISTS,
                        "mfns " + firstMfn + ".." + (firstMfn + pages - 1) + " overlap registered mfns "
                                + other.firstMfn() + ".." + other.lastMfn());
            }
        }
        long registered = memory.registeredFrames()
                - reused.stream().mapToLong(GuestRegion::pages).sum();
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
        locked(() -> {
            GuestRegion region = ownRegion(firstMfn, pages);
            if (region.hasLiveGrants()) {
                throw new EngineException(
                        EngineException.Kind.BUSY, "region firstMfn=" + firstMfn + " is granted to another guest");
            }
            if (region.totalHolds() > 0) {
                flushAllBut(null);
                device.flush();
            }
            if (region.totalHolds() > 0) {
                throw new EngineException(
                        EngineException.Kind.BUSY,
                        "region firstMfn=" + firstMfn + " is still mapped, holds=" + region.totalHolds());
            }
            if (!device.hasIdentity()) {
                closeRegion(region);
                changed(new Change.MemoryUnregistered(firstMfn, pages));
            } else if (!new MemoryLoss(this).lose(region)) { // who bypasses reaches it, and is not asked
                throw new EngineException(
                        EngineException.Kind.BUSY,
                        "region firstMfn=" + firstMfn + " is still reached by endpoints that bypass translation");
            }
        });
    }

    private GuestRegion ownRegion(long firstMfn, long pages) {
        GuestRegion region = memory.find(firstMfn);
        if (region == null || region.firstMfn() != firstMfn || region.pages() != pages) {
            throw new EngineException(
                    EngineException.Kind.NOT_FOUND,
                    "no region with firstMfn=" + Long.toUnsignedString(firstMfn) + " pages=" + pages);
        }
        if (region.isGranted()) {
            throw new EngineException(
                    EngineException.Kind.INVALID, "region firstMfn=" + firstMfn + " was granted by another guest");
        }
        return region;
    }

    /**
     * The guest does not have this memory any more, and nobody can stop that: what leads to it is removed from the host IOMMU and
     * flushed, mappings of domains stay and fault. Frames granted to others have to be revoked before ({@link Engine#loseMemory}).
     *
     * @return false when the host IOMMU did not let go of everything, or it is granted: then it stays registered, for nobody to map, and
     *     this can be tried again
     * @throws EngineException NOT_FOUND when there is no such region, INVALID when it is another guest's
     */
    public boolean loseMemory(long firstMfn, long pages) {
        boolean[] done = {false};
        locked(() -> done[0] = new MemoryLoss(this).lose(ownRegion(firstMfn, pages)));
        return done[0];
    }

    void locked(Runnable action) {
        lock.lock();
        try {
            action.run();
        } finally {
            lock.unlock();
        }
    }

    private void freeRetiredTables() {
        for (int context = 0; context < spaces.length(); context++) {
            AddressSpace space = spaces.get(context);
            if (space != null) {
                space.table().freeRetired();
            }
        }
        device.freeRetired();
    }

    /** Flushes and releases what is owed in any address space but {@code excepted}. Under the lock. */
    void flushAllBut(@Nullable AddressSpace excepted) {
        for (int context = 0; context < spaces.length(); context++) {
            AddressSpace space = spaces.get(context);
            if (space != null && space != excepted) {
                space.flushAndRelease();
            }
        }
    }

    /** The address space that translates the DMA of an endpoint, or null when the endpoint is blocked or not this guest's. */
    public @Nullable AddressSpace attachment(int endpointId) {
        return attached.get(endpointId);
    }

    /** The guest's endpoint with that number, or null. */
    @Nullable
    EndpointDescriptor endpoint(int endpointId) {
        for (EndpointDescriptor endpoint : endpoints) {
            if (endpoint.endpointId() == endpointId) {
                return endpoint;
            }
        }
        return null;
    }

    /** Lets an endpoint's DMA be translated by {@code space}; 0 or the host's negative errno. Under the lock. */
    int attach(int endpointId, AddressSpace space) {
        int result = space.host().attach(endpointId);
        if (result == 0) {
            attached.put(endpointId, space);
            view(endpointId).bind(space);
            space.setReserved(reservedBfns(space));
        }
        return result;
    }

    /** Blocks an endpoint; 0 or the host's negative errno. Under the lock. */
    int detach(int endpointId) {
        AddressSpace space = attached.get(endpointId);
        if (space == null) {
            return 0;
        }
        view(endpointId).bind(null); // first, so that our own endpoints get no further than the host lets others
        int result = space.host().detach(endpointId);
        if (result != 0) {
            view(endpointId).bind(space);
        }
        if (result == 0) {
            attached.remove(endpointId);
            readers.awaitReaders(); // who was in a section with it is done
            space.setReserved(reservedBfns(space));
        }
        return result;
    }

    private List<FrameRange> reservedBfns(AddressSpace space) {
        return reservedRegions(space).stream().map(ReservedRegion::bfns).toList();
    }

    /** What the endpoints attached to {@code space} reserve, in the order of the endpoints. */
    List<ReservedRegion> reservedRegions(AddressSpace space) {
        return endpoints.stream()
                .filter(endpoint -> attached.get(endpoint.endpointId()) == space)
                .flatMap(endpoint -> endpoint.reserved().stream())
                .toList();
    }

    boolean hasEndpoints(AddressSpace space) {
        return attached.containsValue(space);
    }

    /**
     * Takes everything away from a dead guest, after a call under way: its endpoints are blocked first. False when it has to be
     * tried again.
     *
     * @param heldByGrantees whether other guests hold frames of it; then its address spaces are emptied but stay
     * @param recorded whether the log knows of the guest
     */
    boolean tearDown(boolean heldByGrantees, boolean recorded) {
        alive = false;
        boolean[] done = {!heldByGrantees};
        locked(() -> {
            beginCall();
            endpoints.forEach(endpoint -> detach(endpoint.endpointId()));
            done[0] &= attached.isEmpty();
            done[0] &= device.tearDown();
            for (AddressSpace space : addressSpaces()) {
                done[0] &= space.tearDown();
            }
            if (done[0]) {
                addressSpaces().forEach(this::closeSpace);
                memory.regions().forEach(this::closeRegion);
            }
            if (recorded) {
                changed(new Change.GuestRemoved(heldByGrantees, done[0]));
            }
        });
        return done[0];
    }

    /** Whether mappings of this guest lead to frames that {@code owner} has granted. */
    boolean holdsFramesOf(Guest owner) {
        return memory.regions().stream()
                .anyMatch(region -> region.isGrantedFrom(owner.regions()) && region.totalHolds() > 0);
    }

    /** Releases what is owed, without a record: the host IOMMU has begun anew. */
    void forgetOwed() {
        beginCall();
        for (AddressSpace space : addressSpaces()) {
            if (space.flushAll()) {
                space.releaseAll();
            }
        }
        device.forgetOwed();
        new MemoryLoss(this).finish();
        endCallUnrecorded();
    }

    /** Whether another guest may still map frames of this one, or has not let go of all of them. */
    boolean isHeldByGrantees() {
        return memory.regions().stream().anyMatch(GuestRegion::hasLiveGrants);
    }

    /** What can fail comes first: an address space that could not be closed is found again by the next attempt. */
    void closeSpace(AddressSpace space) {
        space.close();
        removeSpace(space);
    }

    void closeRegion(GuestRegion region) {
        memory.remove(region);
        region.close();
    }

    // ---- domains of a virtio-iommu device

    /**
     * Where the DMA of an endpoint leads, whatever it is attached to, for who serves the endpoint in this process.
     *
     * @throws EngineException NOT_FOUND when it is not this guest's
     */
    public EndpointTranslation translation(int endpointId) {
        return view(endpointId);
    }

    EndpointView view(int endpointId) {
        EndpointView view = views.get(endpointId);
        if (view == null) {
            throw new EngineException(
                    EngineException.Kind.NOT_FOUND,
                    "endpoint=0x" + Integer.toHexString(endpointId) + " is not one of guest=" + id);
        }
        return view;
    }

    /** The domains of its virtio-iommu device, by number; none without one. Any thread. */
    public List<DomainInfo> domainList() {
        return device.list();
    }

    /** The endpoints that its virtio-iommu device governs; none without one. */
    public List<Integer> domainEndpoints() {
        return device.endpointIds();
    }

    /** Whether endpoints in no domain reach the guest's memory. */
    public boolean domainBypass() {
        return device.bypass();
    }

    /** Mappings of a domain from {@code fromIova} on, at most {@code limit}; each is right when it is looked at. Any thread. */
    public List<RangeMapping> domainMappings(int domain, long fromIova, int limit) {
        return device.mappings(domain, fromIova, limit);
    }

    /** Its virtio-iommu device, if it has one. */
    GuestDevice device() {
        return device;
    }

    /** What domains may lead to. Any thread. */
    MemoryExtents extents() {
        return memory.extents();
    }

    ReaderGate readers() {
        return readers;
    }

    long regionSerial() {
        return regionSerial;
    }

    void setRegionSerial(long serial) {
        regionSerial = serial;
    }

    /** How many address spaces of hypercalls there are. */
    int contexts() {
        int count = 0;
        for (int context = 0; context < spaces.length(); context++) {
            count += spaces.get(context) == null ? 0 : 1;
        }
        return count;
    }

    BatchLog log() {
        return log;
    }

    /** What follows belongs to one record, or to the records of one call. */
    void beginCall() {
        inCall = true;
    }

    boolean isInCall() {
        return inCall;
    }

    /** A call that was begun had nothing to record. */
    void endCallUnrecorded() {
        inCall = false;
        events.recorded(true);
    }

    void commit(SliceRecord record) {
        log.commit(record);
        recorded(record.isEndOfCall());
    }

    void commit(DomainRecord record) {
        log.commitDomains(record);
        recorded(true);
    }

    void changed(Change change) {
        log.changed(this, change, true);
        recorded(true);
    }

    private void recorded(boolean endOfCall) {
        events.recorded(endOfCall);
        inCall &= !endOfCall;
    }

    void addToDigest(long amount) {
        digest.add(amount);
    }

    ReentrantLock lock() {
        return lock;
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

    /** How many more pages may be mapped. Under the lock. */
    long mappableFrames() {
        return policy.maxMappedFrames() - mappedFrames.get();
    }

    void addMappedFrames(long pages) {
        mappedFrames.add(pages);
    }

    /** How many more frames may be held for a flush. Under the lock; not positive when the bound is reached. */
    long holdableFrames() {
        return policy.maxHeldFrames() - heldFrames.get();
    }

    void addHeldFrames(long pages) {
        heldFrames.add(pages);
    }

    /** Drops one hold on each frame of a run that may span neighbouring regions. Under the lock. */
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
    }
}
