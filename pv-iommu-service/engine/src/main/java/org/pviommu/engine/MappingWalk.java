package org.pviommu.engine;

import java.util.ArrayList;
import java.util.List;

/** Collects pages, given in ascending order of bfn, into runs of contiguous bfn, mfn and equal access. */
final class MappingWalk {
    private final int limit;
    private final List<Mapping> runs = new ArrayList<>();
    private long firstBfn;
    private long firstEntry;
    private long pages;

    MappingWalk(int limit) {
        this.limit = limit;
    }

    boolean isFull() {
        return runs.size() >= limit;
    }

    void page(long bfn, long entry) {
        boolean mapped = PageEntry.isMapped(entry);
        if (pages > 0 && mapped && bfn == firstBfn + pages && entry == firstEntry + pages * PageEntry.NEXT_FRAME) {
            pages++;
            return;
        }
        closeRun();
        if (mapped) {
            firstBfn = bfn;
            firstEntry = entry;
            pages = 1;
        }
    }

    private void closeRun() {
        if (pages > 0) {
            runs.add(new Mapping(firstBfn, PageEntry.mfn(firstEntry), pages, PageEntry.access(firstEntry)));
            pages = 0;
        }
    }

    List<Mapping> result() {
        if (!isFull()) {
            closeRun();
        }
        return runs;
    }
}
