package org.pviommu.virtio.iommu;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.DomainExecutor;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.virtio.memory.GuestMemoryShare;
import org.pviommu.virtio.vhost.MappedRegion;

/**
 * The engine behind a virtio-iommu device. Its requests end in a {@link DomainExecutor}, which is there from the front-end's first word to
 * its last: without a front-end the endpoints are blocked. The statuses of the two are the same numbers.
 */
public final class EngineDomains implements IommuPort {
    private final Engine engine;
    private final Guest guest;
    private final List<Integer> endpoints;
    private final GuestMemoryShare memory;
    private boolean bypass;
    private @Nullable DomainExecutor device;

    /**
     * A device of {@code guest}, open at once.
     *
     * @param endpoints of the guest, in whole groups, that the device governs
     * @param bypass whether unattached endpoints reach the guest's memory
     * @param memory the guest's memory, shared with its other sockets
     * @throws org.pviommu.engine.EngineException when the device cannot be opened
     */
    public EngineDomains(Engine engine, Guest guest, List<Integer> endpoints, boolean bypass, GuestMemoryShare memory) {
        this.engine = engine;
        this.guest = guest;
        this.endpoints = List.copyOf(endpoints);
        this.memory = memory;
        this.bypass = bypass;
        device();
    }

    private DomainExecutor device() {
        DomainExecutor open = device;
        if (open == null) {
            open = new DomainExecutor(engine, guest, endpoints, bypass);
            device = open;
        }
        return open;
    }

    @Override
    public int attach(int domain, int endpoint, boolean toBypass) {
        return device().attach(domain, endpoint, toBypass);
    }

    @Override
    public int detach(int domain, int endpoint) {
        return device().detach(domain, endpoint);
    }

    @Override
    public int map(int domain, long first, long last, long target, int access, boolean mmio) {
        return device().map(domain, first, last, target, access, mmio);
    }

    @Override
    public int unmap(int domain, long first, long last) {
        return device().unmap(domain, first, last);
    }

    @Override
    public @Nullable ReservedMemory probe(int endpoint) {
        if (!endpoints.contains(endpoint)) {
            return null;
        }
        for (EndpointDescriptor each : guest.endpoints()) {
            if (each.endpointId() == endpoint) {
                return reserved(each);
            }
        }
        return null;
    }

    /** Why an access of an endpoint was refused, as the driver is told: it is in no domain, or nothing there permits it (C85). Any thread. */
    public static int faultReason(Guest guest, int endpoint) {
        boolean attached = guest.domainList().stream()
                .anyMatch(domain -> domain.endpoints().contains(endpoint));
        return attached ? Wire.FAULT_MAPPING : Wire.FAULT_DOMAIN;
    }

    /**
     * Whole frames as bytes. What overlaps is one, told as RESERVED unless all of it is for interrupts; of several for
     * interrupts only the first is told as such (C76, C77). What firmware has mapped is RESERVED: there is no other way to tell.
     */
    static ReservedMemory reserved(EndpointDescriptor endpoint) {
        List<ReservedRegion> sorted = new ArrayList<>(endpoint.reserved());
        sorted.sort(Comparator.comparingLong(each -> each.bfns().first()));
        List<ReservedMemory.Region> regions = new ArrayList<>();
        for (ReservedRegion each : sorted) {
            long first = each.bfns().first() << 12;
            long last = each.bfns().last() << 12 | 4095;
            boolean msi = each.kind() == ReservedRegion.Kind.MSI;
            ReservedMemory.Region before = regions.isEmpty() ? null : regions.getLast();
            boolean joins = before != null && Long.compareUnsigned(first, before.last()) <= 0;
            if (before != null && joins) {
                regions.removeLast();
                long end = Long.compareUnsigned(last, before.last()) > 0 ? last : before.last();
                regions.add(new ReservedMemory.Region(before.first(), end, before.msi() && msi));
            } else {
                regions.add(new ReservedMemory.Region(first, last, msi));
            }
        }
        return new ReservedMemory(withOneForInterrupts(regions));
    }

    private static List<ReservedMemory.Region> withOneForInterrupts(List<ReservedMemory.Region> regions) {
        List<ReservedMemory.Region> all = new ArrayList<>();
        boolean found = false;
        for (ReservedMemory.Region each : regions) {
            all.add(new ReservedMemory.Region(each.first(), each.last(), each.msi() && !found));
            found |= each.msi();
        }
        return all;
    }

    @Override
    public boolean endBatch() {
        DomainExecutor open = device;
        return open == null || open.endBatch();
    }

    @Override
    public void setBypass(boolean on) {
        bypass = on;
        device().setBypass(on);
    }

    /** The endpoints lose what is not there any more before this returns; the device is open, because its front-end speaks. */
    @Override
    public void memoryChanged(List<MappedRegion> regions) {
        device();
        memory.changed(this, regions);
    }

    @Override
    public void reset() {
        DomainExecutor open = device;
        if (open != null) {
            open.reset();
        }
    }

    /** The endpoints are blocked, the domains gone; so is the memory, unless other sockets of the guest still have it. */
    @Override
    public void disconnected() {
        DomainExecutor open = device;
        device = null;
        if (open != null) {
            open.close();
        }
        memory.changed(this, List.of());
    }
}
