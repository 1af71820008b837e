package org.pviommu.engine;

/**
 * The nodes of one {@link RangeIndex}: eight of {@value #NODE_BYTES} bytes in each table page, charged to the guest page by page.
 *
 * <p>A page begins with a header of one cache line and goes back to {@link TableMemory} once all its nodes are free, all zero as
 * that pool wants it. Some are kept, so that a guest that maps and unmaps at a page's edge does not pay for it each time.
 *
 * <p>One thread at a time (the guest's lock).
 */
final class NodePool {
    /** Eight of these fill a page next to its header. */
    static final int NODE_BYTES = 504;

    private static final int NODES_PER_PAGE = 8;
    private static final int ALL_FREE = (1 << NODES_PER_PAGE) - 1;
    private static final int HEADER_BYTES = 64;

    // The header: which nodes are free, the neighbours in the list of pages with a free node, and in the list of all.
    private static final int FREE_MASK = 0;
    private static final int NEXT_WITH_FREE = 8;
    private static final int PREVIOUS_WITH_FREE = 16;
    private static final int NEXT = 24;
    private static final int PREVIOUS = 32;

    private final TableMemory memory;
    private final TableQuota quota;
    private long pagesWithFree;
    private long allPages;
    private int freeNodes;
    private int pages;

    NodePool(TableMemory memory, TableQuota quota) {
        this.memory = memory;
        this.quota = quota;
    }

    /** Nodes that {@link #take} gives without another page. */
    int freeNodes() {
        return freeNodes;
    }

    int pages() {
        return pages;
    }

    /** Takes one more page; false when the guest's quota or the service's memory is used up. */
    boolean grow() {
        long page = quota.allocate(memory);
        if (page == 0) {
            return false;
        }
        pages++;
        freeNodes += NODES_PER_PAGE;
        RawMemory.putLong(page + FREE_MASK, ALL_FREE);
        allPages = push(page, allPages, NEXT, PREVIOUS);
        pagesWithFree = push(page, pagesWithFree, NEXT_WITH_FREE, PREVIOUS_WITH_FREE);
        return true;
    }

    /** A node of undefined content; the caller has made sure that there is one. */
    long take() {
        long page = pagesWithFree;
        if (page == 0) {
            throw new IllegalStateException("freeNodes=" + freeNodes + ", and one was to be there");
        }
        int mask = (int) RawMemory.getLong(page + FREE_MASK);
        int index = Integer.numberOfTrailingZeros(mask);
        int rest = mask & (mask - 1);
        RawMemory.putLong(page + FREE_MASK, rest);
        freeNodes--;
        if (rest == 0) {
            pagesWithFree = unlink(page, pagesWithFree, NEXT_WITH_FREE, PREVIOUS_WITH_FREE);
        }
        return page + HEADER_BYTES + (long) index * NODE_BYTES;
    }

    /** Takes back a node that no reader can reach any more. */
    void free(long node) {
        long page = node & -TableMemory.PAGE_BYTES; // table pages are page-aligned
        int index = (int) ((node - page - HEADER_BYTES) / NODE_BYTES);
        int mask = (int) RawMemory.getLong(page + FREE_MASK);
        if (mask == 0) {
            pagesWithFree = push(page, pagesWithFree, NEXT_WITH_FREE, PREVIOUS_WITH_FREE);
        }
        mask |= 1 << index;
        RawMemory.putLong(page + FREE_MASK, mask);
        freeNodes++;
        if (mask == ALL_FREE && freeNodes > RangeIndex.KEPT_NODES) {
            pagesWithFree = unlink(page, pagesWithFree, NEXT_WITH_FREE, PREVIOUS_WITH_FREE);
            freeNodes -= NODES_PER_PAGE;
            giveBack(page);
        }
    }

    /** Gives all pages back; the nodes are gone. */
    void close() {
        while (allPages != 0) {
            giveBack(allPages);
        }
        pagesWithFree = 0;
        freeNodes = 0;
    }

    private void giveBack(long page) {
        allPages = unlink(page, allPages, NEXT, PREVIOUS);
        RawMemory.clear(page, TableMemory.PAGE_BYTES);
        memory.free(page);
        quota.give(1);
        pages--;
    }

    private static long push(long page, long head, int next, int previous) {
        RawMemory.putLong(page + next, head);
        RawMemory.putLong(page + previous, 0);
        if (head != 0) {
            RawMemory.putLong(head + previous, page);
        }
        return page;
    }

    /** Takes {@code page} out of its list; the list's new head. */
    private static long unlink(long page, long head, int next, int previous) {
        long after = RawMemory.getLong(page + next);
        long before = RawMemory.getLong(page + previous);
        if (after != 0) {
            RawMemory.putLong(after + previous, before);
        }
        if (before != 0) {
            RawMemory.putLong(before + next, after);
        }
        return before == 0 ? after : head;
    }
}
