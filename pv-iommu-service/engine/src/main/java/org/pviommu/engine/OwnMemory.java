package org.pviommu.engine;

/**
 * Frames that a guest has registered, and the file behind them; for listings.
 *
 * @param firstMfn first frame
 * @param pages how many
 * @param file the file
 * @param fileOffsetBytes where in the file the first frame begins
 */
public record OwnMemory(long firstMfn, long pages, FileIdentity file, long fileOffsetBytes) {}
