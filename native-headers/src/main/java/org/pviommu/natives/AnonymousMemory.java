package org.pviommu.natives;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.pviommu.natives.libc.LibC;

/**
 * Private memory for tables and pools: large, page-aligned, zero until written, and backed by the kernel only where it has been
 * touched.
 *
 * <p>Threads: any. The segment belongs to a shared arena: an access after {@link #close()} is an IllegalStateException.
 */
public final class AnonymousMemory implements AutoCloseable {

    private static final long PAGE_BYTES = 4096;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;
    private final boolean hugePages;

    private AnonymousMemory(long sizeBytes, boolean hugePages) {
        segment = mapOrCloseArena(sizeBytes, arena);
        this.hugePages = hugePages && MemoryCalls.madvise(segment, LibC.MADV_HUGEPAGE()) == 0;
    }

    /**
     * Reserves address space. No memory is used yet, and none is set aside: touching it later can exhaust the machine, so bound
     * what you touch.
     *
     * @param sizeBytes more than 0
     * @param hugePages whether to ask the kernel for huge pages; a hint, see {@link #hugePages()}
     * @throws IllegalArgumentException when the size is not positive
     * @throws NativeException ENOMEM when the address space is used up
     */
    public static AnonymousMemory reserve(long sizeBytes, boolean hugePages) {
        if (sizeBytes <= 0) {
            throw new IllegalArgumentException("sizeBytes=" + sizeBytes + " min=1");
        }
        return new AnonymousMemory(sizeBytes, hugePages);
    }

    /** The memory: page-aligned, for any thread, until close. */
    public MemorySegment segment() {
        return segment;
    }

    /** Whether huge pages were asked for and the kernel knows them; it still decides by itself where to use them. */
    public boolean hugePages() {
        return hugePages;
    }

    /**
     * Gives a part's pages back to the kernel; the part reads as zero again. Nobody may access it during the call, or may see
     * either value.
     *
     * @param offsetBytes a multiple of 4096
     * @param lengthBytes a multiple of 4096; 0 does nothing
     * @throws IllegalArgumentException when the part is misaligned or not within the memory
     * @throws IllegalStateException after close
     */
    public void discard(long offsetBytes, long lengthBytes) {
        // Once both are known not to be negative, size - offset cannot overflow.
        boolean within = offsetBytes >= 0 && lengthBytes >= 0 && lengthBytes <= segment.byteSize() - offsetBytes;
        if (!within || ((offsetBytes | lengthBytes) & (PAGE_BYTES - 1)) != 0) {
            throw new IllegalArgumentException("offsetBytes=" + offsetBytes + " lengthBytes=" + lengthBytes
                    + " multipleOf=" + PAGE_BYTES + " sizeBytes=" + segment.byteSize());
        }
        int result = MemoryCalls.madvise(segment.asSlice(offsetBytes, lengthBytes), LibC.MADV_DONTNEED());
        if (result < 0) {
            throw new NativeException(
                    "madvise MADV_DONTNEED offsetBytes=" + offsetBytes + " lengthBytes=" + lengthBytes, -result);
        }
    }

    /**
     * Unmaps the memory. Closing again does nothing.
     *
     * @throws IllegalStateException when a native call is using the segment at this moment; nothing has changed then
     */
    @Override
    public synchronized void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    private static MemorySegment mapOrCloseArena(long sizeBytes, Arena arena) {
        try {
            return MemoryCalls.mapAnonymous(sizeBytes, arena);
        } catch (RuntimeException | Error failure) {
            arena.close();
            throw failure;
        }
    }
}
