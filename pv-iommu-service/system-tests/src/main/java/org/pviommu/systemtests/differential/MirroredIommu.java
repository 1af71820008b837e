package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.engine.IotlbGather;

/**
 * A host IOMMU that is two: what is asked of the first is also done by the second, which has to answer the same. The first is the
 * simulated one, whose tables can be looked into; the second, a kernel's, only answers. So what the model says of the tables holds for
 * the kernel as far as its answers tell: a page that it does not have, or has too much, shows when it is mapped or removed.
 *
 * <p>The second one's devices stand for the first endpoints that are attached; the others have none there. It is not closed here, as
 * worlds follow each other on it.
 */
final class MirroredIommu implements HostIommu {
    private final HostIommu first;
    private final HostIommu second;
    private final List<Integer> devices;
    private final Map<Integer, Integer> stands = new LinkedHashMap<>();

    /**
     * Joins two.
     *
     * @param devices endpoints of the second one
     */
    MirroredIommu(HostIommu first, HostIommu second, List<Integer> devices) {
        this.first = first;
        this.second = second;
        this.devices = List.copyOf(devices);
    }

    @Override
    public HostCapabilities capabilities() {
        return first.capabilities();
    }

    @Override
    public HostAddressSpace createAddressSpace() {
        return new Space(first.createAddressSpace(), second.createAddressSpace());
    }

    @Override
    public void onFault(FaultListener listener) {
        first.onFault(listener);
    }

    @Override
    public void close() {
        first.close();
    }

    /** The device that stands for an endpoint; null when there is none left for it. */
    private @Nullable Integer device(int endpoint) {
        if (!stands.containsKey(endpoint) && stands.size() < devices.size()) {
            stands.put(endpoint, devices.get(stands.size()));
        }
        return stands.get(endpoint);
    }

    private final class Space implements HostAddressSpace {
        private final HostAddressSpace inFirst;
        private final HostAddressSpace inSecond;

        Space(HostAddressSpace inFirst, HostAddressSpace inSecond) {
            this.inFirst = inFirst;
            this.inSecond = inSecond;
        }

        private static long same(String what, long bfn, long pages, long expected, long actual) {
            check(
                    expected == actual,
                    "kernel: %s bfn=%d pages=%d expected=%d actual=%d",
                    what,
                    bfn,
                    pages,
                    expected,
                    actual);
            return expected;
        }

        @Override
        public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
            int outcome = inFirst.map(firstBfn, pages, memory, offsetBytes, access);
            return (int)
                    same("map", firstBfn, pages, outcome, inSecond.map(firstBfn, pages, memory, offsetBytes, access));
        }

        /**
         * The second one is asked for what the first one removed: they differ in what they do behind a hole, and may. It may also
         * remove less at a time, and is asked again as the engine would.
         */
        @Override
        public long unmap(long firstBfn, long pages) {
            long outcome = inFirst.unmap(firstBfn, pages);
            long asked = outcome > 0 ? outcome : pages;
            long answer = inSecond.unmap(firstBfn, asked);
            long removed = answer;
            while (outcome > 0 && answer > 0 && removed < asked) {
                answer = inSecond.unmap(firstBfn + removed, asked - removed);
                removed += answer;
            }
            return same("unmap", firstBfn, asked, outcome, removed);
        }

        @Override
        public int flush(IotlbGather gather) {
            int outcome = inFirst.flush(gather);
            return (int) same("flush", 0, 0, outcome, inSecond.flush(gather));
        }

        @Override
        public int attach(int endpoint) {
            int outcome = inFirst.attach(endpoint);
            Integer device = device(endpoint);
            return device == null ? outcome : (int) same("attach", endpoint, 0, outcome, inSecond.attach(device));
        }

        @Override
        public int detach(int endpoint) {
            int outcome = inFirst.detach(endpoint);
            Integer device = device(endpoint);
            return device == null ? outcome : (int) same("detach", endpoint, 0, outcome, inSecond.detach(device));
        }

        @Override
        public void destroy() {
            inFirst.destroy();
            inSecond.destroy();
        }
    }
}
