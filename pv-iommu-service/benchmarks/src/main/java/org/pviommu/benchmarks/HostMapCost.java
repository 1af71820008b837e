package org.pviommu.benchmarks;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.pviommu.abi.IommuMapOp;
import org.pviommu.abi.IommuOp;
import org.pviommu.engine.Access;
import org.pviommu.engine.BatchLog;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.Engine;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestPolicy;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HypercallExecutor;
import org.pviommu.host.kernel.IommufdIommu;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.iommu_ioas_alloc;
import org.pviommu.natives.iommu.iommu_ioas_map_file;
import org.pviommu.natives.iommu.iommu_ioas_unmap;
import org.pviommu.natives.iommu.iommu_option;
import org.pviommu.natives.iommu.vfio_device_attach_iommufd_pt;
import org.pviommu.natives.iommu.vfio_device_bind_iommufd;

/**
 * What programming the kernel's IOMMU costs, for a machine with iommufd whose clock counts instructions (QEMU with {@code -icount
 * shift=0}): then the clock's nanoseconds are instructions of the guest, the same in every run. Elsewhere only the counts of requests
 * mean something. Needs one device with the driver vfio-pci: without one the kernel pins nothing and fills no table.
 *
 * <ul>
 *   <li>Our path around one mapping request against the same request from a loop in C: at most 1.3 times.
 *   <li>512 contiguous operations in one call against 512 calls of one: one request instead of 512, and at least 7 times cheaper.
 * </ul>
 */
public final class HostMapCost {
    private static final int PAGES = 512;
    private static final int PAGE_SHIFT = 12;
    private static final long FIRST_BFN = 1L << 20;
    private static final int WARM_UPS = 200;
    private static final int ROUNDS = 5;
    private static final double MOST_AROUND_A_REQUEST = 1.3;
    private static final double LEAST_BY_COALESCING = 7;
    private static final int ARRAY_PAGES = 3;

    private HostMapCost() {}

    /**
     * {@code compile FILE} makes the library, with the system's C compiler; {@code run FILE ENDPOINT NODE} measures, with the device of
     * that number and its node {@code /dev/vfio/devices/vfioN}. Exit code 1: a limit was missed.
     */
    public static void main(String[] args) throws Throwable {
        if (args.length == 2 && args[0].equals("compile")) {
            compile(Path.of(args[1]).toAbsolutePath());
        } else if (args.length == 4 && args[0].equals("run")) {
            int endpoint = Integer.decode(args[2]);
            boolean quick = aroundARequest(Path.of(args[1]).toAbsolutePath(), endpoint, args[3]);
            System.exit(coalescing(endpoint) && quick ? 0 : 1);
        } else {
            System.err.println("usage: HostMapCost compile LIBRARY | run LIBRARY ENDPOINT NODE");
            System.exit(2);
        }
    }

    private static void compile(Path library) throws IOException, InterruptedException {
        Path source = Files.createTempFile("pvi-ioctl", ".c");
        try (InputStream in = HostMapCost.class.getResourceAsStream("ioctl.c")) {
            Files.write(source, in == null ? new byte[0] : in.readAllBytes());
            int code = new ProcessBuilder(
                            "cc",
                            "-O2",
                            "-std=gnu11",
                            "-Wall",
                            "-Wextra",
                            "-fPIC",
                            "-shared",
                            "-o",
                            library.toString(),
                            source.toString())
                    .inheritIO()
                    .start()
                    .waitFor();
            if (code != 0) {
                throw new IOException("cc exit=" + code);
            }
        } finally {
            Files.delete(source);
        }
    }

    // Our path against C.

    private static boolean aroundARequest(Path library, int endpoint, String node) throws Throwable {
        try (MemfdGuestMemory memory = MemfdGuestMemory.create(PAGES)) {
            long ours = ours(endpoint, memory) / PAGES;
            long c = inC(library, node, memory) / PAGES;
            double ratio = (double) ours / c;
            System.out.printf(
                    Locale.ROOT,
                    "one mapping request: ours=%d C=%d ratio=%.3f max=%.1f%n",
                    ours,
                    c,
                    ratio,
                    MOST_AROUND_A_REQUEST);
            return ratio <= MOST_AROUND_A_REQUEST;
        }
    }

    /** The quickest round: one by one through the backend. */
    private static long ours(int endpoint, MemfdGuestMemory memory) {
        long best = Long.MAX_VALUE;
        try (IommufdIommu iommu = IommufdIommu.open(List.of(endpoint))) {
            HostAddressSpace space = iommu.createAddressSpace();
            require(space.attach(endpoint));
            for (int round = 0; round < WARM_UPS + ROUNDS; round++) {
                long start = System.nanoTime();
                for (int page = 0; page < PAGES; page++) {
                    require(space.map(FIRST_BFN + page, 1, memory, (long) page << PAGE_SHIFT, Access.READ_WRITE));
                }
                best = Math.min(best, System.nanoTime() - start);
                require(space.unmap(FIRST_BFN, PAGES) - PAGES);
            }
            require(space.detach(endpoint));
            space.destroy();
        }
        return best;
    }

    private static long inC(Path library, String node, MemfdGuestMemory memory) throws Throwable {
        long best = Long.MAX_VALUE;
        try (CLoop loop = new CLoop(library, node, memory)) {
            for (int round = 0; round < WARM_UPS + ROUNDS; round++) {
                best = Math.min(best, loop.mapAll());
            }
        }
        return best;
    }

    /** The same requests, made by the loop in C on a descriptor and an address space of their own. */
    private static final class CLoop implements AutoCloseable {
        private final Arena arena = Arena.ofShared();
        private final DeviceFile iommufd = DeviceFile.open("/dev/iommu");
        private final MethodHandle handle;
        private final DeviceFile device;
        private final MemorySegment map = iommu_ioas_map_file.allocate(arena);

        // SAFETY: the library is ours, and the descriptor states the prototype of ioctl_loop.
        @SuppressWarnings("restricted")
        CLoop(Path library, String node, MemfdGuestMemory memory) {
            ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
            handle = Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup(library, arena).findOrThrow("ioctl_loop"),
                            FunctionDescriptor.of(word, word, word, ValueLayout.ADDRESS, word, word, word, word, word));
            iommu_ioas_map_file.size(map, (int) iommu_ioas_map_file.sizeof());
            iommu_ioas_map_file.flags(
                    map,
                    LinuxIommu.IOMMU_IOAS_MAP_FIXED_IOVA()
                            | LinuxIommu.IOMMU_IOAS_MAP_READABLE()
                            | LinuxIommu.IOMMU_IOAS_MAP_WRITEABLE());
            iommu_ioas_map_file.fd(map, memory.fileDescriptor());
            iommu_ioas_map_file.length(map, 1L << PAGE_SHIFT);
            iommu_ioas_map_file.ioas_id(map, newSpace());
            device = DeviceFile.open(node);
            attach();
        }

        private void attach() {
            MemorySegment bind = vfio_device_bind_iommufd.allocate(arena);
            vfio_device_bind_iommufd.argsz(bind, (int) vfio_device_bind_iommufd.token_uuid_ptr$offset());
            vfio_device_bind_iommufd.iommufd(bind, iommufd.descriptor().value());
            require(device.ioctl(LinuxIommu.VFIO_DEVICE_BIND_IOMMUFD(), bind));
            MemorySegment attach = vfio_device_attach_iommufd_pt.allocate(arena);
            vfio_device_attach_iommufd_pt.argsz(attach, (int) vfio_device_attach_iommufd_pt.pasid$offset());
            vfio_device_attach_iommufd_pt.pt_id(attach, iommu_ioas_map_file.ioas_id(map));
            require(device.ioctl(LinuxIommu.VFIO_DEVICE_ATTACH_IOMMUFD_PT(), attach));
        }

        /** Maps all pages one by one, and removes them together; how long the mapping took. */
        long mapAll() throws Throwable {
            long start = System.nanoTime();
            long refused = (long) handle.invokeExact(
                    (long) iommufd.descriptor().value(),
                    (long) LinuxIommu.IOMMU_IOAS_MAP_FILE(),
                    map,
                    iommu_ioas_map_file.iova$offset(),
                    iommu_ioas_map_file.start$offset(),
                    FIRST_BFN << PAGE_SHIFT,
                    1L << PAGE_SHIFT,
                    (long) PAGES);
            long time = System.nanoTime() - start;
            require(refused);
            MemorySegment unmap = iommu_ioas_unmap.allocate(arena);
            iommu_ioas_unmap.size(unmap, (int) iommu_ioas_unmap.sizeof());
            iommu_ioas_unmap.ioas_id(unmap, iommu_ioas_map_file.ioas_id(map));
            iommu_ioas_unmap.iova(unmap, FIRST_BFN << PAGE_SHIFT);
            iommu_ioas_unmap.length(unmap, (long) PAGES << PAGE_SHIFT);
            require(iommufd.ioctl(LinuxIommu.IOMMU_IOAS_UNMAP(), unmap));
            return time;
        }

        private int newSpace() {
            MemorySegment alloc = iommu_ioas_alloc.allocate(arena);
            iommu_ioas_alloc.size(alloc, (int) iommu_ioas_alloc.sizeof());
            require(iommufd.ioctl(LinuxIommu.IOMMU_IOAS_ALLOC(), alloc));
            MemorySegment option = iommu_option.allocate(arena);
            iommu_option.size(option, (int) iommu_option.sizeof());
            iommu_option.option_id(option, LinuxIommu.IOMMU_OPTION_HUGE_PAGES());
            iommu_option.object_id(option, iommu_ioas_alloc.out_ioas_id(alloc));
            require(iommufd.ioctl(LinuxIommu.IOMMU_OPTION(), option));
            return iommu_ioas_alloc.out_ioas_id(alloc);
        }

        @Override
        public void close() {
            device.close();
            iommufd.close();
            arena.close();
        }
    }

    // One call against 512.

    private static boolean coalescing(int endpoint) {
        IommufdIommu iommu = IommufdIommu.open(List.of(endpoint));
        Engine engine = new Engine(iommu, BatchLog.none());
        Guest guest =
                engine.addGuest(1, GuestPolicy.permissive(), List.of(new EndpointDescriptor(endpoint, List.of())));
        MemfdGuestMemory memory = MemfdGuestMemory.create(ARRAY_PAGES + PAGES);
        Operations.fill(memory.segment(), PAGES, FIRST_BFN, ARRAY_PAGES);
        guest.registerMemory(0, ARRAY_PAGES + PAGES, memory);
        try (HypercallExecutor executor = new HypercallExecutor(engine, guest)) {
            long together = Long.MAX_VALUE;
            long single = Long.MAX_VALUE;
            for (int round = 0; round < WARM_UPS + ROUNDS; round++) {
                long before = iommu.statistics().maps();
                long one = inCallsOf(executor, PAGES);
                long requestsOfOne = iommu.statistics().maps() - before;
                require(executor.call(IommuOp.UNMAP_PAGE, 0, PAGES));
                long many = inCallsOf(executor, 1);
                long requestsOfMany = iommu.statistics().maps() - before - requestsOfOne;
                require(executor.call(IommuOp.UNMAP_PAGE, 0, PAGES));
                if (requestsOfOne != 1
                        || requestsOfMany != PAGES
                        || iommu.statistics().fruitless() != 0) {
                    throw new IllegalStateException("requests: " + requestsOfOne + " " + requestsOfMany);
                }
                if (round >= WARM_UPS) {
                    together = Math.min(together, one);
                    single = Math.min(single, many);
                }
            }
            double ratio = (double) single / together;
            System.out.printf(
                    Locale.ROOT,
                    "%d maps: one call=%d (1 request), %d calls=%d (%d requests), ratio=%.2f min=%.0f%n",
                    PAGES,
                    together,
                    PAGES,
                    single,
                    PAGES,
                    ratio,
                    LEAST_BY_COALESCING);
            return ratio >= LEAST_BY_COALESCING;
        } finally {
            engine.close();
        }
    }

    /** Maps all pages in calls of {@code n} operations; how long that took. */
    private static long inCallsOf(HypercallExecutor executor, int n) {
        long start = System.nanoTime();
        for (int first = 0; first < PAGES; first += n) {
            require(executor.call(IommuOp.MAP_PAGE, (long) first * IommuMapOp.SIZE, n));
        }
        return System.nanoTime() - start;
    }

    private static void require(long result) {
        if (result != 0) {
            throw new IllegalStateException("result=" + result + ", not a valid measurement");
        }
    }
}
