package org.pviommu.journal.replay;

/**
 * Consecutive pages that lead to consecutive frames.
 *
 * @param guestId whose
 * @param context in which of its address spaces
 * @param access {@link org.pviommu.engine.Access} bits
 */
public record MappedRun(int guestId, int context, long bfn, long mfn, long pages, int access) {}
