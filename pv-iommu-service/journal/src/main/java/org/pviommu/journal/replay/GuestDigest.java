package org.pviommu.journal.replay;

/**
 * The state of a guest in short.
 *
 * @param guestId whose
 * @param digest of its mappings
 * @param mappedPages how many there are
 */
public record GuestDigest(int guestId, long digest, long mappedPages) {}
