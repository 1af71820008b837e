package org.pviommu.host.kernel;

import java.lang.foreign.MemorySegment;
import org.pviommu.natives.DeviceFile;
import org.pviommu.natives.NativeException;

/** The way to the kernel: device nodes and ioctl(2) on them. Tests put a script in its place. */
interface Kernel {

    /**
     * Opens a device node.
     *
     * @throws NativeException when the kernel refuses
     */
    Node open(String path);

    /** Takes ownership of a descriptor that an ioctl has returned. */
    Node adopt(int descriptor, String name);

    /** An open device node. Calls return what the kernel returned, or {@code -errno}. */
    interface Node extends AutoCloseable {
        /** A request with the address of a structure. */
        int ioctl(int request, MemorySegment argument);

        /** A request with a plain number. */
        int ioctl(int request, long argument);

        /** The descriptor's number, for the structures of other nodes. */
        int number();

        /** Another descriptor of the same open file, the caller's to close. */
        DeviceFile duplicate();

        @Override
        void close();
    }

    /** The real one. */
    static Kernel linux() {
        return new Kernel() {
            @Override
            public Node open(String path) {
                return new LinuxNode(DeviceFile.open(path));
            }

            @Override
            public Node adopt(int descriptor, String name) {
                return new LinuxNode(DeviceFile.adopt(descriptor, name));
            }
        };
    }

    /** A node of the running kernel. */
    record LinuxNode(DeviceFile file) implements Node {
        @Override
        public int ioctl(int request, MemorySegment argument) {
            return file.ioctl(request, argument);
        }

        @Override
        public int ioctl(int request, long argument) {
            return file.ioctl(request, argument);
        }

        @Override
        public int number() {
            return file.descriptor().value();
        }

        @Override
        public DeviceFile duplicate() {
            return DeviceFile.adopt(file.descriptor().duplicate().release(), file.name());
        }

        @Override
        public void close() {
            file.close();
        }
    }
}
