package org.pviommu.systemtests.differential;

import java.util.ArrayList;
import java.util.List;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.IotlbGather;

/** Records what the engine asks of the host, and lets a watcher look at the world at the critical moments. */
final class ObservedHost implements HostIommu {

    /** Looks on from inside a batch. */
    interface Watcher {
        /** Something was removed; no flush has covered it yet. */
        void removed(long firstBfn, long pages);

        /** A flush of {@code gather} is about to reach the host. */
        void beforeFlush(IotlbGather gather);

        /** A flush succeeded. */
        void flushed();
    }

    private final HostIommu host;
    private final List<HostEvent> events = new ArrayList<>();
    private final Watcher watcher;

    ObservedHost(HostIommu host, Watcher watcher) {
        this.host = host;
        this.watcher = watcher;
    }

    /** The calls since the last time this was asked. */
    List<HostEvent> takeEvents() {
        List<HostEvent> taken = List.copyOf(events);
        events.clear();
        return taken;
    }

    @Override
    public HostCapabilities capabilities() {
        return host.capabilities();
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        return new Space(host.createAddressSpace());
    }

    @Override
    public void onFault(FaultListener listener) {
        host.onFault(listener);
    }

    @Override
    public void close() {
        host.close();
    }

    private final class Space implements HostAddressSpace {
        private final HostAddressSpace space;

        Space(HostAddressSpace space) {
            this.space = space;
        }

        @Override
        public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
            int outcome = space.map(firstBfn, pages, memory, offsetBytes, access);
            events.add(new HostEvent(HostEvent.Kind.MAP, firstBfn, pages, outcome));
            return outcome;
        }

        @Override
        public long unmap(long firstBfn, long pages) {
            long outcome = space.unmap(firstBfn, pages);
            events.add(new HostEvent(HostEvent.Kind.UNMAP, firstBfn, pages, outcome));
            if (outcome > 0) {
                watcher.removed(firstBfn, outcome);
            }
            return outcome;
        }

        @Override
        public int flush(IotlbGather gather) {
            watcher.beforeFlush(gather);
            int outcome = space.flush(gather);
            events.add(new HostEvent(HostEvent.Kind.FLUSH, 0, 0, outcome));
            if (outcome == 0) {
                watcher.flushed();
            }
            return outcome;
        }

        @Override
        public int attach(int endpoint) {
            return space.attach(endpoint);
        }

        @Override
        public int detach(int endpoint) {
            return space.detach(endpoint);
        }

        @Override
        public void destroy() {
            space.destroy();
        }
    }
}
