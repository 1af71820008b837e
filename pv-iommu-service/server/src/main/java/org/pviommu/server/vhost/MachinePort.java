package org.pviommu.server.vhost;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.server.Plant;
import org.pviommu.virtio.iommu.EngineDomains;
import org.pviommu.virtio.iommu.IommuPort;
import org.pviommu.virtio.iommu.ReservedMemory;
import org.pviommu.virtio.iommu.Wire;
import org.pviommu.virtio.vhost.MappedRegion;

/**
 * The engine's side of a virtual machine's virtio-iommu, as long as there is one: the machine may be waited for. One thread, that of the
 * device; opened by whoever lets the guest in.
 */
final class MachinePort implements IommuPort {
    /** Early enough for any driver, late enough that it uses its disk. */
    private static final int DROPPED_MAP = 50;

    private final Engine engine;
    private final VirtualMachine machine;
    private final List<Integer> endpoints;
    private final boolean dropsAMap;
    private volatile boolean bypass;
    private int maps;
    private volatile @Nullable EngineDomains domains;

    MachinePort(Engine engine, VirtualMachine machine, List<Integer> endpoints, boolean bypass, Plant plant) {
        this.engine = engine;
        this.machine = machine;
        this.endpoints = List.copyOf(endpoints);
        this.bypass = bypass;
        dropsAMap = plant == Plant.MAP;
        machine.governs(endpoints);
        machine.whenAdmitted(this::open);
    }

    private void open(Guest guest) {
        domains = new EngineDomains(engine, guest, endpoints, bypass, machine.memory());
    }

    private EngineDomains domains() {
        EngineDomains there = domains;
        if (there == null) {
            throw new IllegalStateException(
                    "guest=" + machine.id() + " is not there yet"); // no memory, no queue, no request
        }
        return there;
    }

    @Override
    public int attach(int domain, int endpoint, boolean toBypass) {
        return domains().attach(domain, endpoint, toBypass);
    }

    @Override
    public int detach(int domain, int endpoint) {
        return domains().detach(domain, endpoint);
    }

    @Override
    public int map(int domain, long first, long last, long target, int access, boolean mmio) {
        // One that is only read: without the page of its answer a request would fail, and the driver not see it.
        if (dropsAMap && maps <= DROPPED_MAP && access == Access.READ && ++maps > DROPPED_MAP) {
            return Wire.OK; // a planted lie
        }
        return domains().map(domain, first, last, target, access, mmio);
    }

    @Override
    public int unmap(int domain, long first, long last) {
        return domains().unmap(domain, first, last);
    }

    @Override
    public @Nullable ReservedMemory probe(int endpoint) {
        return domains().probe(endpoint);
    }

    @Override
    public boolean endBatch() {
        EngineDomains there = domains;
        return there == null || there.endBatch();
    }

    @Override
    public void setBypass(boolean on) {
        synchronized (machine) { // which lets the guest in with what was said last
            bypass = on;
            EngineDomains there = domains;
            if (there != null) {
                there.setBypass(on);
            }
        }
    }

    @Override
    public void memoryChanged(List<MappedRegion> regions) {
        machine.memoryChanged(this, regions);
    }

    @Override
    public void reset() {
        EngineDomains there = domains;
        if (there != null) {
            there.reset();
        }
    }

    /** Attachments and domains were the driver's. When it is the service that goes, they stay for the next one. */
    @Override
    public void disconnected() {
        endBatch(); // one that was broken off
        if (machine.isStopping()) {
            return;
        }
        try {
            setBypass(false); // first: what the reset lets go of must not reach anything
            reset();
        } finally {
            machine.memoryChanged(this, List.of());
        }
    }
}
