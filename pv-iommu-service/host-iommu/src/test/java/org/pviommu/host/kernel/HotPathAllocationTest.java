package org.pviommu.host.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pviommu.engine.Access;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.natives.DeviceFile;

/** What the backends put around a request allocates nothing. */
class HotPathAllocationTest {
    private static final int CALLS = 100_000;
    /** Measuring itself may allocate something; one object per call would be 1.6 MB. */
    private static final long TOLERATED_BYTES = 16 * 1024;
    /** Patience hides nothing: code that allocates keeps doing so. */
    private static final Duration WARM_UP_LIMIT = Duration.ofSeconds(60);

    @TempDir
    private Path root;

    private final TestMemory memory = TestMemory.of(4);

    /** Says yes to everything, and leaves the size of a removal as it was asked for. */
    private record Yes(Kernel model) implements Kernel {
        @Override
        public Node open(String path) {
            Node node = model.open(path);
            return new Node() {
                private boolean quick;

                @Override
                public int ioctl(int request, MemorySegment argument) {
                    if (quick) {
                        return 0;
                    }
                    return node.ioctl(request, argument);
                }

                @Override
                public int ioctl(int request, long argument) {
                    quick = request == HURRY;
                    return quick ? 0 : node.ioctl(request, argument);
                }

                @Override
                public int number() {
                    return node.number();
                }

                @Override
                public DeviceFile duplicate() {
                    return node.duplicate();
                }

                @Override
                public void close() {
                    node.close();
                }
            };
        }

        @Override
        public Node adopt(int descriptor, String name) {
            return model.adopt(descriptor, name);
        }
    }

    /** From now on nothing is modelled any more. */
    private static final int HURRY = -1;

    @Test
    void shouldAllocateNothingInIommufd() throws Exception {
        Kernel.Node[] opened = new Kernel.Node[1];
        ModelKernel model = new ModelKernel(root, 1);
        IommufdIommu iommu = IommufdIommu.open(remembering(opened, new Yes(model)), model.paths(), List.of());
        HostAddressSpace space = iommu.createAddressSpace();
        opened[0].ioctl(HURRY, 0);
        TestMemory plain = memory.withoutFile();

        assertNone(() -> space.map(100, 2, memory, 0, Access.READ_WRITE) + space.map(200, 2, plain, 0, Access.READ));
        assertNone(() -> (int) space.unmap(100, 2) - 2);
    }

    private static Kernel remembering(Kernel.Node[] opened, Kernel kernel) {
        return new Kernel() {
            @Override
            public Node open(String path) {
                opened[0] = kernel.open(path);
                return opened[0];
            }

            @Override
            public Node adopt(int descriptor, String name) {
                return kernel.adopt(descriptor, name);
            }
        };
    }

    @Test
    void shouldAllocateNothingInType1() throws Exception {
        ModelKernel model = new ModelKernel(root, 1);
        Type1Iommu iommu = Type1Iommu.open(model, model.paths(), List.of(ModelKernel.endpoint(0)), false);
        HostAddressSpace space = iommu.createAddressSpace();

        assertNone(() -> space.map(100, 2, memory, 0, Access.READ_WRITE) + (int) space.unmap(100, 2) - 2);
    }

    private static void assertNone(IntSupplier call) throws InterruptedException {
        long deadlineNs = System.nanoTime() + WARM_UP_LIMIT.toNanos();
        long allocated = measure(call);
        while (allocated > TOLERATED_BYTES && System.nanoTime() < deadlineNs) {
            Thread.sleep(10);
            allocated = measure(call);
        }
        assertTrue(allocated <= TOLERATED_BYTES, "allocatedBytes=" + allocated + " calls=" + CALLS);
    }

    private static long measure(IntSupplier call) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < CALLS; i++) {
            assertEquals(0, call.getAsInt());
        }
        return threads.getCurrentThreadAllocatedBytes() - before;
    }
}
