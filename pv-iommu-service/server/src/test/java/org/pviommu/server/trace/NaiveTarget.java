package org.pviommu.server.trace;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pviommu.virtio.iommu.IommuPort;
import org.pviommu.virtio.iommu.ReservedMemory;
import org.pviommu.virtio.iommu.Wire;
import org.pviommu.virtio.vhost.MappedRegion;

/** A target that keeps mappings and believes every request, with mistakes on demand. */
final class NaiveTarget implements TraceTarget, IommuPort {
    final Set<LiveMapping> mappings = new HashSet<>();
    /** The how manieth MAP is answered and not done; 0 for none. */
    int forgottenMap;

    int statusOfUnmaps = Wire.OK;
    private int maps;
    private int batches;

    int batches() {
        return batches;
    }

    @Override
    public IommuPort port() {
        return this;
    }

    @Override
    public Set<LiveMapping> live() {
        return mappings;
    }

    @Override
    public long digest() {
        return mappings.hashCode();
    }

    @Override
    public int attach(int domain, int endpoint, boolean bypass) {
        return Wire.OK;
    }

    @Override
    public int detach(int domain, int endpoint) {
        mappings.removeIf(each -> each.domain() == domain);
        return Wire.OK;
    }

    @Override
    public int map(int domain, long first, long last, long target, int access, boolean mmio) {
        if (++maps != forgottenMap) {
            mappings.add(new LiveMapping(domain, first, last, target, access | (mmio ? 4 : 0)));
        }
        return Wire.OK;
    }

    @Override
    public int unmap(int domain, long first, long last) {
        if (statusOfUnmaps == Wire.OK) {
            mappings.removeIf(each -> each.domain() == domain && each.first() >= first && each.last() <= last);
        }
        return statusOfUnmaps;
    }

    @Override
    public @Nullable ReservedMemory probe(int endpoint) {
        return new ReservedMemory(List.of());
    }

    @Override
    public boolean endBatch() {
        batches++;
        return true;
    }

    @Override
    public void setBypass(boolean on) {}

    @Override
    public void memoryChanged(List<MappedRegion> regions) {}

    @Override
    public void reset() {
        mappings.clear();
    }

    @Override
    public void disconnected() {}

    @Override
    public void close() {}
}
