package org.pviommu.host.kernel;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.Errno;
import org.pviommu.natives.EventFd;
import org.pviommu.natives.FileDescriptor;
import org.pviommu.natives.NativeException;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.iommu_destroy;
import org.pviommu.natives.iommu.iommu_ioas_alloc;
import org.pviommu.natives.iommu.iommu_ioas_iova_ranges;
import org.pviommu.natives.iommu.iommu_ioas_map;
import org.pviommu.natives.iommu.iommu_ioas_map_file;
import org.pviommu.natives.iommu.iommu_ioas_unmap;
import org.pviommu.natives.iommu.iommu_iova_range;
import org.pviommu.natives.iommu.iommu_option;
import org.pviommu.natives.iommu.iommu_vfio_ioas;
import org.pviommu.natives.iommu.vfio_device_attach_iommufd_pt;
import org.pviommu.natives.iommu.vfio_device_bind_iommufd;
import org.pviommu.natives.iommu.vfio_group_status;
import org.pviommu.natives.iommu.vfio_iommu_type1_dma_map;
import org.pviommu.natives.iommu.vfio_iommu_type1_dma_unmap;
import org.pviommu.natives.iommu.vfio_iommu_type1_info;
import org.pviommu.natives.iommu.vfio_irq_set;

/**
 * A kernel that keeps what it is told as tables of pages, with the answers that were measured on the real one, and other answers
 * where a test plants them. Devices are endpoints 0000:00:04.0 and up, each in the group of its slot.
 */
final class ModelKernel implements Kernel {
    static final int FIRST_SLOT = 4;
    static final long MSI_FIRST = 0xfee00000L;
    static final long MSI_LAST = 0xfeefffffL;
    static final long LAST_IOVA = (1L << 39) - 1;

    /** No answer of its own. */
    private static final int PERFORM = Integer.MIN_VALUE + 1;

    /** What the kernel was asked, by the number of the request. */
    record Asked(String node, int request) {}

    /** A planted answer; and the size that a removal writes back, or -1 to do what was asked first. */
    record Planted(int request, int answer, long removedBytes) {}

    final Map<Integer, TreeMap<Long, Page>> spaces = new HashMap<>();
    final Map<String, Integer> attached = new HashMap<>();
    final List<Asked> asked = new ArrayList<>();
    final Set<String> open = new TreeSet<>();
    final BlockingQueue<String> closed = new LinkedBlockingQueue<>();
    /** By node: signalled when the kernel wants the device back. */
    final Map<String, EventFd> releaseEvents = new HashMap<>();

    boolean cuts = true;
    boolean mapsFiles = true;

    private final Deque<Planted> planted = new ArrayDeque<>();
    private final KernelPaths paths;
    private int nextId = 1;
    private int nextNumber = 100;
    private int selected;

    /** What a bus frame leads to; pages with the same area were mapped together. */
    record Page(int area, int flags) {}

    ModelKernel(Path root, int devices) throws IOException {
        paths = new KernelPaths(root.resolve("dev/iommu"), root.resolve("dev/vfio"), root.resolve("sys"));
        for (int i = 0; i < devices; i++) {
            addDevice(root.resolve("sys"), i);
        }
    }

    private static void addDevice(Path sysfs, int index) throws IOException {
        String address = PciAddress.of(endpoint(index));
        Path device = sysfs.resolve("bus/pci/devices").resolve(address);
        Path group = sysfs.resolve("kernel/iommu_groups/" + group(index));
        Path driver = sysfs.resolve("bus/pci/drivers/vfio-pci");
        Files.createDirectories(device.resolve("vfio-dev/vfio" + index));
        Files.createDirectories(group.resolve("devices").resolve(address));
        Files.createDirectories(driver);
        Files.createSymbolicLink(device.resolve("driver"), driver);
        Files.createSymbolicLink(device.resolve("iommu_group"), group);
        Files.writeString(
                group.resolve("reserved_regions"),
                "0x0000000000001000 0x0000000000001fff direct-relaxable\n0x00000000fee00000 0x00000000feefffff msi\n");
    }

    static int endpoint(int index) {
        return (FIRST_SLOT + index) << 3;
    }

    static int group(int index) {
        return 10 + index;
    }

    KernelPaths paths() {
        return paths;
    }

    /** The next request of this kind gets this answer, and nothing is done. */
    void plant(int request, int answer) {
        planted.add(new Planted(request, answer, Long.MIN_VALUE));
    }

    /** So many requests of this kind are performed first. */
    void plantAfter(int request, int performed, int answer) {
        for (int i = 0; i < performed; i++) {
            plant(request, PERFORM);
        }
        plant(request, answer);
    }

    void plant(int request, int answer, int times) {
        for (int i = 0; i < times; i++) {
            plant(request, answer);
        }
    }

    /** The next removal writes this size back, with this answer, and nothing is done. */
    void plantRemoval(int request, int answer, long removedBytes) {
        planted.add(new Planted(request, answer, removedBytes));
    }

    int plantsLeft() {
        return planted.size();
    }

    long count(int request) {
        return asked.stream().filter(each -> each.request() == request).count();
    }

    /** The bus frames that translate in the only address space with mappings; empty when there is none. */
    Set<Long> bfns() {
        return spaces.values().stream()
                .flatMap(space -> space.keySet().stream())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Override
    public Node open(String path) {
        if (!path.equals(paths.iommu().toString())
                && !path.startsWith(paths.vfio().toString())) {
            throw new NativeException("open path=" + path, Errno.ENOENT);
        }
        open.add(path);
        return new ModelNode(path, nextNumber++);
    }

    @Override
    public Node adopt(int descriptor, String name) {
        return new ModelNode(name, descriptor);
    }

    private final class ModelNode implements Node {
        private final String name;
        private final int number;
        /** A container's own space, or -1. */
        private int space = -1;

        ModelNode(String name, int number) {
            this.name = name;
            this.number = number;
            if (name.endsWith("/vfio")) {
                space = nextId++;
                spaces.put(space, new TreeMap<>());
            }
        }

        @Override
        public int ioctl(int request, MemorySegment argument) {
            asked.add(new Asked(name, request));
            Planted plant = planted.peek();
            if (plant != null && plant.request() == request) {
                planted.remove();
                if (plant.answer() == PERFORM) {
                    return perform(request, argument);
                }
                if (plant.removedBytes() >= 0) {
                    vfio_iommu_type1_dma_unmap.size(argument, plant.removedBytes());
                }
                return plant.answer();
            }
            return perform(request, argument);
        }

        private int perform(int request, MemorySegment argument) {
            if (request == LinuxIommu.IOMMU_IOAS_ALLOC()) {
                iommu_ioas_alloc.out_ioas_id(argument, nextId);
                spaces.put(nextId++, new TreeMap<>());
                return 0;
            } else if (request == LinuxIommu.IOMMU_DESTROY()) {
                return spaces.remove(iommu_destroy.id(argument)) == null ? -Errno.ENOENT : 0;
            } else if (request == LinuxIommu.IOMMU_OPTION()) {
                return iommu_option.val64(argument) == 0 ? 0 : -Errno.EINVAL;
            } else if (request == LinuxIommu.IOMMU_IOAS_IOVA_RANGES()) {
                return ranges(argument);
            } else if (request == LinuxIommu.IOMMU_IOAS_MAP()) {
                return map(
                        iommu_ioas_map.ioas_id(argument),
                        iommu_ioas_map.iova(argument),
                        iommu_ioas_map.length(argument),
                        iommu_ioas_map.flags(argument));
            } else if (request == LinuxIommu.IOMMU_IOAS_MAP_FILE()) {
                return !mapsFiles
                        ? -Errno.ENOTTY
                        : map(
                                iommu_ioas_map_file.ioas_id(argument),
                                iommu_ioas_map_file.iova(argument),
                                iommu_ioas_map_file.length(argument),
                                iommu_ioas_map_file.flags(argument));
            } else if (request == LinuxIommu.IOMMU_IOAS_UNMAP()) {
                return unmapWhole(argument);
            } else if (request == LinuxIommu.IOMMU_VFIO_IOAS()) {
                selected = iommu_vfio_ioas.ioas_id(argument);
                return 0;
            } else if (request == LinuxIommu.VFIO_IOMMU_UNMAP_DMA()) {
                return unmap(space < 0 ? selected : space, argument, space >= 0);
            }
            return performForDevices(request, argument);
        }

        private int performForDevices(int request, MemorySegment argument) {
            if (request == LinuxIommu.VFIO_DEVICE_BIND_IOMMUFD()) {
                return vfio_device_bind_iommufd.iommufd(argument) >= 100 ? 0 : -Errno.EBADF;
            } else if (request == LinuxIommu.VFIO_DEVICE_ATTACH_IOMMUFD_PT()) {
                attached.put(name, vfio_device_attach_iommufd_pt.pt_id(argument));
                return 0;
            } else if (request == LinuxIommu.VFIO_DEVICE_DETACH_IOMMUFD_PT()) {
                attached.remove(name);
                return 0;
            } else if (request == LinuxIommu.VFIO_DEVICE_SET_IRQS()) {
                FileDescriptor lent =
                        FileDescriptor.adopt(argument.get(ValueLayout.JAVA_INT, vfio_irq_set.data$offset()));
                releaseEvents.put(name, EventFd.adopt(lent.duplicate()));
                lent.release();
                return 0;
            } else if (request == LinuxIommu.VFIO_IOMMU_MAP_DMA()) {
                return map(
                        space,
                        vfio_iommu_type1_dma_map.iova(argument),
                        vfio_iommu_type1_dma_map.size(argument),
                        vfio_iommu_type1_dma_map.flags(argument));
            } else if (request == LinuxIommu.VFIO_GROUP_GET_STATUS()) {
                vfio_group_status.flags(argument, LinuxIommu.VFIO_GROUP_FLAGS_VIABLE());
                return 0;
            } else if (request == LinuxIommu.VFIO_GROUP_SET_CONTAINER()) {
                return argument.get(ValueLayout.JAVA_INT, 0) >= 100 ? 0 : -Errno.EBADF;
            } else if (request == LinuxIommu.VFIO_IOMMU_GET_INFO()) {
                vfio_iommu_type1_info.flags(argument, LinuxIommu.VFIO_IOMMU_INFO_PGSIZES());
                vfio_iommu_type1_info.iova_pgsizes(argument, 0x4020_1000L);
                return 0;
            }
            return -Errno.ENOTTY;
        }

        @Override
        public int ioctl(int request, long argument) {
            asked.add(new Asked(name, request));
            return request == LinuxIommu.VFIO_CHECK_EXTENSION() ? 1 : 0;
        }

        @Override
        public int number() {
            return number;
        }

        @Override
        public DeviceFile duplicate() {
            return DeviceFile.open("/dev/null");
        }

        @Override
        public void close() {
            open.remove(name);
            closed.add(name);
            attached.remove(name);
            spaces.remove(space);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    // Two ranges around the MSI window, in whatever the caller brought.
    private static int ranges(MemorySegment argument) {
        MemorySegment found = iommu_iova_range.reinterpret(
                MemorySegment.ofAddress(iommu_ioas_iova_ranges.allowed_iovas(argument)), 2, Arena.global(), null);
        iommu_iova_range.start(found, 0);
        iommu_iova_range.last(found, MSI_FIRST - 1);
        iommu_iova_range.start(iommu_iova_range.asSlice(found, 1), MSI_LAST + 1);
        iommu_iova_range.last(iommu_iova_range.asSlice(found, 1), LAST_IOVA);
        iommu_ioas_iova_ranges.num_iovas(argument, 2);
        iommu_ioas_iova_ranges.out_iova_alignment(argument, 4096);
        return 0;
    }

    private int map(int space, long iova, long length, int flags) {
        @Nullable TreeMap<Long, Page> pages = spaces.get(space);
        if (pages == null || length == 0 || ((iova | length) & 4095) != 0) {
            return -Errno.EINVAL;
        }
        long first = iova >>> 12;
        long last = first + (length >>> 12) - 1;
        if (!pages.subMap(first, true, last, true).isEmpty()) {
            return -Errno.EEXIST;
        }
        int area = nextId++;
        for (long bfn = first; bfn <= last; bfn++) {
            pages.put(bfn, new Page(area, flags));
        }
        return 0;
    }

    private int unmap(int space, MemorySegment argument, boolean container) {
        @Nullable TreeMap<Long, Page> pages = spaces.get(space);
        if (pages == null) {
            return -Errno.ENODEV;
        }
        if ((vfio_iommu_type1_dma_unmap.flags(argument) & LinuxIommu.VFIO_DMA_UNMAP_FLAG_ALL()) != 0) {
            pages.clear();
            return 0;
        }
        long first = vfio_iommu_type1_dma_unmap.iova(argument) >>> 12;
        long last = first + (vfio_iommu_type1_dma_unmap.size(argument) >>> 12) - 1;
        if ((container || !cuts) && partly(pages, first, last)) {
            vfio_iommu_type1_dma_unmap.size(argument, 0);
            return container ? -Errno.EINVAL : -Errno.ENOENT;
        }
        Map<Long, Page> gone = pages.subMap(first, true, last, true);
        vfio_iommu_type1_dma_unmap.size(argument, (long) gone.size() << 12);
        gone.clear();
        return 0;
    }

    private int unmapWhole(MemorySegment argument) {
        @Nullable TreeMap<Long, Page> pages = spaces.get(iommu_ioas_unmap.ioas_id(argument));
        long first = iommu_ioas_unmap.iova(argument) >>> 12;
        long last = first + (iommu_ioas_unmap.length(argument) >>> 12) - 1;
        if (pages == null
                || partly(pages, first, last)
                || pages.subMap(first, true, last, true).isEmpty()) {
            return -Errno.ENOENT;
        }
        Map<Long, Page> gone = pages.subMap(first, true, last, true);
        iommu_ioas_unmap.length(argument, (long) gone.size() << 12);
        gone.clear();
        return 0;
    }

    private static boolean partly(Map<Long, Page> pages, long first, long last) {
        Page head = pages.get(first);
        Page tail = pages.get(last);
        return (head != null && head.equals(pages.get(first - 1)))
                || (tail != null && tail.equals(pages.get(last + 1)));
    }
}
