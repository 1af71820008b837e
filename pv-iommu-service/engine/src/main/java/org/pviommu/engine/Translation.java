package org.pviommu.engine;

/**
 * What one bus frame is translated to.
 *
 * @param bfn bus frame
 * @param mfn frame of the guest's memory
 * @param access {@link Access} bits
 */
public record Translation(long bfn, long mfn, int access) {}
