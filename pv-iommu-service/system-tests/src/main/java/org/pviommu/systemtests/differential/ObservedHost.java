package org.pviommu.systemtests.differential;

import java.util.ArrayList;
import java.util.List;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.HostIommuException;
import org.pviommu.engine.IotlbGather;

/** Records what the engine asks of the host, and lets a watcher look at the world at the critical moments. */
final class ObservedHost implements HostIommu {

    /** Looks on from inside a batch. Address spaces are counted from 1 in the order they were made. */
    interface Watcher {
        /** The host was asked to map or to remove something. */
        void asked();

        /** Something was removed; no flush has covered it yet. */
        void removed(int space, long firstBfn, long pages);

        /** A flush of {@code gather} is about to reach the host. */
        void beforeFlush(int space, IotlbGather gather);

        /** A flush succeeded. */
        void flushed(int space);
    }

    private final HostIommu host;
    private final List<HostEvent> events = new ArrayList<>();
    private final Watcher watcher;
    private int spacesMade;

    ObservedHost(HostIommu host, Watcher watcher) {
        this.host = host;
        this.watcher = watcher;
    }

    /** The calls since {@link #forgetEvents}. */
    List<HostEvent> events() {
        return List.copyOf(events);
    }

    void forgetEvents() {
        events.clear();
    }

    @Override
    public HostCapabilities capabilities() {
        return host.capabilities();
    }

    @Override
    public EndpointDescriptor describe(EndpointDescriptor configured) {
        return host.describe(configured);
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        try {
            Space space = new Space(host.createAddressSpace(), ++spacesMade);
            events.add(new HostEvent(HostEvent.Kind.CREATE, spacesMade, 0, 0, 0, false));
            return space;
        } catch (HostIommuException e) {
            events.add(new HostEvent(HostEvent.Kind.CREATE, 0, 0, 0, -e.errno(), false));
            throw e;
        }
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
        private final int number;

        Space(HostAddressSpace space, int number) {
            this.space = space;
            this.number = number;
        }

        private void record(HostEvent.Kind kind, long first, long pages, long outcome) {
            events.add(new HostEvent(kind, number, first, pages, outcome, false));
        }

        @Override
        public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
            int outcome = space.map(firstBfn, pages, memory, offsetBytes, access);
            record(HostEvent.Kind.MAP, firstBfn, pages, outcome);
            watcher.asked();
            return outcome;
        }

        @Override
        public long unmap(long firstBfn, long pages) {
            long outcome = space.unmap(firstBfn, pages);
            record(HostEvent.Kind.UNMAP, firstBfn, pages, outcome);
            watcher.asked();
            if (outcome > 0) {
                watcher.removed(number, firstBfn, outcome);
            }
            return outcome;
        }

        @Override
        public int flush(IotlbGather gather) {
            watcher.beforeFlush(number, gather);
            boolean whole = gather.isWholeSpace();
            int outcome = space.flush(gather);
            events.add(new HostEvent(HostEvent.Kind.FLUSH, number, 0, 0, outcome, whole));
            if (outcome == 0) {
                watcher.flushed(number);
            }
            return outcome;
        }

        @Override
        public int attach(int endpoint) {
            int outcome = space.attach(endpoint);
            record(HostEvent.Kind.ATTACH, endpoint, 0, outcome);
            return outcome;
        }

        @Override
        public int detach(int endpoint) {
            int outcome = space.detach(endpoint);
            record(HostEvent.Kind.DETACH, endpoint, 0, outcome);
            return outcome;
        }

        @Override
        public void destroy() {
            space.destroy();
        }
    }
}
