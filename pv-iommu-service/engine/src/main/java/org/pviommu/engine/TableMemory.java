package org.pviommu.engine;

import java.util.function.BooleanSupplier;
import org.pviommu.natives.AnonymousMemory;

/**
 * The pool of 4 KiB table pages, off-heap, shared by all address spaces. A page that is handed out is all zero.
 *
 * <p>Address space is reserved at start and memory is touched as it is used, so an idle service is small. Pages come back
 * all zero, because a table is only given back when its last entry is gone, so nothing is cleared twice. What a guest can
 * make us allocate is bounded by its own quota ({@link GuestPolicy#maxTablePages}), the pool bounds the sum.
 *
 * <p>Thread-safe; taken once per 512 pages mapped, never per operation.
 */
final class TableMemory implements AutoCloseable {
    static final int PAGE_BYTES = 4096;

    private final BooleanSupplier refusal;
    private final AnonymousMemory memory;
    private final long base;
    private final long pages;
    /** Pages from here on were never handed out. */
    private long unused;
    /** First page of the list of free pages, each of which holds the address of the next in its first 8 bytes. */
    private long freeList;

    TableMemory(long pages) {
        this(pages, () -> false);
    }

    /**
     * A pool of {@code pages}.
     *
     * @param refusal whether to hand out nothing this time, for a replay
     */
    TableMemory(long pages, BooleanSupplier refusal) {
        this.refusal = refusal;
        this.pages = pages;
        this.memory = AnonymousMemory.reserve(pages * PAGE_BYTES, true);
        this.base = memory.segment().address();
    }

    /** Address of a zeroed page, or 0 when the pool is empty. */
    synchronized long allocate() {
        if (refusal.getAsBoolean()) {
            return 0;
        }
        if (freeList != 0) {
            long page = freeList;
            freeList = RawMemory.getLong(page);
            RawMemory.putLong(page, 0);
            return page;
        }
        return unused == pages ? 0 : base + PAGE_BYTES * unused++;
    }

    /** Takes back a page that is all zero and that no reader can reach any more. */
    synchronized void free(long page) {
        RawMemory.putLong(page, freeList);
        freeList = page;
    }

    /** How many pages could still be handed out; for tests and statistics. */
    synchronized long availablePages() {
        long free = pages - unused;
        for (long page = freeList; page != 0; page = RawMemory.getLong(page)) {
            free++;
        }
        return free;
    }

    @Override
    public void close() {
        memory.close();
    }
}
