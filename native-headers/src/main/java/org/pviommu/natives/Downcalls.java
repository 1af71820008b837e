package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Links C functions so that errno comes back with the result, and turns both into one number.
 *
 * <p>The convention is the kernel's own: a call's result is what it returned, or {@code -errno}. It leaves no errno lying
 * about that another call could overwrite before it is read.
 *
 * <p>errno is captured into memory that belongs to the calling thread, so that a handle may be used by many threads at once
 * and a call allocates nothing after a thread's first one. A virtual thread is pinned while it is inside a downcall, and every
 * method here reads the captured value before anything that could block.
 */
final class Downcalls {

    private static final Linker LINKER = Linker.nativeLinker();
    private static final Linker.Option CAPTURE_ERRNO = Linker.Option.captureCallState("errno");
    private static final long ERRNO_OFFSET =
            Linker.Option.captureStateLayout().byteOffset(PathElement.groupElement("errno"));

    private static final ThreadLocal<MemorySegment> CAPTURED =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(Linker.Option.captureStateLayout()));

    private Downcalls() {}

    /**
     * A handle for the function, whose first argument is the segment of {@link #captured()}.
     *
     * @param descriptor the function's prototype; with all arguments of this use, when the function is variadic
     */
    // SAFETY: restricted because a wrong descriptor corrupts the stack. Address and descriptor come from one binding;
    // the C
    // probe and the tests of each wrapper exercise them. No handle made here is critical(): the calls may block.
    @SuppressWarnings("restricted")
    static MethodHandle capturing(MemorySegment address, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(address, descriptor, CAPTURE_ERRNO);
    }

    /** As {@link #capturing}, for a variadic function whose prototype names {@code namedArguments} arguments. */
    // SAFETY: as above; the option tells the linker where the unnamed arguments start, as the C ABI demands.
    @SuppressWarnings("restricted")
    static MethodHandle capturingVariadic(MemorySegment address, FunctionDescriptor descriptor, int namedArguments) {
        return LINKER.downcallHandle(
                address, descriptor, CAPTURE_ERRNO, Linker.Option.firstVariadicArg(namedArguments));
    }

    /** Where this thread's next call leaves its errno. */
    static MemorySegment captured() {
        return CAPTURED.get();
    }

    /** {@code returned}, or {@code -errno} when it is negative. */
    static int result(int returned, MemorySegment captured) {
        return returned < 0 ? -captured.get(ValueLayout.JAVA_INT, ERRNO_OFFSET) : returned;
    }

    /** {@code returned}, or {@code -errno} when it is negative. */
    static long result(long returned, MemorySegment captured) {
        return returned < 0 ? -captured.get(ValueLayout.JAVA_INT, ERRNO_OFFSET) : returned;
    }

    /**
     * What to throw when a handle threw: a closed segment among the arguments is the caller's IllegalStateException, errors of
     * the virtual machine pass through, and anything else means that handle and call do not fit.
     */
    static RuntimeException thrown(Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error;
        }
        return thrown instanceof RuntimeException known ? known : new IllegalStateException("downcall", thrown);
    }
}
