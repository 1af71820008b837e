package org.pviommu.systemtests.vm;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.iommu.LinuxIommu;
import org.pviommu.natives.iommu.vfio_region_info;

/**
 * QEMU's educational PCI device: a buffer of 4 KiB and a DMA engine between it and memory, at whatever IOVA it is told.
 *
 * <p>Usually its registers are reached through the PCI files of sysfs and not through VFIO. The service opens the device by VFIO and is
 * the only one that can; what the device is told to do comes, as with a device that was given to a guest, from somebody else. So the
 * service that is tested is the unchanged one, and the device can still be told to try its luck when the service is dead. The kernel
 * permits it as long as nobody maps the registers by VFIO. Tests that have a backend in their own process use its VFIO device.
 *
 * <p>The device answers after 100 ms of the machine's time, whatever the length. Used by one thread.
 */
final class EduDevice implements AutoCloseable {
    /** What the device can move at a time. */
    static final int BUFFER_BYTES = 4096;

    private static final Path LIST = Path.of("/run/edu");
    private static final long REGISTERS_BYTES = 1 << 20;
    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private static final long IDENTITY = 0x00;
    private static final long DMA_SOURCE = 0x80;
    private static final long DMA_DESTINATION = 0x88;
    private static final long DMA_COUNT = 0x90;
    private static final long DMA_COMMAND = 0x98;
    private static final long COMMAND_START = 1;
    private static final long COMMAND_TO_MEMORY = 2;
    /** Where the DMA engine sees the device's own buffer. */
    private static final long BUFFER_AT = 0x40000;

    /** The low byte is fixed, the rest is a version. */
    private static final int IDENTITY_MASK = 0xff;

    private static final int IDENTITY_LOW = 0xed;

    private static final long PCI_COMMAND = 4;
    private static final int PCI_COMMAND_MEMORY = 2;
    private static final int PCI_COMMAND_BUS_MASTER = 4;

    /** VFIO's numbers for a PCI device's first BAR and for its configuration space. */
    private static final int REGISTERS_REGION = 0;

    private static final int CONFIG_REGION = 7;

    private static final long POLL_MS = 5;
    private static final long HANG_GUARD_NS = 60_000_000_000L;

    private final String address;
    private final int group;
    private final String node;
    private final Arena arena;
    private final MemorySegment registers;

    private EduDevice(String address, int group, String node, Arena arena, MemorySegment registers) {
        this.address = address;
        this.group = group;
        this.node = node;
        this.arena = arena;
        this.registers = registers;
        int identity = (int) INT.getVolatile(registers, IDENTITY);
        if ((identity & IDENTITY_MASK) != IDENTITY_LOW) {
            throw new IllegalStateException("device " + address + " identity=0x" + Integer.toHexString(identity));
        }
    }

    /** All that the machine has, in the order of their addresses. */
    static List<EduDevice> all() {
        try {
            List<EduDevice> devices = new ArrayList<>();
            for (String line : Files.readAllLines(LIST)) {
                String[] words = line.split(" ", -1);
                enable(words[0]);
                Arena arena = Arena.ofShared();
                MemorySegment registers = mapRegisters(words[0], arena);
                devices.add(new EduDevice(words[0], Integer.parseInt(words[1]), words[2], arena, registers));
            }
            return devices;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** The addresses of all that the machine has, without touching them. */
    static List<String> addresses() {
        try {
            return Files.readAllLines(LIST).stream()
                    .map(line -> line.substring(0, line.indexOf(' ')))
                    .toList();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** The device behind an open VFIO device, which stays the caller's and has to outlive this; it can master the bus. */
    static EduDevice of(DeviceFile device) {
        Arena arena = Arena.ofShared();
        MemorySegment command = arena.allocate(Short.BYTES);
        long at = region(device, CONFIG_REGION, arena) + PCI_COMMAND;
        Check.equal((long) Short.BYTES, device.read(command, at), "bytes of the command register");
        int wanted = command.get(ValueLayout.JAVA_SHORT, 0) | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER;
        command.set(ValueLayout.JAVA_SHORT, 0, (short) wanted);
        Check.equal((long) Short.BYTES, device.write(command, at), "bytes of the command register");
        MemorySegment registers = device.map(region(device, REGISTERS_REGION, arena), REGISTERS_BYTES, arena);
        return new EduDevice(device.name(), -1, "-", arena, registers);
    }

    /** Where a region of the device is in its file. */
    private static long region(DeviceFile device, int index, Arena arena) {
        MemorySegment info = vfio_region_info.allocate(arena);
        vfio_region_info.argsz(info, (int) vfio_region_info.sizeof());
        vfio_region_info.index(info, index);
        Check.equal(0, device.ioctl(LinuxIommu.VFIO_DEVICE_GET_REGION_INFO(), info), "answer for region " + index);
        return vfio_region_info.offset(info);
    }

    /** As {@code 0000:00:04.0}. */
    String address() {
        return address;
    }

    /** The number of its IOMMU group. */
    int group() {
        return group;
    }

    /** Its node below /dev/vfio/devices, or "-" where the kernel has none. */
    String node() {
        return node;
    }

    /** Lets it decode memory and master the bus; opening and closing it by VFIO takes that away. */
    void enable() {
        enable(address);
    }

    private static void enable(String address) {
        try (FileChannel config =
                FileChannel.open(file(address, "config"), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer command = ByteBuffer.allocate(Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            Check.equal(Short.BYTES, config.read(command, PCI_COMMAND), "bytes of the command register");
            int wanted = command.getShort(0) | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER;
            command.clear().putShort((short) wanted).flip();
            Check.equal(Short.BYTES, config.write(command, PCI_COMMAND), "bytes of the command register");
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** The device reads memory into its buffer; returns when it has tried. */
    void readMemory(long iova, int lengthBytes) {
        run(iova, BUFFER_AT, lengthBytes, COMMAND_START);
    }

    /** The device writes the beginning of its buffer to memory; returns when it has tried. */
    void writeMemory(long iova, int lengthBytes) {
        run(BUFFER_AT, iova, lengthBytes, COMMAND_START | COMMAND_TO_MEMORY);
    }

    /** The device moves up to 4 KiB from one IOVA to another, by way of its buffer. */
    void copy(long fromIova, long toIova, int lengthBytes) {
        readMemory(fromIova, lengthBytes);
        writeMemory(toIova, lengthBytes);
    }

    private void run(long source, long destination, int lengthBytes, long command) {
        if (lengthBytes < 1 || lengthBytes > BUFFER_BYTES) {
            throw new IllegalArgumentException("length=" + lengthBytes + " min=1 max=" + BUFFER_BYTES);
        }
        LONG.setVolatile(registers, DMA_SOURCE, source);
        LONG.setVolatile(registers, DMA_DESTINATION, destination);
        LONG.setVolatile(registers, DMA_COUNT, (long) lengthBytes);
        LONG.setVolatile(registers, DMA_COMMAND, command);
        long deadlineNs = System.nanoTime() + HANG_GUARD_NS;
        while (((long) LONG.getVolatile(registers, DMA_COMMAND) & COMMAND_START) != 0) {
            Check.that(System.nanoTime() - deadlineNs < 0, "device " + address + " does not end its DMA");
            Pause.milliseconds(POLL_MS);
        }
    }

    private static MemorySegment mapRegisters(String address, Arena arena) {
        Path file = file(address, "resource0");
        try (FileChannel bar = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return bar.map(FileChannel.MapMode.READ_WRITE, 0, REGISTERS_BYTES, arena);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static Path file(String address, String name) {
        return Path.of("/sys/bus/pci/devices", address, name);
    }

    @Override
    public void close() {
        arena.close();
    }

    @Override
    public String toString() {
        return "edu " + address + " group=" + group + " node=" + node;
    }
}
