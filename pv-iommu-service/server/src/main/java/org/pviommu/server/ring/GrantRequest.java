package org.pviommu.server.ring;

import org.pviommu.abi.RingAbi;
import org.pviommu.engine.Access;
import org.pviommu.natives.Errno;

/**
 * A well-formed GRANT. Frame numbers and length are as the guest gave them, unsigned; the engine knows their limits.
 *
 * @param firstMfn first frame, a number of the owner
 * @param pages length
 * @param granteeId who may map the frames
 * @param granteeFirstMfn first frame, a number of the grantee
 * @param access {@link Access#READ} or {@link Access#READ_WRITE}
 */
record GrantRequest(long firstMfn, long pages, int granteeId, long granteeFirstMfn, int access) {

    /**
     * Reads a GRANT.
     *
     * @throws ProtocolException if size, descriptors or reserved fields are not as they should be
     * @throws RefusedException if there is no such access
     */
    static GrantRequest parse(Packet packet) {
        packet.requireShape("GRANT", RingAbi.GRANT_SIZE, 0);
        packet.requireZero("GRANT flags", RingAbi.GRANT_FLAGS_OFFSET);
        packet.requireZero("GRANT reserved", RingAbi.GRANT_RESERVED_OFFSET);
        return new GrantRequest(
                packet.u64(RingAbi.GRANT_FIRST_MFN_OFFSET),
                packet.u64(RingAbi.GRANT_NR_PAGES_OFFSET),
                packet.u32(RingAbi.GRANT_GRANTEE_ID_OFFSET),
                packet.u64(RingAbi.GRANT_GRANTEE_FIRST_MFN_OFFSET),
                access(packet.u32(RingAbi.GRANT_ACCESS_OFFSET)));
    }

    private static int access(int wire) {
        return switch (wire) {
            case RingAbi.GRANT_READ -> Access.READ;
            case RingAbi.GRANT_READ_WRITE -> Access.READ_WRITE;
            default ->
                throw new RefusedException(
                        Errno.EINVAL,
                        "access=0x" + Integer.toHexString(wire) + " known: 0x" + RingAbi.GRANT_READ + " read, 0x"
                                + RingAbi.GRANT_READ_WRITE + " read and write");
        };
    }
}
