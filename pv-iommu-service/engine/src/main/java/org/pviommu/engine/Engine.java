package org.pviommu.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The translation engine: the guests that are there, their address spaces, and the host IOMMU that carries out what the
 * tables say.
 *
 * <p>Guests come and go under the engine's monitor; batches of different guests do not meet.
 */
public final class Engine implements AutoCloseable {
    /** Table pages for all guests together: 4 GiB of address space, touched as it is used. */
    private static final long MAX_TABLE_PAGES = 1L << 20;

    private final HostIommu host;
    private final IntFunction<? extends BatchLog> logs;
    private final TableMemory tables;
    private final Map<Integer, Guest> guests = new TreeMap<>();
    private final Map<Integer, Guest> endpointOwners = new HashMap<>();

    /** An engine without guests, on a host IOMMU that it closes with itself. */
    public Engine(HostIommu host, BatchLog log) {
        this(host, guestId -> log, new TableMemory(MAX_TABLE_PAGES));
    }

    /**
     * An engine without guests, on a host IOMMU that it closes with itself.
     *
     * @param logs where what happens to a guest is recorded; asked once for each guest that comes
     * @param tablePageRefusal asked for each table page: whether to go on as if there was none, for a replay
     */
    public Engine(HostIommu host, IntFunction<? extends BatchLog> logs, BooleanSupplier tablePageRefusal) {
        this(host, logs, new TableMemory(MAX_TABLE_PAGES, tablePageRefusal));
    }

    /** With table memory of a test's choice, which is closed with the engine. */
    Engine(HostIommu host, BatchLog log, TableMemory tables) {
        this(host, guestId -> log, tables);
    }

    private Engine(HostIommu host, IntFunction<? extends BatchLog> logs, TableMemory tables) {
        this.host = host;
        this.logs = logs;
        this.tables = tables;
    }

    /** What the host IOMMU can do. */
    public HostCapabilities hostCapabilities() {
        return host.capabilities();
    }

    /**
     * Lets a guest in: with an empty address space number 0 that all of its endpoints are attached to, and no memory.
     *
     * @throws EngineException BUSY when the id or an endpoint is in use, LIMIT without table memory, NO_ROOM to record it, HOST when the host
     *     IOMMU refuses; nothing is left behind, unless it refuses the way back too: then it is as after
     *     {@link #removeGuest}
     */
    public synchronized Guest addGuest(int guestId, GuestPolicy policy, List<EndpointDescriptor> endpoints) {
        retryTearDown(guestId);
        requireFree(guestId, endpoints);
        Guest guest = new Guest(guestId, policy, described(endpoints), logs.apply(guestId));
        if (!guest.log().reserve(1, false)) {
            throw new EngineException(EngineException.Kind.NO_ROOM, "guest=" + guestId + ": the journal has no room");
        }
        guest.addSpace(newAddressSpace(guest, 0));
        guest.locked(() -> admit(guest));
        return guest;
    }

    private List<EndpointDescriptor> described(List<EndpointDescriptor> endpoints) {
        try {
            return endpoints.stream().map(host::describe).toList();
        } catch (HostIommuException e) {
            throw hostRefused(String.valueOf(e.getMessage()), e.errno());
        }
    }

    private Change.GuestAdded added(Guest guest, boolean admitted) {
        HostCapabilities found = host.capabilities();
        return new Change.GuestAdded(
                found.lastBfn(), found.cutsMappings(), guest.policy(), guest.endpoints(), admitted);
    }

    /**
     * Lets a guest in that was there before the service was started anew, as it was then. Recorded as its return.
     *
     * @param before the guest as a replay of the journal left it, with nothing owed
     * @param memories the memory it has brought, by first mfn
     * @param grants the frames of other guests that it had
     * @throws EngineException BUSY when the id or an endpoint is in use or the owner of granted frames is not back, INVALID for other
     *     memory than before: then nothing has changed, and the memory is the caller's. LIMIT or HOST when the tables or the host IOMMU
     *     refuse: then the guest of before is gone, which is recorded, and the memory is closed
     */
    public synchronized Guest returnGuest(Guest before, Map<Long, GuestMemory> memories, List<Grant> grants) {
        retryTearDown(before.id());
        requireFree(before.id(), before.endpoints());
        for (Grant grant : grants) {
            if (!guests.containsKey(grant.ownerId())) {
                throw new EngineException(
                        EngineException.Kind.BUSY,
                        "guest=" + grant.ownerId() + ", whose frames guest=" + before.id() + " maps, is not back");
            }
        }
        GuestReturn.requireSameMemory(before, memories);
        Guest guest = new Guest(before.id(), before.policy(), before.endpoints(), logs.apply(before.id()));
        guest.locked(() -> restore(guest, before, memories, grants));
        return guest;
    }

    private void restore(Guest guest, Guest before, Map<Long, GuestMemory> memories, List<Grant> grants) {
        guest.beginCall();
        boolean restored = false;
        try {
            new GuestReturn(this, before, guest).restore(memories, grants);
            restored = true;
        } finally {
            guest.endCallUnrecorded(); // what the host answered until now belongs to no record
            remember(guest);
            if (restored) {
                guest.changed(new Change.GuestReturned());
            } else {
                tearDown(guest, false);
            }
        }
    }

    private void remember(Guest guest) {
        guests.put(guest.id(), guest);
        guest.endpoints().forEach(endpoint -> endpointOwners.put(endpoint.endpointId(), guest));
    }

    private void requireFree(int guestId, List<EndpointDescriptor> endpoints) {
        if (guests.containsKey(guestId)) {
            throw new EngineException(EngineException.Kind.BUSY, "guest=" + guestId + " is in use");
        }
        for (EndpointDescriptor endpoint : endpoints) {
            Guest owner = endpointOwners.get(endpoint.endpointId());
            if (owner != null) {
                throw new EngineException(
                        EngineException.Kind.BUSY,
                        "endpoint=0x" + Integer.toHexString(endpoint.endpointId()) + " belongs to guest=" + owner.id());
            }
        }
    }

    /**
     * An empty address space of {@code guest}, known to nobody yet.
     *
     * @throws EngineException LIMIT without table memory, HOST when the host IOMMU refuses; nothing is left behind
     */
    AddressSpace newAddressSpace(Guest guest, int context) {
        HostAddressSpace hostSpace;
        try {
            hostSpace = newHostSpace(guest);
        } catch (HostIommuException e) {
            throw hostRefused("no address space for guest=" + guest.id(), e.errno());
        }
        try {
            return new AddressSpace(guest, context, hostSpace, tables, host.capabilities());
        } catch (RuntimeException e) {
            hostSpace.destroy();
            throw e;
        }
    }

    /**
     * An empty address space for a domain, known to nobody yet.
     *
     * @throws EngineException LIMIT without table memory
     * @throws HostIommuException when the host IOMMU refuses
     */
    RangeSpace newRangeSpace(Guest guest, int domain) {
        HostAddressSpace hostSpace = newHostSpace(guest);
        try {
            return new RangeSpace(guest, domain, hostSpace, tables, host.capabilities());
        } catch (RuntimeException e) {
            hostSpace.destroy();
            throw e;
        }
    }

    /**
     * What endpoints of {@code guest} that bypass reach, still empty.
     *
     * @throws HostIommuException when the host IOMMU refuses
     */
    IdentitySpace newIdentitySpace(Guest guest, List<FrameRange> reserved) {
        return new IdentitySpace(guest, newHostSpace(guest), host.capabilities().lastBfn(), reserved);
    }

    private HostAddressSpace newHostSpace(Guest guest) {
        try {
            HostAddressSpace hostSpace = host.createAddressSpace();
            guest.events().answered(0, 0);
            return hostSpace;
        } catch (HostIommuException e) {
            guest.events().answered(-e.errno(), 0);
            throw e;
        }
    }

    private static EngineException hostRefused(String what, int errno) {
        return new EngineException(EngineException.Kind.HOST, what + ": the host IOMMU refused, errno=" + errno);
    }

    /** All or none: a guest with half of its devices would learn of it by lost DMA only. */
    private void admit(Guest guest) {
        guest.beginCall();
        for (EndpointDescriptor endpoint : guest.endpoints()) {
            int result = guest.attach(endpoint.endpointId(), guest.ownSpace());
            if (result != 0) {
                if (!guest.tearDown(false, false)) {
                    remember(guest);
                    guest.changed(added(guest, false));
                }
                throw hostRefused(
                        "endpoint=0x" + Integer.toHexString(endpoint.endpointId()) + " not attached", -result);
            }
        }
        remember(guest);
        guest.changed(added(guest, true));
    }

    /**
     * The guest is dead: after a call under way, its endpoints are blocked, everything is unmapped, flushed and released,
     * and its memory is given back. When the host IOMMU cannot promise that, the guest's frames and its number stay taken,
     * and it is tried again when the number is asked for or the engine closes.
     */
    public synchronized void removeGuest(Guest guest) {
        if (guests.get(guest.id()) == guest && tearDown(guest)) {
            // It may have been the last one that held on to frames of a guest that died before it.
            guests().stream().filter(other -> !other.isAlive()).forEach(this::removeGuest);
        }
    }

    private boolean tearDown(Guest guest) {
        revokeGrantsOf(guest);
        return tearDown(guest, guest.isHeldByGrantees());
    }

    boolean tearDown(Guest guest, boolean heldByGrantees) {
        boolean done = guest.tearDown(heldByGrantees, true);
        if (done) {
            forget(guest);
        }
        return done;
    }

    /** Under the lock of each grantee, so that its record says between which of its calls it happened. */
    private void revokeGrantsOf(Guest owner) {
        for (Guest grantee : guests.values()) {
            grantee.locked(() -> grantee.regions().stream()
                    .filter(region -> region.isGrantedFrom(owner.regions()))
                    .forEach(region -> grantee.revoke(region, false)));
        }
    }

    /**
     * Lets {@code granteeId} map {@code pages} frames of {@code ownerId}, from {@code ownerFirstMfn} on, as its own frames from
     * {@code granteeFirstMfn} on.
     *
     * @param access {@link Access#READ} or {@link Access#READ_WRITE}: what the grantee may let its devices do
     * @throws EngineException NOT_FOUND without such a living guest or memory, INVALID for frames that are the hypervisor's or granted
     *     themselves, EXISTS or LIMIT as for memory of its own
     */
    public synchronized void grant(
            int ownerId, long ownerFirstMfn, long pages, int granteeId, long granteeFirstMfn, int access) {
        Guest owner = requireLiving(ownerId);
        Guest grantee = requireLiving(granteeId);
        if (owner == grantee || (access != Access.READ && access != Access.READ_WRITE)) {
            throw new EngineException(
                    EngineException.Kind.INVALID, "owner=" + ownerId + " grantee=" + granteeId + " access=" + access);
        }
        inOrder(owner, grantee, () -> {
            owner.requireAlive(); // its death has revoked what it granted; this one would stay
            GuestRegion source = owner.regionOf(ownerFirstMfn, pages);
            if (source == null) {
                throw new EngineException(
                        EngineException.Kind.NOT_FOUND,
                        "guest=" + ownerId + " has no region with mfns " + ownerFirstMfn + " pages=" + pages);
            }
            requireGrantable(source, ownerFirstMfn, pages);
            grantee.addGrant(granteeFirstMfn, pages, ownerId, source, ownerFirstMfn, access);
        });
    }

    private static void requireGrantable(GuestRegion source, long firstMfn, long pages) {
        if (source.isGranted()) {
            throw new EngineException(EngineException.Kind.INVALID, "mfn=" + firstMfn + " is itself granted");
        }
        for (long mfn = firstMfn; mfn < firstMfn + pages; mfn++) {
            if (source.isReserved(mfn)) {
                throw new EngineException(EngineException.Kind.INVALID, "mfn=" + mfn + " belongs to the hypervisor");
            }
        }
    }

    /**
     * Takes a grant back: the grantee maps nothing new through it.
     *
     * @param force whether what it has mapped is unmapped and flushed, too
     * @throws EngineException NOT_FOUND without such a grant; HOST when the host IOMMU did not let go of everything, which can
     *     be tried again
     */
    public synchronized void revoke(int granteeId, long granteeFirstMfn, boolean force) {
        Guest grantee = requireGuest(granteeId);
        grantee.locked(() -> {
            GuestRegion region = grantee.regionOf(granteeFirstMfn, 1);
            if (region == null || !region.isGranted() || region.firstMfn() != granteeFirstMfn) {
                throw new EngineException(
                        EngineException.Kind.NOT_FOUND,
                        "guest=" + granteeId + " has no grant at mfn=" + granteeFirstMfn);
            }
            if (!grantee.revoke(region, force)) {
                throw new EngineException(
                        EngineException.Kind.HOST,
                        "the host IOMMU did not let go of all frames of the grant at mfn=" + granteeFirstMfn);
            }
        });
    }

    /**
     * Takes a grant of {@code ownerId} back, like {@link #revoke(int, long, boolean)}, and nobody else's: to the owner a grant
     * of another guest is none.
     *
     * @throws EngineException NOT_FOUND without such a grant of this owner; HOST as there
     */
    public synchronized void revoke(int ownerId, int granteeId, long granteeFirstMfn, boolean force) {
        boolean own = grants().stream()
                .anyMatch(grant -> grant.ownerId() == ownerId
                        && grant.granteeId() == granteeId
                        && grant.granteeFirstMfn() == granteeFirstMfn);
        if (!own) {
            throw new EngineException(
                    EngineException.Kind.NOT_FOUND,
                    "guest=" + ownerId + " has granted nothing at mfn=" + granteeFirstMfn + " of guest=" + granteeId);
        }
        revoke(granteeId, granteeFirstMfn, force);
    }

    /**
     * All grants, by grantee and frame; those that were taken back, too, until their frame numbers are used anew or the owner
     * has gone.
     */
    public synchronized List<Grant> grants() {
        Map<GuestRegion, Guest> owners = new HashMap<>();
        guests.values().forEach(guest -> guest.regions().forEach(region -> owners.put(region, guest)));
        List<Grant> all = new ArrayList<>();
        for (Guest grantee : guests.values()) {
            for (GuestRegion region : grantee.regions()) {
                GuestRegion source = region.source();
                Guest owner = source == null ? null : owners.get(source);
                if (source != null && owner != null) {
                    all.add(region.grant(owner.id(), source, grantee.id()));
                }
            }
        }
        return all;
    }

    /**
     * Memory that {@code guest} does not have any more: what it has granted of it is taken back from the grantees by force, and then it is
     * as {@link Guest#loseMemory}.
     *
     * @return false when the host IOMMU did not let go of everything; this can be tried again
     * @throws EngineException as there
     */
    public synchronized boolean loseMemory(Guest guest, long firstMfn, long pages) {
        for (Grant grant : grants()) {
            boolean concerned = grant.ownerId() == guest.id()
                    && grant.ownerFirstMfn() <= firstMfn + pages - 1
                    && firstMfn <= grant.ownerFirstMfn() + grant.pages() - 1;
            if (concerned && (!grant.revoked() || grant.holds() > 0)) {
                revokeIfPossible(grant);
            }
        }
        return guest.loseMemory(firstMfn, pages);
    }

    private void revokeIfPossible(Grant grant) {
        try {
            revoke(grant.granteeId(), grant.granteeFirstMfn(), true);
        } catch (EngineException e) {
            if (e.kind() != EngineException.Kind.HOST) {
                throw e;
            }
            // It keeps the memory from going, which the loss will say.
        }
    }

    private Guest requireGuest(int guestId) {
        Guest guest = guests.get(guestId);
        if (guest == null) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + guestId + " is not there");
        }
        return guest;
    }

    /** A dead guest may still be there, because something of it could not be let go; its frames are nobody's to give. */
    private Guest requireLiving(int guestId) {
        Guest guest = requireGuest(guestId);
        if (!guest.isAlive()) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + guestId + " is gone");
        }
        return guest;
    }

    /** Takes both locks, the lower number first, so that two grants in opposite directions cannot block each other. */
    private static void inOrder(Guest a, Guest b, Runnable action) {
        Guest first = a.id() < b.id() ? a : b;
        first.locked(() -> (first == a ? b : a).locked(action));
    }

    /**
     * The dead, and those who hold frames of the dead: what is behind their mappings has not outlived the service. Who goes takes
     * those along who hold frames of it.
     */
    synchronized void forgetTheDead() {
        List<Guest> gone = new ArrayList<>();
        guests.values().stream().filter(guest -> !guest.isAlive()).forEach(gone::add);
        for (int i = 0; i < gone.size(); i++) { // grows by those who go along
            Guest owner = gone.get(i);
            guests.values().stream()
                    .filter(other -> !gone.contains(other) && other.holdsFramesOf(owner))
                    .forEach(gone::add);
        }
        gone.forEach(this::discard);
    }

    private void discard(Guest guest) {
        revokeGrantsOf(guest);
        guest.tearDown(false, false);
        forget(guest);
    }

    private void forget(Guest guest) {
        guests.remove(guest.id());
        guest.endpoints().forEach(endpoint -> endpointOwners.remove(endpoint.endpointId()));
    }

    private void retryTearDown(int guestId) {
        Guest guest = guests.get(guestId);
        if (guest != null && !guest.isAlive()) {
            removeGuest(guest);
        }
    }

    /** The guest with that number, or null. */
    public synchronized @Nullable Guest guest(int guestId) {
        return guests.get(guestId);
    }

    /** All guests, by number. */
    public synchronized List<Guest> guests() {
        return List.copyOf(guests.values());
    }

    /** Removes all guests and closes the host IOMMU. */
    @Override
    public synchronized void close() {
        guests().forEach(this::removeGuest);
        host.close();
        if (guests.isEmpty()) {
            tables.close(); // otherwise a table is still in use, and the process is about to end anyway
        }
    }
}
