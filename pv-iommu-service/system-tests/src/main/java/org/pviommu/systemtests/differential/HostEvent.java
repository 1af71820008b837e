package org.pviommu.systemtests.differential;

/**
 * One call that the host IOMMU answered during a batch.
 *
 * @param kind which call
 * @param firstBfn first bus frame, of maps and unmaps
 * @param pages how many were asked for, of maps and unmaps
 * @param outcome what the host answered: 0, a count, or a negative errno
 */
record HostEvent(Kind kind, long firstBfn, long pages, long outcome) {
    enum Kind {
        MAP,
        UNMAP,
        FLUSH
    }
}
