package org.pviommu.journal.replay;

/** The model's own way to the digest of one mapped page: a mix of where it is, cubed. All of it is modulo 2^64. */
final class PageDigest {
    private static final long PER_BFN = 0x9e3779b97f4a7c15L;
    private static final long PER_MFN = 0xc2b2ae3d27d4eb4fL;
    private static final long PER_ACCESS = 0x165667b19e3779f9L;

    private PageDigest() {}

    static long of(int guestId, int context, long bfn, long mfn, int access) {
        long place = space(guestId, context) + bfn * PER_BFN + mfn * PER_MFN + access * PER_ACCESS;
        return place * place * place;
    }

    /** The splitmix64 step of the numbers of guest and address space. */
    private static long space(int guestId, int context) {
        long z = ((long) guestId << 16 | context) + PER_BFN;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }
}
