package org.pviommu.engine;

/**
 * How many table pages one guest's mappings may take, over all of its address spaces.
 *
 * <p>24 bytes of input can pin up to three new table pages, so tables are charged like memory. Used under the guest's lock.
 */
final class TableQuota {
    private final int maxPages;
    private int usedPages;

    TableQuota(int maxPages) {
        this.maxPages = maxPages;
    }

    /** Charges one page; false when the guest has no more. */
    boolean take() {
        if (usedPages == maxPages) {
            return false;
        }
        usedPages++;
        return true;
    }

    void give(int pages) {
        usedPages -= pages;
    }

    int usedPages() {
        return usedPages;
    }
}
