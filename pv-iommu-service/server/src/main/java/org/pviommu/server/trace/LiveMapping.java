package org.pviommu.server.trace;

/**
 * A mapping that is there.
 *
 * @param first first IOVA
 * @param last last IOVA, inclusive
 * @param target where the first one leads to
 * @param flags as in the MAP request
 */
public record LiveMapping(int domain, long first, long last, long target, int flags) {}
