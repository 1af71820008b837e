package org.pviommu.server.ring;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import org.pviommu.natives.FileDescriptor;

/** What a hostile guest does with descriptors, and the service never: three calls of the C library. */
final class OpenFiles {
    static final int READ_ONLY = 0;
    static final int READ_WRITE = 2;
    private static final int F_SETFL = 4;

    private static final MethodHandle OPEN = handle(
            "open",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle FCNTL = handle(
            "fcntl",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle WRITE = handle(
            "write",
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));

    private OpenFiles() {}

    // SAFETY: restricted because a wrong descriptor would corrupt the stack. These are the C prototypes: open(2) and
    // fcntl(2) are variadic after two arguments, write(2) is not.
    @SuppressWarnings("restricted")
    private static MethodHandle handle(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, options);
    }

    static FileDescriptor open(Path path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(path.toString());
            int fd = (int) OPEN.invokeExact(name, flags);
            assertTrue(fd >= 0, () -> "open " + path);
            return FileDescriptor.adopt(fd);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Clears O_NONBLOCK, for everybody who shares the open file. */
    static void makeBlocking(FileDescriptor fd) {
        try {
            int result = (int) FCNTL.invokeExact(fd.value(), F_SETFL, 0);
            assertTrue(result >= 0, "fcntl F_SETFL");
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    static long write(FileDescriptor fd, MemorySegment from) {
        try {
            return (long) WRITE.invokeExact(fd.value(), from, from.byteSize());
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
