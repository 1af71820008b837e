package org.pviommu.server.ring;

import org.pviommu.abi.RingAbi;

/**
 * A well-formed REVOKE.
 *
 * @param granteeId who has the grant
 * @param granteeFirstMfn its first frame, a number of the grantee, unsigned
 * @param force whether what the grantee has mapped is unmapped and flushed, too
 */
record RevokeRequest(int granteeId, long granteeFirstMfn, boolean force) {

    /**
     * Reads a REVOKE.
     *
     * @throws ProtocolException if size, descriptors or flags are not as they should be
     */
    static RevokeRequest parse(Packet packet) {
        packet.requireShape("REVOKE", RingAbi.REVOKE_SIZE, 0);
        int flags = packet.u32(RingAbi.REVOKE_FLAGS_OFFSET);
        if ((flags & ~RingAbi.REVOKE_FORCE) != 0) {
            throw new ProtocolException(
                    "REVOKE flags=0x" + Integer.toHexString(flags) + " known=0x" + RingAbi.REVOKE_FORCE);
        }
        return new RevokeRequest(
                packet.u32(RingAbi.REVOKE_GRANTEE_ID_OFFSET),
                packet.u64(RingAbi.REVOKE_GRANTEE_FIRST_MFN_OFFSET),
                (flags & RingAbi.REVOKE_FORCE) != 0);
    }
}
