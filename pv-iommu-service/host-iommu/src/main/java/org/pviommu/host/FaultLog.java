package org.pviommu.host;

import java.util.ArrayDeque;
import java.util.List;
import org.pviommu.engine.HostIommu.FaultListener;

/** Counts faults, remembers the latest {@value #CAPACITY}, and tells the listener. Any thread. */
final class FaultLog {
    /** Enough to see a pattern; a device can fault millions of times a second, so the number has to be bounded. */
    static final int CAPACITY = 64;

    private final ArrayDeque<DmaFault> recent = new ArrayDeque<>(CAPACITY);
    private long count;
    private volatile FaultListener listener = (endpoint, iovaBytes, write) -> {};

    void listener(FaultListener newListener) {
        listener = newListener;
    }

    /** Outside of any read section, because a listener may take as long as it likes. */
    void report(DmaFault fault) {
        remember(fault);
        listener.fault(fault.endpoint(), fault.iovaBytes(), fault.write());
    }

    synchronized long count() {
        return count;
    }

    /** Oldest first. */
    synchronized List<DmaFault> recent() {
        return List.copyOf(recent);
    }

    private synchronized void remember(DmaFault fault) {
        if (recent.size() == CAPACITY) {
            recent.removeFirst();
        }
        recent.addLast(fault);
        count++;
    }
}
