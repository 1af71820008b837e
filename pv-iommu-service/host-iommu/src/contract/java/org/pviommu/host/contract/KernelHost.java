package org.pviommu.host.contract;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.pviommu.engine.Access;
import org.pviommu.engine.EndpointDescriptor;
import org.pviommu.engine.GuestMemory;
import org.pviommu.engine.HostAddressSpace;
import org.pviommu.engine.HostCapabilities;
import org.pviommu.engine.HostIommu;
import org.pviommu.host.kernel.KernelIommu;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.Seals;
import org.pviommu.natives.SharedMemory;

/**
 * A backend of the running kernel under test, with real devices.
 *
 * <p>Each address space has one page more than the tests ask for, at {@link #windowBfn}: a device without memory that the processor
 * can see brings out there what it has read.
 *
 * <p>How a refusal is seen, although the device does not see it: a refused read brings zeroes. What brings zeroes is read again with
 * every bit of all memory turned over, and brings zeroes again when it was refused. A write is done twice, with every bit of the data turned over the first time,
 * and it has reached memory when memory has changed. The tests with several threads only look at what arrived.
 */
public final class KernelHost implements HostUnderTest {
    private static final int PAGE_BYTES = 4096;
    /** The race tests are about devices that take microseconds; an access of an emulated one takes a tenth of a second. */
    private static final int SLOWER = 500;

    private final KernelIommu kernel;
    private final HostIommu windowed = new WindowedHost();
    private final List<Integer> endpoints;
    private final DriverMaker drivers;
    private final boolean stopsAtHoles;
    private final SharedMemory window = SharedMemory.create("window", PAGE_BYTES, Seals.SHRINK);
    private final Map<Integer, DmaDevice> devices = new HashMap<>();
    private final List<FileMemory> memories = new ArrayList<>();

    /** Makes a driver for an open device. */
    @FunctionalInterface
    public interface DriverMaker {
        /**
         * A driver, which closes the device.
         *
         * @param device the open device
         * @param window a page that processor and device can reach, at first zero
         * @param windowIovaBytes where the device finds it
         */
        DmaDevice drive(DeviceFile device, MemorySegment window, long windowIovaBytes);
    }

    /**
     * Takes the backend over.
     *
     * @param endpoints two of its endpoints, in groups of their own
     * @param stopsAtHoles see {@link HostUnderTest#stopsAtHoles}: true for type1, false for iommufd
     */
    public KernelHost(KernelIommu kernel, List<Integer> endpoints, boolean stopsAtHoles, DriverMaker drivers) {
        this.kernel = kernel;
        this.endpoints = List.copyOf(endpoints);
        this.stopsAtHoles = stopsAtHoles;
        this.drivers = drivers;
    }

    /** Far from all that the tests map. */
    public long windowBfn() {
        return kernel.capabilities().lastBfn() - 1000;
    }

    @Override
    public HostIommu iommu() {
        return windowed;
    }

    @Override
    public int endpoint(int index) {
        return endpoints.get(index);
    }

    @Override
    public GuestMemory allocate(int pages) {
        FileMemory memory = new FileMemory(SharedMemory.create("contract", pages * (long) PAGE_BYTES, Seals.SHRINK));
        memories.add(memory);
        return memory;
    }

    @Override
    public boolean keepsStaleEntries() {
        return false;
    }

    @Override
    public boolean stopsAtHoles() {
        return stopsAtHoles;
    }

    @Override
    public int rounds(int usual) {
        return Math.max(1, usual / SLOWER);
    }

    @Override
    public synchronized int dmaRead(int endpoint, long iovaBytes, MemorySegment into) {
        int moved = 0;
        while (moved < into.byteSize()) {
            long iova = iovaBytes + moved;
            int chunk = chunk(iova, into.byteSize() - moved);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment plain = arena.allocate(chunk);
                device(endpoint).read(iova, plain);
                if (isZero(plain) && isZeroTurnedOver(endpoint, iova, arena.allocate(chunk))) {
                    return moved;
                }
                MemorySegment.copy(plain, 0, into, moved, chunk);
            }
            moved += chunk;
        }
        return moved;
    }

    private boolean isZeroTurnedOver(int endpoint, long iova, MemorySegment turned) {
        turnOver();
        device(endpoint).read(iova, turned);
        turnOver();
        return isZero(turned);
    }

    private static boolean isZero(MemorySegment bytes) {
        return bytes.mismatch(MemorySegment.ofArray(new byte[(int) bytes.byteSize()])) == -1;
    }

    @Override
    public synchronized int dmaWrite(int endpoint, long iovaBytes, MemorySegment from) {
        int moved = 0;
        while (moved < from.byteSize()) {
            long iova = iovaBytes + moved;
            int chunk = chunk(iova, from.byteSize() - moved);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment data = arena.allocate(chunk).copyFrom(from.asSlice(moved, chunk));
                int before = hash();
                turnOver(data);
                device(endpoint).write(iova, data);
                int between = hash();
                turnOver(data);
                device(endpoint).write(iova, data);
                if (before == between && between == hash()) {
                    return moved;
                }
            }
            moved += chunk;
        }
        return moved;
    }

    private static int chunk(long iova, long left) {
        return (int) Math.min(left, PAGE_BYTES - (iova & (PAGE_BYTES - 1)));
    }

    private DmaDevice device(int endpoint) {
        return devices.computeIfAbsent(
                endpoint, id -> drivers.drive(kernel.openDevice(id), window.segment(), windowBfn() * PAGE_BYTES));
    }

    private void turnOver() {
        memories.forEach(memory -> turnOver(memory.segment()));
    }

    private static void turnOver(MemorySegment bytes) {
        for (long at = 0; at < bytes.byteSize(); at++) {
            bytes.set(ValueLayout.JAVA_BYTE, at, (byte) ~bytes.get(ValueLayout.JAVA_BYTE, at));
        }
    }

    private int hash() {
        int hash = 1;
        for (FileMemory memory : memories) {
            for (long at = 0; at < memory.segment().byteSize(); at += Integer.BYTES) {
                hash = 31 * hash + memory.segment().get(ValueLayout.JAVA_INT, at);
            }
        }
        return hash;
    }

    @Override
    public void close() {
        devices.values().forEach(DmaDevice::close);
        kernel.close();
        window.close();
    }

    /** Memory with a file behind it, as guests have it. */
    private final class FileMemory implements GuestMemory {
        private final SharedMemory memory;

        FileMemory(SharedMemory memory) {
            this.memory = memory;
        }

        @Override
        public MemorySegment segment() {
            return memory.segment();
        }

        @Override
        public int fileDescriptor() {
            return memory.fd().value();
        }

        @Override
        public long fileOffsetBytes() {
            return memory.offsetBytes();
        }

        @Override
        public void close() {
            memories.remove(this);
            memory.close();
        }
    }

    /** The backend, whose address spaces have the window. */
    private final class WindowedHost implements HostIommu {
        @Override
        public HostCapabilities capabilities() {
            return kernel.capabilities();
        }

        @Override
        public EndpointDescriptor describe(EndpointDescriptor configured) {
            return kernel.describe(configured);
        }

        @Override
        public HostAddressSpace createAddressSpace() {
            HostAddressSpace space = kernel.createAddressSpace();
            int refused = space.map(windowBfn(), 1, new FileMemory(window), 0, Access.READ_WRITE);
            if (refused != 0) {
                throw new AssertionError("window refused=" + refused);
            }
            return space;
        }

        @Override
        public void onFault(FaultListener listener) {
            kernel.onFault(listener);
        }

        @Override
        public void close() {
            kernel.close();
        }
    }
}
