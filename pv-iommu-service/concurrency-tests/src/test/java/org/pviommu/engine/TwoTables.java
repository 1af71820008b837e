package org.pviommu.engine;

/**
 * Tables of two address spaces that share a small pool: what one gives up is what the other gets next, page by page in the same
 * places. One thread writes to both; any thread may read the first inside a section.
 */
final class TwoTables {
    static final long BFN = 0x123;
    private static final int POOL_PAGES = 16;
    private static final long MINE = PageEntry.mapped(7, Access.READ);
    private static final long OTHERS = PageEntry.mapped(9, Access.READ_WRITE);

    private final TableMemory memory = new TableMemory(POOL_PAGES);
    private final ReaderGate gate = new ReaderGate();
    private final TableQuota quota = new TableQuota(POOL_PAGES, () -> {});
    private final RadixTable mine = new RadixTable(memory, quota, gate);
    private final RadixTable others = new RadixTable(memory, quota, new ReaderGate());

    /** The first table maps, the second is empty. */
    void prepare() {
        if (others.leaf(BFN) != 0) {
            remove(others);
        }
        if (mine.leaf(BFN) == 0) {
            RawMemory.putLong(RadixTable.slot(mine.leafForMap(BFN), BFN), MINE);
        }
    }

    private static void remove(RadixTable table) {
        RawMemory.putLong(RadixTable.slot(table.leaf(BFN), BFN), PageEntry.EMPTY);
        table.prune(BFN);
        table.freeRetired();
    }

    /** The first address space unmaps; its tables go to the second one, which maps. */
    void handOver() {
        remove(mine);
        RawMemory.putLong(RadixTable.slot(others.leafForMap(BFN), BFN), OTHERS);
    }

    /** Whether a reader of the first address space gets a translation that is not its own. */
    boolean readsAnothers() {
        int section = gate.enter();
        long entry = mine.entry(BFN);
        gate.exit(section);
        return entry != PageEntry.EMPTY && entry != MINE;
    }
}
