package org.pviommu.engine;

import org.pviommu.abi.IommuStatus;

/**
 * How many table pages one guest's mappings may take, over all of its address spaces.
 *
 * <p>24 bytes of input can pin up to three new table pages, so tables are charged like memory. Used under the guest's lock.
 */
final class TableQuota {
    private final int maxPages;
    private final Runnable reclaim;
    private final OutsideEvents events;
    private int usedPages;
    private boolean refusedLast;

    TableQuota(int maxPages, Runnable reclaim) {
        this(maxPages, reclaim, new OutsideEvents());
    }

    /**
     * A quota of {@code maxPages}.
     *
     * @param reclaim gives back what empty tables of the guest still hold; called before a page is refused
     * @param events where it is noted when the pool is empty
     */
    TableQuota(int maxPages, Runnable reclaim, OutsideEvents events) {
        this.maxPages = maxPages;
        this.events = events;
        this.reclaim = reclaim;
    }

    /** A page of {@code memory}, zeroed, charged; 0 when the guest or the pool has no more. */
    long allocate(TableMemory memory) {
        if (!take()) {
            return 0;
        }
        long page = events.tablePage(memory.allocate());
        if (page == 0) {
            give(1);
        }
        return page;
    }

    /** Charges one page; false when the guest has no more. */
    boolean take() {
        if (usedPages == maxPages) {
            reclaim.run();
        }
        refusedLast = usedPages == maxPages;
        if (refusedLast) {
            return false;
        }
        usedPages++;
        return true;
    }

    /** Why there was no table page just now: -ENOSPC when it was this quota, -ENOMEM when the service had none left. */
    int refusal() {
        return refusedLast ? IommuStatus.ENOSPC : IommuStatus.ENOMEM;
    }

    void give(int pages) {
        usedPages -= pages;
    }

    int usedPages() {
        return usedPages;
    }
}
