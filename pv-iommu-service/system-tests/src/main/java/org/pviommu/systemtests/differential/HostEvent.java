package org.pviommu.systemtests.differential;

/**
 * One call that the host IOMMU answered while the guest's call ran.
 *
 * @param kind which call
 * @param space the host's address space, counted from 1 in the order they were made
 * @param firstBfn first bus frame of maps and unmaps; the endpoint of attach and detach
 * @param pages how many were asked for, of maps and unmaps
 * @param outcome what the host answered: 0, a count, or a negative errno
 * @param wholeSpace whether a flush covered the whole address space
 */
record HostEvent(Kind kind, int space, long firstBfn, long pages, long outcome, boolean wholeSpace) {
    enum Kind {
        CREATE,
        MAP,
        UNMAP,
        FLUSH,
        ATTACH,
        DETACH
    }
}
