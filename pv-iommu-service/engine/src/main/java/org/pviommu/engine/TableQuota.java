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
    private int usedPages;
    private boolean refusedLast;

    /**
     * A quota of {@code maxPages}.
     *
     * @param reclaim gives back what empty tables of the guest still hold; called before a page is refused
     */
    TableQuota(int maxPages, Runnable reclaim) {
        this.maxPages = maxPages;
        this.reclaim = reclaim;
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
