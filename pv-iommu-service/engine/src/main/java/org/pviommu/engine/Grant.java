package org.pviommu.engine;

/**
 * Frames of one guest that another one may map, or might until the grant was taken back; for listings. Ranges are inclusive.
 *
 * @param ownerId whose memory it is
 * @param ownerFirstMfn first frame, by the owner's numbers
 * @param pages how many frames
 * @param granteeId who may map them
 * @param granteeFirstMfn first frame, by the grantee's numbers
 * @param access {@link Access} bits that the grantee's mappings may have
 * @param revoked whether nothing new can be mapped any more
 * @param holds how many table entries of the grantee lead to these frames, owed ones included
 */
public record Grant(
        int ownerId,
        long ownerFirstMfn,
        long pages,
        int granteeId,
        long granteeFirstMfn,
        int access,
        boolean revoked,
        long holds) {}
