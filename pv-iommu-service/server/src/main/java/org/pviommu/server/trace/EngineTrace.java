package org.pviommu.server.trace;

import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.DomainInfo;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.RangeMapping;
import org.pviommu.engine.ReservedRegion;
import org.pviommu.host.SimulatedIommu;
import org.pviommu.natives.SharedMemory;
import org.pviommu.virtio.iommu.EngineDomains;
import org.pviommu.virtio.iommu.IommuPort;
import org.pviommu.virtio.memory.GuestMemoryShare;

/**
 * The engine as the target of a trace: one guest with 512 MiB of memory, as the recorded machines had, on the simulated host and
 * without a journal. Its endpoints have the interrupt window of x86, where no driver maps.
 */
public final class EngineTrace implements TraceTarget {
    private static final int GUEST = 1;
    private static final long PAGES = 512L << 8;
    private static final long PAGE_BYTES = 4096;
    private static final FrameRange INTERRUPTS = new FrameRange(0xfee00, 0xfeeff);
    private static final int MMIO = 1 << 2;

    private final Engine engine;
    private final Guest guest;
    private final EngineDomains port;

    private EngineTrace(Engine engine, Guest guest, EngineDomains port) {
        this.engine = engine;
        this.guest = guest;
        this.port = port;
    }

    /**
     * A target of its own.
     *
     * @param endpoints that its device governs
     */
    public static TraceTarget open(List<Integer> endpoints) {
        Engine engine = new Engine(new SimulatedIommu(SimulatedIommu.Settings.defaults()), BatchLog.none());
        List<ReservedRegion> reserved = List.of(new ReservedRegion(INTERRUPTS, ReservedRegion.Kind.MSI));
        Guest guest = engine.addGuest(
                GUEST,
                GuestPolicy.permissive(),
                endpoints.stream()
                        .map(endpoint -> new EndpointDescriptor(endpoint, reserved))
                        .toList());
        guest.registerMemory(0, PAGES, new TraceMemory(SharedMemory.create("trace", PAGES * PAGE_BYTES, 0)));
        GuestMemoryShare memory = new GuestMemoryShare(engine, guest);
        return new EngineTrace(engine, guest, new EngineDomains(engine, guest, endpoints, true, memory));
    }

    @Override
    public IommuPort port() {
        return port;
    }

    @Override
    public Set<LiveMapping> live() {
        Set<LiveMapping> live = new HashSet<>();
        for (DomainInfo domain : guest.domainList()) {
            for (RangeMapping each : guest.domainMappings(domain.domain(), 0, Integer.MAX_VALUE)) {
                int flags = each.access() | (each.mmio() ? MMIO : 0);
                live.add(new LiveMapping(domain.domain(), each.first(), each.last(), each.target(), flags));
            }
        }
        return live;
    }

    @Override
    public long digest() {
        return guest.digest();
    }

    @Override
    public void close() {
        port.disconnected();
        engine.close();
    }

    /** Memory that nobody uses. */
    private record TraceMemory(SharedMemory memory) implements GuestMemory {
        @Override
        public MemorySegment segment() {
            return memory.segment();
        }

        @Override
        public int fileDescriptor() {
            return memory.fd().value();
        }

        @Override
        public long fileOffsetBytes() {
            return memory.offsetBytes();
        }

        @Override
        public void close() {
            memory.close();
        }
    }
}
