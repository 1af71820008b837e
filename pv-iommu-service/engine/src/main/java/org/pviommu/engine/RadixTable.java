package org.pviommu.engine;

/**
 * The page-granular table of one address space: four levels of 512 entries, 4 KiB leaves only.
 *
 * <p>Larger leaves are left out on purpose: taking a page out of one would need memory, and an unmap must not need any.
 * An entry above the leaves is the address of the next table, or 0. Leaf entries are {@link PageEntry}.
 *
 * <p>One writer at a time (the guest's lock). {@link #entry} may be called by
 * anybody at any time inside a section of the {@link ReaderGate}. A new table is therefore all zero before it is linked
 * with release order, and one that was unlinked is only reused after a grace period (XSA-480 shows what happens
 * otherwise).
 */
final class RadixTable {
    static final int LEVELS = 4;
    static final int INDEX_BITS = 9;
    static final int ENTRIES = 1 << INDEX_BITS;
    private static final int INDEX_MASK = ENTRIES - 1;

    /** Empty tables are kept back until this many wait, so that one grace period serves them all. */
    private static final int MAX_RETIRED = 64;

    private static final long NO_LEAF = -1;

    private final TableMemory memory;
    private final TableQuota quota;
    private final ReaderGate readers;
    private final long root;

    /** {@link #root} for readers; 0 once the table is destroyed, because its pages belong to others then. */
    private volatile long readersRoot;

    /** The leaf used last, and which bus frames it covers; walking down for each operation costs twice as much. */
    private long cachedLeaf;

    private long cachedLeafBfns = NO_LEAF;

    /** Unlinked tables that a reader may still be walking. */
    private final long[] retired = new long[MAX_RETIRED];

    private int retiredCount;
    private int tablePages;

    /**
     * An empty table.
     *
     * @throws EngineException LIMIT when there is no page for its root
     */
    RadixTable(TableMemory memory, TableQuota quota, ReaderGate readers) {
        this.memory = memory;
        this.quota = quota;
        this.readers = readers;
        this.root = newTable();
        if (root == 0) {
            throw new EngineException(EngineException.Kind.LIMIT, "no table page left for another address space");
        }
        this.readersRoot = root;
    }

    /** Address of the entry of {@code bfn} inside {@code leaf}: a masked index, so always inside the page. */
    static long slot(long leaf, long bfn) {
        return leaf + ((bfn & INDEX_MASK) << 3);
    }

    private static long upperSlot(long table, long bfn, int level) {
        return table + ((bfn >>> (level * INDEX_BITS) & INDEX_MASK) << 3);
    }

    /** The leaf that covers {@code bfn}, or 0 when there is none. For the writer. */
    long leaf(long bfn) {
        if (bfn >>> INDEX_BITS == cachedLeafBfns) {
            return cachedLeaf;
        }
        long table = tableAt(bfn, 0);
        if (table != 0) {
            cache(bfn, table);
        }
        return table;
    }

    /** The leaf that covers {@code bfn}, made if needed; 0 when the guest's quota or the service's memory is used up. */
    long leafForMap(long bfn) {
        long found = leaf(bfn);
        return found != 0 ? found : makeLeaf(bfn);
    }

    private long makeLeaf(long bfn) {
        long table = root;
        for (int level = LEVELS - 1; level > 0; level--) {
            long slot = upperSlot(table, bfn, level);
            long next = RawMemory.getLong(slot);
            if (next == 0) {
                next = newTable();
                if (next == 0) {
                    prune(bfn); // what was made on the way down is empty
                    return 0;
                }
                RawMemory.putLongRelease(slot, next);
            }
            table = next;
        }
        cache(bfn, table);
        return table;
    }

    private void cache(long bfn, long leaf) {
        cachedLeaf = leaf;
        cachedLeafBfns = bfn >>> INDEX_BITS;
    }

    /** A page from the pool; tables waiting for their grace period are taken back before it is refused. */
    private long newTable() {
        long page = takePage();
        if (page == 0 && retiredCount > 0) {
            freeRetired();
            page = takePage();
        }
        return page;
    }

    private long takePage() {
        long page = quota.allocate(memory);
        if (page != 0) {
            tablePages++;
        }
        return page;
    }

    /** The entry of {@code bfn}, {@link PageEntry#EMPTY} when there is none. For the writer. */
    long entryForWriter(long bfn) {
        long leaf = leaf(bfn);
        return leaf == 0 ? PageEntry.EMPTY : RawMemory.getLong(slot(leaf, bfn));
    }

    /** The entry of {@code bfn}, {@link PageEntry#EMPTY} when there is none. Inside a reader section, without a lock. */
    long entry(long bfn) {
        long table = readersRoot;
        for (int level = LEVELS - 1; level > 0 && table != 0; level--) {
            table = RawMemory.getLongAcquire(upperSlot(table, bfn, level));
        }
        return table == 0 ? PageEntry.EMPTY : RawMemory.getLongAcquire(slot(table, bfn));
    }

    /**
     * The first bus frame at or after {@code bfn} whose leaf exists, or -1 when there is none up to the end of the
     * 48-bit space. Inside a reader section; at most 3 x 512 entries are looked at.
     */
    long nextBfnWithLeaf(long bfn) {
        long candidate = bfn;
        while (candidate >= 0 && candidate >>> (LEVELS * INDEX_BITS) == 0) {
            int missing = firstMissingLevel(candidate);
            if (missing == 0) {
                return candidate;
            }
            // Nothing below this entry: go on with the next entry of the same level.
            long coveredBits = (long) missing * INDEX_BITS;
            candidate = ((candidate >>> coveredBits) + 1) << coveredBits;
        }
        return -1;
    }

    /**
     * The level whose entry for {@code bfn} is 0, counted from the leaves' parents (1); 0 when the leaf exists, and
     * {@link #LEVELS} when not even the root does.
     */
    private int firstMissingLevel(long bfn) {
        long table = readersRoot;
        if (table == 0) {
            return LEVELS;
        }
        for (int level = LEVELS - 1; level > 0; level--) {
            table = RawMemory.getLongAcquire(upperSlot(table, bfn, level));
            if (table == 0) {
                return level;
            }
        }
        return 0;
    }

    /** Unlinks the tables above {@code bfn} that have become empty, lowest first. */
    void prune(long bfn) {
        for (int level = 1; level < LEVELS; level++) {
            long parent = tableAt(bfn, level);
            if (parent == 0) {
                continue; // makeLeaf stopped further up
            }
            long slot = upperSlot(parent, bfn, level);
            long child = RawMemory.getLong(slot);
            if (child == 0) {
                continue;
            }
            if (!isEmpty(child, (int) (bfn >>> ((level - 1) * INDEX_BITS)) & INDEX_MASK)) {
                return;
            }
            RawMemory.putLongRelease(slot, 0);
            retire(child);
        }
    }

    /** The table at {@code level} (0: leaf) on the way to {@code bfn}, or 0. */
    private long tableAt(long bfn, int level) {
        long table = root;
        for (int above = LEVELS - 1; above > level && table != 0; above--) {
            table = RawMemory.getLong(upperSlot(table, bfn, above));
        }
        return table;
    }

    /**
     * Whether all entries are 0, looking at both neighbours of {@code removedIndex} first, and then from the cache line before
     * it on, around: guests unmap in order, with gaps or without, so one of these usually answers at once. Scanning beats a
     * counter per table, which would cost every operation a read and a write.
     */
    private static boolean isEmpty(long table, int removedIndex) {
        long entries = RawMemory.inUserSpace(table);
        if ((RawMemory.getLong(slot(entries, removedIndex + 1L)) | RawMemory.getLong(slot(entries, removedIndex - 1L)))
                != 0) {
            return false;
        }
        for (int i = 0; i < ENTRIES; i += 8) {
            long line = entries + ((long) (removedIndex - 8 + i & -8 & INDEX_MASK) << 3);
            long lower = RawMemory.getLong(line)
                    | RawMemory.getLong(line + 8)
                    | RawMemory.getLong(line + 16)
                    | RawMemory.getLong(line + 24);
            long upper = RawMemory.getLong(line + 32)
                    | RawMemory.getLong(line + 40)
                    | RawMemory.getLong(line + 48)
                    | RawMemory.getLong(line + 56);
            if ((lower | upper) != 0) {
                return false;
            }
        }
        return true;
    }

    private void retire(long table) {
        cachedLeafBfns = NO_LEAF;
        if (retiredCount == MAX_RETIRED) {
            freeRetired();
        }
        retired[retiredCount++] = table;
    }

    /** Gives unlinked tables back to the pool, after all readers that could be walking them are gone. */
    void freeRetired() {
        if (retiredCount == 0) {
            return;
        }
        readers.awaitReaders();
        for (int i = 0; i < retiredCount; i++) {
            memory.free(retired[i]);
        }
        quota.give(retiredCount);
        tablePages -= retiredCount;
        retiredCount = 0;
    }

    /** Pages in use, those waiting for their grace period included. */
    int tablePages() {
        return tablePages;
    }

    /**
     * Gives the root back; everything was unmapped, released and pruned before. Whoever still asks finds nothing: readers
     * keep no reference to the guest's life, so they may come later than its end.
     */
    void destroy() {
        readersRoot = 0; // before the grace period, so that readers that it does not wait for see it
        retire(root);
        freeRetired();
    }

    boolean isDestroyed() {
        return readersRoot == 0;
    }
}
