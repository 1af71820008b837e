package org.pviommu.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.pviommu.engine.support.TestMemory;

/** MAP, UNMAP and the end of their batch allocate nothing on the Java heap. */
class DomainAllocationTest {
    private static final long PATIENCE_NS = 60_000_000_000L;
    private static final int WARM = 20_000;
    private static final int MEASURED = 2_000;
    private static final long ALLOWED_BYTES = 4096;

    @Test
    void shouldAllocateNothingForMapUnmapAndEndBatch() {
        try (Engine engine = new Engine(new QuietHost(), BatchLog.none())) {
            Guest guest = engine.addGuest(1, GuestPolicy.permissive(), List.of(new EndpointDescriptor(1, List.of())));
            guest.registerMemory(0, 1024, new TestMemory(1024));
            guest.registerMemory(1024, 1024, new TestMemory(1024));
            try (DomainExecutor device = new DomainExecutor(engine, guest, List.of(1), false)) {
                assertEquals(0, device.attach(70_000, 1, false));
                assertTrue(device.endBatch());
                run(device, WARM);
                assertTrue(allocatesNothing(device), "allocates");
            }
        }
    }

    private static boolean allocatesNothing(DomainExecutor device) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long deadline = System.nanoTime() + PATIENCE_NS;
        do {
            long before = threads.getCurrentThreadAllocatedBytes();
            run(device, MEASURED);
            if (threads.getCurrentThreadAllocatedBytes() - before <= ALLOWED_BYTES) {
                return true;
            }
        } while (System.nanoTime() < deadline);
        return false;
    }

    private static void run(DomainExecutor device, int batches) {
        for (int i = 0; i < batches; i++) {
            for (long k = 0; k < 32; k++) {
                long iova = (k * 7 % 32) << 20;
                int status = device.map(70_000, iova, iova + 0x3fff, (1022 + (k & 3)) << 12, 3, false);
                if (status != 0) {
                    throw new AssertionError("status=" + status);
                }
            }
            device.endBatch();
            for (long k = 0; k < 31; k++) {
                device.unmap(70_000, k << 20, (k << 20) + 0x3fff);
            }
            device.unmap(70_000, 0, -1);
            device.endBatch();
        }
    }

    /** Says yes to everything and keeps nothing. */
    private static final class QuietHost implements HostIommu {
        @Override
        public HostCapabilities capabilities() {
            return new HostCapabilities("quiet", HostCapabilities.MAX_LAST_BFN, 4096, false);
        }

        @Override
        public HostAddressSpace createAddressSpace() {
            return new HostAddressSpace() {
                @Override
                public int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access) {
                    return 0;
                }

                @Override
                public long unmap(long firstBfn, long pages) {
                    return pages;
                }

                @Override
                public int flush(IotlbGather gather) {
                    return 0;
                }

                @Override
                public int attach(int endpoint) {
                    return 0;
                }

                @Override
                public int detach(int endpoint) {
                    return 0;
                }

                @Override
                public void destroy() {}
            };
        }

        @Override
        public void onFault(FaultListener listener) {}

        @Override
        public void close() {}
    }
}
