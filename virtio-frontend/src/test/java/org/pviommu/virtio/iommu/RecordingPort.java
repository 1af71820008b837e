package org.pviommu.virtio.iommu;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.virtio.vhost.MappedRegion;

/** Writes down what it is asked, and answers as it was told; endpoint 444 is unknown. */
final class RecordingPort implements IommuPort {
    static final int UNKNOWN_ENDPOINT = 444;

    final List<String> calls = new ArrayList<>();
    int answer = Wire.OK;
    boolean flushes = true;
    ReservedMemory reserved = new ReservedMemory(List.of(
            new ReservedMemory.Region(0x1000_0000_0000L, 0x1000_0000_0fffL, false),
            new ReservedMemory.Region(0xfee0_0000L, 0xfeef_ffffL, true)));

    private int note(String call) {
        calls.add(call);
        return answer;
    }

    @Override
    public int attach(int domain, int endpoint, boolean bypass) {
        return note("attach " + Integer.toUnsignedString(domain) + " " + endpoint + (bypass ? " bypass" : ""));
    }

    @Override
    public int detach(int domain, int endpoint) {
        return note("detach " + Integer.toUnsignedString(domain) + " " + endpoint);
    }

    @Override
    public int map(int domain, long first, long last, long target, int access, boolean mmio) {
        return note("map " + Integer.toUnsignedString(domain) + " " + Long.toHexString(first) + " "
                + Long.toHexString(last) + " " + Long.toHexString(target) + " " + access + (mmio ? " mmio" : ""));
    }

    @Override
    public int unmap(int domain, long first, long last) {
        return note("unmap " + Integer.toUnsignedString(domain) + " " + Long.toHexString(first) + " "
                + Long.toHexString(last));
    }

    @Override
    public @Nullable ReservedMemory probe(int endpoint) {
        calls.add("probe " + endpoint);
        return endpoint == UNKNOWN_ENDPOINT ? null : reserved;
    }

    @Override
    public boolean endBatch() {
        calls.add("end");
        return flushes;
    }

    @Override
    public void setBypass(boolean on) {
        calls.add("bypass " + on);
    }

    @Override
    public void memoryChanged(List<MappedRegion> regions) {
        calls.add("memory");
    }

    @Override
    public void reset() {
        calls.add("reset");
    }

    @Override
    public void disconnected() {
        calls.add("disconnected");
    }
}
