package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Owns an open device node, which is driven by ioctl(2).
 *
 * <p>Calls answer with numbers: what the kernel returned, or {@code -errno}; only {@link #open} and {@link #map} throw. Structures
 * are native segments that the caller keeps, so that a call on a busy path allocates nothing.
 *
 * <p>Threads: any; the kernel's own rules hold for calls at the same time. A call that is under way keeps the descriptor open.
 */
public final class DeviceFile implements AutoCloseable {

    private final FileDescriptor fd;
    private final String name;

    private DeviceFile(FileDescriptor fd, String name) {
        this.fd = fd;
        this.name = name;
    }

    /**
     * Opens a node for reading and writing; closed on exec.
     *
     * @throws NativeException ENOENT without such a node, EACCES without permission, EBUSY when only one may have it
     */
    public static DeviceFile open(String path) {
        int opened = DeviceCalls.open(path);
        if (opened < 0) {
            throw new NativeException("open path=" + path, -opened);
        }
        return adopt(opened, path);
    }

    /** Takes ownership of a descriptor that an ioctl has returned. */
    public static DeviceFile adopt(int fd, String name) {
        return new DeviceFile(FileDescriptor.adopt(fd), name);
    }

    /** What was opened, for messages. */
    public String name() {
        return name;
    }

    /** The descriptor, which stays this object's; its number is what other devices' structures take. */
    public FileDescriptor descriptor() {
        return fd;
    }

    /**
     * A request with the address of a structure.
     *
     * @param argument native memory that the request reads and writes; its first field usually says how much that is
     * @return what the kernel returned, or {@code -errno}
     * @throws IllegalStateException after close
     */
    public int ioctl(int request, MemorySegment argument) {
        int number = fd.enter();
        try {
            return DeviceCalls.ioctl(number, request, argument);
        } finally {
            fd.exit();
        }
    }

    /** A request with a plain number; as {@link #ioctl(int, MemorySegment)}. */
    public int ioctl(int request, long argument) {
        int number = fd.enter();
        try {
            return DeviceCalls.ioctl(number, request, argument);
        } finally {
            fd.exit();
        }
    }

    /** Reads from a place in the file; bytes read, or {@code -errno}. */
    public long read(MemorySegment into, long offsetBytes) {
        int number = fd.enter();
        try {
            return DeviceCalls.pread(number, into, offsetBytes);
        } finally {
            fd.exit();
        }
    }

    /** Writes to a place in the file; bytes written, or {@code -errno}. */
    public long write(MemorySegment from, long offsetBytes) {
        int number = fd.enter();
        try {
            return DeviceCalls.pwrite(number, from, offsetBytes);
        } finally {
            fd.exit();
        }
    }

    /**
     * Maps registers or memory of the device, shared, readable and writable.
     *
     * @param offsetBytes where in the file, a multiple of 4096
     * @param sizeBytes a multiple of 4096
     * @return the mapping, which the arena's end removes
     * @throws NativeException when the kernel refuses
     */
    public MemorySegment map(long offsetBytes, long sizeBytes, Arena arena) {
        int number = fd.enter();
        try {
            return MemoryCalls.mapShared(number, offsetBytes, sizeBytes, sizeBytes, arena);
        } finally {
            fd.exit();
        }
    }

    @Override
    public void close() {
        fd.close();
    }

    @Override
    public String toString() {
        return name + " " + fd;
    }
}
