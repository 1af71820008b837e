package org.pviommu.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.pviommu.abi.IommuMapOp;

/**
 * The table of radix.c.
 *
 * <p>Calls are critical downcalls (no change of thread state, about 3 ns), one a batch, so that C is not charged for our
 * way of calling it.
 */
final class CRadixTable implements PageTable {
    /** Where a JVM finds the library that another one has compiled; without it the JVM compiles its own. */
    static final String LIBRARY_PROPERTY = "pvi.radix.library";

    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;

    private static final SymbolLookup LIBRARY = openLibrary();
    // Constants, or the compiler could not see through the handles.
    private static final MethodHandle NEW = downcall("radix_new", FunctionDescriptor.of(WORD, WORD));
    private static final MethodHandle FREE = downcall("radix_free", FunctionDescriptor.ofVoid(WORD));
    private static final MethodHandle MAP = downcall("radix_map", FunctionDescriptor.ofVoid(WORD, WORD, WORD));
    private static final MethodHandle UNMAP = downcall("radix_unmap", FunctionDescriptor.ofVoid(WORD, WORD, WORD));
    private static final MethodHandle ENTRY = downcall("radix_entry", FunctionDescriptor.of(WORD, WORD, WORD));

    /** struct radix; 0 after close. */
    private long radix;

    /** An empty table for bus frames {@code [0, lastBfn]}, inclusive. */
    CRadixTable(long lastBfn) {
        try {
            radix = (long) NEW.invokeExact(lastBfn);
        } catch (Throwable e) {
            throw unexpected(e);
        }
        if (radix == 0) {
            throw new OutOfMemoryError("radix_new");
        }
    }

    private static SymbolLookup openLibrary() {
        String compiled = System.getProperty(LIBRARY_PROPERTY);
        if (compiled != null) {
            return open(Path.of(compiled));
        }
        try {
            Path directory = Files.createTempDirectory("pvi-radix");
            Path library = RadixCompiler.compile(directory);
            SymbolLookup symbols = open(library);
            // Loaded: the files are not needed any more.
            Files.delete(library);
            Files.delete(directory.resolve("radix.c"));
            Files.delete(directory);
            return symbols;
        } catch (IOException e) {
            throw new UncheckedIOException("no C table to compare with", e);
        }
    }

    // SAFETY: the library is radix.c, our own code, which runs nothing when it is loaded.
    @SuppressWarnings("restricted")
    private static SymbolLookup open(Path library) {
        return SymbolLookup.libraryLookup(library, Arena.global());
    }

    // SAFETY: the descriptors repeat the C signatures, pointers and uint64_t being 64-bit words. Critical: no function
    // calls back into Java, blocks, or runs longer than a batch.
    @SuppressWarnings("restricted")
    private static MethodHandle downcall(String name, FunctionDescriptor signature) {
        return Linker.nativeLinker()
                .downcallHandle(LIBRARY.findOrThrow(name), signature, Linker.Option.critical(false));
    }

    @Override
    public void map(MemorySegment operations, int n) {
        long address = addressOf(operations, n);
        try {
            MAP.invokeExact(radix, address, (long) n);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public void unmap(MemorySegment operations, int n) {
        long address = addressOf(operations, n);
        try {
            UNMAP.invokeExact(radix, address, (long) n);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static long addressOf(MemorySegment operations, int n) {
        Objects.checkFromIndexSize(0, (long) n * IommuMapOp.SIZE, operations.byteSize());
        return operations.address();
    }

    @Override
    public long entry(long bfn) {
        try {
            return (long) ENTRY.invokeExact(radix, bfn);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    @Override
    public void close() {
        try {
            FREE.invokeExact(radix);
        } catch (Throwable e) {
            throw unexpected(e);
        }
        radix = 0;
    }

    /** The functions throw nothing; what the JVM itself throws is passed on. */
    private static RuntimeException unexpected(Throwable e) {
        if (e instanceof Error error) {
            throw error;
        }
        return new IllegalStateException("downcall failed", e);
    }
}
