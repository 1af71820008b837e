package org.pviommu.server;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;
import org.pviommu.engine.HostIommu;

/**
 * The refused DMA accesses that people are shown: a total, and the newest {@value #KEPT}. Memory is bounded however many
 * a device makes. Thread-safe.
 */
public final class FaultLog implements HostIommu.FaultListener {
    /** How many faults are kept. */
    public static final int KEPT = 128;

    /**
     * One refused access.
     *
     * @param sequence counts all faults since the start, from 1
     * @param endpoint the device
     * @param iovaBytes bus address
     * @param write whether the device wanted to write
     */
    public record Fault(long sequence, int endpoint, long iovaBytes, boolean write) {}

    /** What {@link #during} saw: the call's result and the faults that this thread's device had meanwhile. */
    public record Observed(int result, List<Fault> faults) {}

    private final ArrayDeque<Fault> newest = new ArrayDeque<>(KEPT);
    /** One for all logs: a thread does one DMA at a time. */
    private static final ScopedValue<List<Fault>> COLLECTING = ScopedValue.newInstance();

    private long total;

    @Override
    public void fault(int endpoint, long iovaBytes, boolean write) {
        Fault fault = remember(endpoint, iovaBytes, write);
        if (COLLECTING.isBound()) {
            COLLECTING.get().add(fault);
        }
    }

    private synchronized Fault remember(int endpoint, long iovaBytes, boolean write) {
        Fault fault = new Fault(++total, endpoint, iovaBytes, write);
        if (newest.size() == KEPT) {
            newest.removeFirst();
        }
        newest.addLast(fault);
        return fault;
    }

    /** Runs a DMA and collects its faults: the backend reports them on the device's thread, which is this one. */
    public Observed during(IntSupplier dma) {
        List<Fault> faults = new ArrayList<>();
        int result = ScopedValue.where(COLLECTING, faults).call(dma::getAsInt);
        return new Observed(result, faults);
    }

    /** All faults since the start. */
    public synchronized long total() {
        return total;
    }

    /** The newest faults, newest first. */
    public synchronized List<Fault> newest() {
        return new ArrayList<>(newest).reversed();
    }
}
