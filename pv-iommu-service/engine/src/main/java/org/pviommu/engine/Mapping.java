package org.pviommu.engine;

/**
 * A run of pages that are mapped contiguously with one access; for listings.
 *
 * @param firstBfn first bus frame
 * @param firstMfn frame that the first one is translated to
 * @param pages how many frames, at least 1
 * @param access {@link Access} bits
 */
public record Mapping(long firstBfn, long firstMfn, long pages, int access) {}
