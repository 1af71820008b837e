package org.pviommu.engine;

/**
 * The digest of a guest's mappings: the sum, modulo 2^64, of a number for each mapped page. It does not depend on the order in
 * which pages were mapped, and a run of any length costs the same few multiplications to add or to take away.
 *
 * <p>The number of a page is the cube of a mix of its address space, bfn, mfn and access. It tells an accidental difference
 * from none; it is no protection against somebody who looks for a second state with the same digest.
 */
final class MappingDigest {
    private static final long BFN = 0x9e3779b97f4a7c15L;
    private static final long MFN = 0xc2b2ae3d27d4eb4fL;
    private static final long ACCESS = 0x165667b19e3779f9L;
    /** BFN plus MFN: the mapping of the next page adds this to what is cubed. */
    private static final long STEP = 0x60ea27f6a71f6764L;
    /** 3 times this is 1 modulo 2^64. */
    private static final long ONE_THIRD = 0xaaaaaaaaaaaaaaabL;

    private MappingDigest() {}

    /** What tells the address spaces of all guests apart: any two give unrelated numbers. */
    static long salt(int guestId, int context) {
        long mixed = ((long) guestId << 16 | context) + BFN;
        mixed = (mixed ^ mixed >>> 30) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
        return mixed ^ mixed >>> 31;
    }

    /**
     * The digest of {@code n} pages from {@code bfn} on that lead to the frames from {@code mfn} on: the sum of (x + i d)^3 over i
     * from 0 to n - 1, by the closed forms of the sums of i, i^2 and i^3. All of it is modulo 2^64, where dividing by the odd
     * 3 is a multiplication; the one division by 2 is made before anything can be lost.
     */
    static long run(long salt, long bfn, long mfn, int access, long n) {
        long x = salt + bfn * BFN + mfn * MFN + access * ACCESS;
        long sum1 = (n & 1) == 0 ? (n >>> 1) * (n - 1) : n * ((n - 1) >>> 1);
        long sum2 = sum1 * (2 * n - 1) * ONE_THIRD;
        long sum3 = sum1 * sum1;
        long d = STEP;
        return x * x * (n * x + 3 * d * sum1) + d * d * (3 * x * sum2 + d * sum3);
    }
}
