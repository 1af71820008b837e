package org.pviommu.engine;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The domains of one guest's virtio-iommu device, the endpoints in them, and what unattached ones reach. Under the guest's lock.
 *
 * <p>The endpoints of a group cannot be told apart by the host IOMMU: while their drivers' domains differ, all of the group is
 * blocked.
 *
 * <p>A domain that has lost its last endpoint is gone for its driver at once; its address space is drained and given back after
 * the flush that ends the batch. One whose drain fails is tried again with each later flush.
 */
final class GuestDomains {
    private static final int ENOMEM = 12;
    private static final int ENOSPC = 28;

    private final Engine engine;
    private final Guest guest;
    private final List<DomainEndpoint> endpoints = new ArrayList<>();
    private final DomainTable domains = new DomainTable();
    /** Address spaces of domains that are gone. */
    private final List<RangeSpace> dying = new ArrayList<>();

    private @Nullable IdentitySpace identity;
    private volatile boolean bypass;
    /** Whether there is something to flush, or to wait for readers for. */
    private boolean changed;

    private boolean closed;

    /** Governs {@code ids}, which are whole groups of the guest's endpoints and blocked. */
    GuestDomains(Engine engine, Guest guest, List<Integer> ids) {
        this.engine = engine;
        this.guest = guest;
        for (int id : ids) {
            EndpointDescriptor descriptor = Objects.requireNonNull(guest.endpoint(id), "checked before");
            endpoints.add(new DomainEndpoint(descriptor, guest.view(id)));
        }
    }

    List<Integer> endpointIds() {
        return endpoints.stream().map(DomainEndpoint::id).toList();
    }

    boolean governs(int endpointId) {
        return find(endpointId) != null;
    }

    boolean isClosed() {
        return closed;
    }

    boolean bypass() {
        return bypass;
    }

    private @Nullable DomainEndpoint find(int endpointId) {
        for (int i = 0; i < endpoints.size(); i++) {
            if (endpoints.get(i).id() == endpointId) {
                return endpoints.get(i);
            }
        }
        return null;
    }

    /** What can be seen from outside. Any thread: each line is right when it is looked at. */
    List<DomainInfo> list() {
        return domains.all().stream().map(this::info).toList();
    }

    private DomainInfo info(Domain domain) {
        RangeSpace space = domain.space();
        return new DomainInfo(
                domain.id(),
                domain.isBypass(),
                endpoints.stream()
                        .filter(endpoint -> domain.equals(endpoint.domain()))
                        .map(DomainEndpoint::id)
                        .toList(),
                space == null ? 0 : space.mappings(),
                space == null ? 0 : space.mappedFrames());
    }

    @Nullable
    RangeSpace space(int domain) {
        for (Domain each : domains.all()) {
            if (each.id() == domain) {
                return each.space();
            }
        }
        return null;
    }

    // ---- requests

    int attach(int domainId, int endpointId, boolean wantsBypass) {
        DomainEndpoint endpoint = find(endpointId);
        if (endpoint == null) {
            return RequestStatus.NOENT; // C32
        }
        Domain domain = domains.find(domainId);
        if (domain != null && domain.isBypass() != wantsBypass) {
            return RequestStatus.INVAL; // C34
        }
        if (domain != null && !accepts(domain, endpoint)) {
            return RequestStatus.UNSUPP; // C38
        }
        if (domain == null) {
            int status = make(domainId, wantsBypass);
            domain = domains.find(domainId);
            if (domain == null) {
                return cannotMove(endpoint, status);
            }
        }
        return move(endpoint, domain);
    }

    /** Makes a domain, without endpoints, or says why not. */
    private int make(int domainId, boolean bypasses) {
        if (bypasses && identity() == null) {
            return RequestStatus.DEVERR;
        }
        if (!hasRoomForDomain()) {
            return RequestStatus.NOMEM; // C59
        }
        try {
            domains.add(new Domain(domainId, bypasses ? null : engine.newRangeSpace(guest, domainId)));
            return RequestStatus.OK;
        } catch (EngineException e) {
            return e.kind() == EngineException.Kind.LIMIT ? RequestStatus.NOMEM : RequestStatus.DEVERR;
        } catch (HostIommuException e) {
            return isNoMemory(e.errno()) ? RequestStatus.NOMEM : RequestStatus.DEVERR;
        }
    }

    /** virtio 1.2: whatever keeps an endpoint from moving out of its domain, "UNSUPP" is the answer (C37, a MUST). */
    private static int cannotMove(DomainEndpoint endpoint, int status) {
        return endpoint.domain() == null ? status : RequestStatus.UNSUPP;
    }

    /** The answer to an ATTACH that cannot even be tried. */
    int notTried(int domainId, int endpointId) {
        DomainEndpoint endpoint = find(endpointId);
        Domain domain = endpoint == null ? null : endpoint.domain();
        return domain == null || domain.id() == domainId ? RequestStatus.IOERR : RequestStatus.UNSUPP; // C37
    }

    private static boolean isNoMemory(int errno) {
        return errno == ENOMEM || errno == ENOSPC;
    }

    private boolean hasRoomForDomain() {
        return domains.count() + dying.size() + guest.contexts()
                < guest.policy().maxContexts();
    }

    /** Nothing that is mapped lies where the newcomer reserves, and no other endpoint would get into firmware's memory. */
    private boolean accepts(Domain domain, DomainEndpoint newcomer) {
        RangeSpace space = domain.space();
        if (space == null) {
            return true;
        }
        for (FrameRange range : ReservedRules.ranges(newcomer.descriptor())) {
            if (space.occupies(range)) {
                return false;
            }
        }
        for (DomainEndpoint each : endpoints) {
            if (domain.equals(each.domain()) && !ReservedRules.agree(each.descriptor(), newcomer.descriptor())) {
                return false;
            }
        }
        return true;
    }

    /** All or nothing: an endpoint that cannot move stays where it was (C34, C37). */
    private int move(DomainEndpoint endpoint, @Nullable Domain to) {
        Domain from = endpoint.domain();
        endpoint.setDomain(to);
        if (!bindGroup(endpoint)) {
            endpoint.setDomain(from);
            bindGroup(endpoint); // what the host refuses this time stays blocked
            dropIfEmpty(to);
            return to == null ? RequestStatus.DEVERR : RequestStatus.UNSUPP;
        }
        updateReserved(to);
        updateReserved(from);
        if (!Objects.equals(from, to)) {
            dropIfEmpty(from);
        }
        return RequestStatus.OK;
    }

    private void updateReserved(@Nullable Domain domain) {
        if (domain == null || domain.space() == null) {
            return;
        }
        domain.space()
                .setReserved(endpoints.stream()
                        .filter(each -> domain.equals(each.domain()))
                        .flatMap(each -> ReservedRules.ranges(each.descriptor()).stream())
                        .toList());
    }

    private void dropIfEmpty(@Nullable Domain domain) {
        if (domain == null || endpoints.stream().anyMatch(each -> domain.equals(each.domain()))) {
            return;
        }
        domains.remove(domain);
        RangeSpace space = domain.space();
        if (space != null) {
            dying.add(space);
            space.unmapAll(); // what is refused is tried again when it is drained
            changed = true;
        }
    }

    int detach(int domainId, int endpointId) {
        DomainEndpoint endpoint = find(endpointId);
        if (endpoint == null) {
            return RequestStatus.NOENT; // C43
        }
        Domain domain = endpoint.domain();
        if (domain == null || domain.id() != domainId) {
            return RequestStatus.INVAL; // C44
        }
        return move(endpoint, null);
    }

    int map(int domainId, long first, long last, long target, int access, boolean mmio) {
        Domain domain = domains.find(domainId);
        if (domain == null) {
            return RequestStatus.NOENT; // C50
        }
        RangeSpace space = domain.space();
        if (space == null || Long.compareUnsigned(last, first) < 0 || (access & ~Access.READ_WRITE) != 0) {
            return RequestStatus.INVAL; // C51, C58
        }
        if (Long.compareUnsigned(target + (last - first), target) < 0) {
            return RequestStatus.RANGE; // C57
        }
        return space.map(first, last, target, access, mmio);
    }

    int unmap(int domainId, long first, long last) {
        Domain domain = domains.find(domainId);
        if (domain == null) {
            return RequestStatus.NOENT; // C61
        }
        RangeSpace space = domain.space();
        if (space == null || Long.compareUnsigned(last, first) < 0) {
            return RequestStatus.INVAL; // C62
        }
        return space.unmap(first, last);
    }

    // ---- what the host translates endpoints by

    /** Binds the group of {@code any} to what its members agree on, or blocks it; false when the host refused something. */
    private boolean bindGroup(DomainEndpoint any) {
        int group = any.descriptor().group();
        TranslationSource wanted = sourceOf(any);
        for (DomainEndpoint each : endpoints) {
            if (each.descriptor().group() == group && !Objects.equals(sourceOf(each), wanted)) {
                wanted = null;
            }
        }
        boolean all = true;
        for (DomainEndpoint each : endpoints) {
            if (each.descriptor().group() == group && !each.isBoundTo(wanted)) {
                changed = true; // somebody may still be in a section with the old one
                all &= each.unbind();
            }
        }
        WatchedHost host = hostOf(wanted);
        for (DomainEndpoint each : endpoints) {
            if (all && host != null && each.descriptor().group() == group && !each.isBoundTo(wanted)) {
                all = each.bind(Objects.requireNonNull(wanted), host);
            }
        }
        return all;
    }

    private void bindAll() {
        for (DomainEndpoint each : endpoints) {
            bindGroup(each);
        }
    }

    private @Nullable TranslationSource sourceOf(DomainEndpoint endpoint) {
        Domain domain = endpoint.domain();
        if (domain == null) {
            return bypass ? identity() : null;
        }
        RangeSpace space = domain.space();
        return space == null ? identity() : space;
    }

    private static @Nullable WatchedHost hostOf(@Nullable TranslationSource source) {
        if (source instanceof RangeSpace space) {
            return space.host();
        }
        return source instanceof IdentitySpace space ? space.host() : null;
    }

    /** Null, so that who wants it is blocked, while the host has no address space for it. */
    private @Nullable IdentitySpace identity() {
        if (identity == null) {
            List<FrameRange> reserved = endpoints.stream()
                    .flatMap(each -> ReservedRules.ranges(each.descriptor()).stream())
                    .toList();
            try {
                identity = engine.newIdentitySpace(guest, reserved);
            } catch (HostIommuException e) {
                guest.counters().failures.add(1);
                return null;
            }
            identity.addMissing();
        }
        return identity;
    }

    // ---- memory

    /** More memory: what bypasses reaches it. */
    void memoryAdded() {
        if (identity != null) {
            identity.addMissing();
        }
    }

    /** Whether something of the guest's memory may be reached without being mapped. */
    boolean hasIdentity() {
        return identity != null;
    }

    /** Removes everything that leads to a lost region from the host; false when it kept something. */
    boolean unmapFrom(GuestRegion region) {
        boolean all = identity == null || identity.unmapFrom(region);
        for (RangeSpace space : spaces()) {
            all &= space.unmapFrom(region);
        }
        return all;
    }

    /** After {@link #unmapFrom} and a flush that went well. */
    void forget(GuestRegion region) {
        spaces().forEach(space -> space.forget(region));
    }

    private List<RangeSpace> spaces() {
        List<RangeSpace> all = new ArrayList<>(dying);
        for (Domain domain : domains.all()) {
            if (domain.space() != null) {
                all.add(domain.space());
            }
        }
        return all;
    }

    void freeRetired() {
        for (int i = 0; i < domains.count(); i++) {
            RangeSpace space = domains.get(i).space();
            if (space != null) {
                space.freeRetired();
            }
        }
        for (int i = 0; i < dying.size(); i++) {
            dying.get(i).freeRetired();
        }
    }

    // ---- flush and release

    void changed() {
        changed = true;
    }

    boolean needsFlush() {
        return changed;
    }

    /** One flush of each address space that something was removed from; false when one failed, which is owed then. */
    boolean flush() {
        if (!changed) {
            return true;
        }
        boolean all = identity == null || identity.flush();
        for (int i = 0; i < domains.count(); i++) {
            RangeSpace space = domains.get(i).space();
            all &= space == null || space.flush();
        }
        for (int i = 0; i < dying.size(); i++) {
            all &= drain(dying.get(i));
        }
        guest.readers().awaitReaders();
        changed = !all;
        return all;
    }

    /** At the bound on held frames, in the middle of a batch: nothing is drained, because that is what may be going on. */
    void flushEarly() {
        List<RangeSpace> all = spaces();
        all.forEach(RangeSpace::flush);
        guest.readers().awaitReaders();
        all.forEach(RangeSpace::release);
    }

    /** One that is not drained yet is tried again; what the host does not give back keeps the space, but fails nobody's batch. */
    private boolean drain(RangeSpace space) {
        for (int i = 0; i < endpoints.size(); i++) {
            if (endpoints.get(i).isBoundTo(space)) {
                endpoints.get(i).unbind(); // it could not be moved away
            }
        }
        space.unmapAll();
        return space.flush();
    }

    /** Lets go of what was removed, where the flush went well, and of address spaces that are empty. */
    void release() {
        for (int i = 0; i < domains.count(); i++) {
            RangeSpace space = domains.get(i).space();
            if (space != null) {
                space.release();
            }
        }
        for (int i = dying.size() - 1; i >= 0; i--) {
            RangeSpace space = dying.get(i);
            space.release();
            if (space.isDrained() && isUnbound(space)) {
                space.close();
                dying.remove(i);
            }
        }
        changed |= !dying.isEmpty();
    }

    private boolean isUnbound(TranslationSource source) {
        for (int i = 0; i < endpoints.size(); i++) {
            if (endpoints.get(i).isBoundTo(source)) {
                return false;
            }
        }
        return true;
    }

    // ---- the device as a whole

    void open(boolean withBypass) {
        closed = false;
        setBypass(withBypass);
    }

    void setBypass(boolean on) {
        bypass = on;
        bindAll();
    }

    /** All attachments and domains end (C11); bypass stays as it is (C07). */
    void reset() {
        endpoints.forEach(each -> each.setDomain(null));
        bindAll();
        domains.all().forEach(this::dropIfEmpty);
    }

    /** Blocks all endpoints and ends all domains; {@link #finishClosing} follows the flush. */
    void beginClosing() {
        closed = true;
        bypass = false;
        reset();
        if (identity != null) {
            identity.unmapAll();
            changed = true;
        }
    }

    /** Everything that ever was mapped is covered by the next flush. */
    void requireWholeFlush() {
        changed = true;
        spaces().forEach(RangeSpace::requireWholeFlush);
    }

    /** Whether nothing of the device is left. */
    boolean finishClosing() {
        IdentitySpace rest = identity;
        if (rest != null && rest.isEmpty() && isUnbound(rest)) {
            rest.close();
            identity = null;
        }
        return identity == null && dying.isEmpty() && endpoints.stream().allMatch(each -> each.isBoundTo(null));
    }

    // ---- a guest that comes back

    /** Makes this what {@code before} was, in the host IOMMU. Throws HOST or LIMIT when it refuses something. */
    void restore(GuestDomains before) {
        bypass = before.bypass;
        for (Domain old : before.domains.all()) {
            RangeSpace oldSpace = old.space();
            RangeSpace space = oldSpace == null ? null : engine.newRangeSpace(guest, old.id());
            domains.add(new Domain(old.id(), space));
            if (oldSpace != null && space != null) {
                restoreMappings(oldSpace, space);
            }
        }
        for (DomainEndpoint each : before.endpoints) {
            Domain old = each.domain();
            DomainEndpoint mine = Objects.requireNonNull(find(each.id()));
            mine.setDomain(old == null ? null : domains.find(old.id()));
        }
        domains.all().forEach(this::updateReserved);
        closed = before.closed;
        Set<Integer> refused = new HashSet<>();
        for (DomainEndpoint each : endpoints) {
            if (!bindGroup(each) || lacksIdentity(each)) {
                refused.add(each.id());
            }
        }
        changed =
                false; // everything is new, nobody could reach it before: the first batch has nothing of ours to flush
        if (!refused.isEmpty()) {
            throw new EngineException(EngineException.Kind.HOST, "endpoints=" + refused + " not attached");
        }
    }

    private boolean lacksIdentity(DomainEndpoint endpoint) {
        Domain domain = endpoint.domain();
        boolean bypasses = domain == null ? bypass : domain.isBypass();
        return bypasses && identity() == null;
    }

    private void restoreMappings(RangeSpace from, RangeSpace to) {
        from.copyTo((first, last, target, attributes) -> {
            int status = to.map(first, last, target, attributes);
            if (status != RequestStatus.OK) {
                throw new EngineException(
                        EngineException.Kind.HOST,
                        "guest=" + guest.id() + " domain=" + Integer.toUnsignedString(to.domain()) + " iova=0x"
                                + Long.toHexString(first) + " cannot be mapped again, status="
                                + RequestStatus.name(status));
            }
        });
    }
}
