package org.pviommu.server.rest;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.pviommu.engine.Access;
import org.pviommu.engine.AddressSpace;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Grant;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestRegion;
import org.pviommu.engine.GuestStats;
import org.pviommu.engine.Mapping;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.server.EndpointId;
import org.pviommu.server.FaultLog;
import org.pviommu.server.Text;

/** Turns the engine's objects into what the API shows. Bus frames are below 2^36, so shifting them cannot overflow. */
final class Views {
    static final int PAGE_SHIFT = 12;
    static final long PAGE_MASK = 4095;

    private Views() {}

    /** A guest of this start of the service. */
    static GuestView guest(Guest guest) {
        return guest(guest, guest.isAlive() ? "running" : "leaving");
    }

    /** A guest of before, as the journal left it. */
    static GuestView waiting(Guest before) {
        return guest(before, "waiting");
    }

    private static GuestView guest(Guest guest, String state) {
        return new GuestView(
                guest.id(),
                state,
                guest.policy().enabled(),
                guest.policy().permitted(),
                guest.regions().stream().map(Views::region).toList(),
                endpointIds(guest),
                Text.hex(guest.digest()),
                counters(guest.stats()));
    }

    static List<String> endpointIds(Guest guest) {
        List<String> ids = new ArrayList<>();
        for (EndpointDescriptor endpoint : guest.endpoints()) {
            ids.add(EndpointId.format(endpoint.endpointId()));
        }
        return ids;
    }

    private static RegionView region(GuestRegion region) {
        return new RegionView(
                Text.hex(region.firstMfn()), Text.hex(region.lastMfn()), region.pages(), region.isGranted());
    }

    static GrantView grant(Grant grant) {
        return new GrantView(
                grant.ownerId(),
                Text.hex(grant.ownerFirstMfn()),
                Text.hex(grant.ownerFirstMfn() + grant.pages() - 1),
                grant.granteeId(),
                Text.hex(grant.granteeFirstMfn()),
                Text.hex(grant.granteeFirstMfn() + grant.pages() - 1),
                grant.pages(),
                Access.name(grant.access()),
                grant.revoked(),
                grant.holds());
    }

    static GuestCounters counters(GuestStats stats) {
        return new GuestCounters(
                stats.calls(),
                stats.operations(),
                stats.maps(),
                stats.unmaps(),
                stats.failures(),
                stats.flushes(),
                stats.earlyFlushes(),
                stats.flushFailures(),
                stats.mappedFrames(),
                stats.heldFrames(),
                stats.tablePages(),
                stats.registeredFrames());
    }

    static GuestCounters sum(List<Guest> guests) {
        GuestCounters sum = new GuestCounters(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        for (Guest guest : guests) {
            sum = plus(sum, counters(guest.stats()));
        }
        return sum;
    }

    private static GuestCounters plus(GuestCounters a, GuestCounters b) {
        return new GuestCounters(
                a.calls() + b.calls(),
                a.operations() + b.operations(),
                a.maps() + b.maps(),
                a.unmaps() + b.unmaps(),
                a.failures() + b.failures(),
                a.flushes() + b.flushes(),
                a.earlyFlushes() + b.earlyFlushes(),
                a.flushFailures() + b.flushFailures(),
                a.mappedFrames() + b.mappedFrames(),
                a.heldFrames() + b.heldFrames(),
                a.tablePages() + b.tablePages(),
                a.registeredFrames() + b.registeredFrames());
    }

    static AddressSpaceView addressSpace(Guest guest, AddressSpace space, long lastBfn) {
        return new AddressSpaceView(
                space.guestId(),
                space.context(),
                space.mappedPages(),
                space.owedPages(),
                Text.hex(lastBfn),
                guest.endpoints().stream()
                        .map(EndpointDescriptor::endpointId)
                        .filter(endpoint -> guest.attachment(endpoint) == space)
                        .map(EndpointId::format)
                        .toList());
    }

    static MappingView mapping(Mapping mapping) {
        return new MappingView(
                Text.hex(mapping.firstBfn()),
                Text.hex(mapping.firstBfn() + mapping.pages() - 1),
                Text.hex(mapping.firstMfn()),
                mapping.pages(),
                Access.name(mapping.access()));
    }

    static EndpointView endpoint(Guest guest, EndpointDescriptor endpoint) {
        AddressSpace space = guest.attachment(endpoint.endpointId());
        return new EndpointView(
                EndpointId.format(endpoint.endpointId()),
                guest.id(),
                space == null ? null : space.context(),
                endpoint.reserved().stream().map(Views::reserved).toList());
    }

    private static ReservedView reserved(ReservedRegion region) {
        return new ReservedView(
                Text.hex(region.bfns().first()),
                Text.hex(region.bfns().last()),
                region.kind().name().toLowerCase(Locale.ROOT));
    }

    static List<FaultView> faults(List<FaultLog.Fault> faults) {
        return faults.stream().map(Views::fault).toList();
    }

    static FaultView fault(FaultLog.Fault fault) {
        return new FaultView(
                fault.sequence(),
                EndpointId.format(fault.endpoint()),
                Text.hex(fault.iovaBytes()),
                fault.write() ? "write" : "read");
    }
}
