package org.pviommu.server.rest;

import io.micronaut.serde.annotation.Serdeable;

/**
 * Frames of one guest that another one may map; inclusive ranges.
 *
 * @param owner guest whose memory it is
 * @param firstMfn first frame, by the owner's numbers, hex
 * @param lastMfn last frame, by the owner's numbers, hex
 * @param grantee guest that may map them
 * @param granteeFirstMfn first frame, by the grantee's numbers, hex
 * @param granteeLastMfn last frame, by the grantee's numbers, hex
 * @param pages how many
 * @param access rw or r-: what the grantee's mappings may allow its devices
 * @param revoked true: taken back, so that nothing new is mapped; the frame numbers stay taken until they are used anew
 * @param holds how many pages of the grantee's address spaces lead to these frames, those that wait for a flush included
 */
@Serdeable
public record GrantView(
        long owner,
        String firstMfn,
        String lastMfn,
        long grantee,
        String granteeFirstMfn,
        String granteeLastMfn,
        long pages,
        String access,
        boolean revoked,
        long holds) {}
