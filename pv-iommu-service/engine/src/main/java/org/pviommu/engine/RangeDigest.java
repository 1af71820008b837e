package org.pviommu.engine;

/**
 * The digest of a mapping-granular address space: the sum, modulo 2^64, of a number for each mapping, so it does not depend on the
 * order in which they were made, and adding or taking away a mapping costs the same whatever its length.
 *
 * <p>The boundaries count, not only where each byte leads: [0,4] and [5,9] are another state than [0,9], because UNMAP of [0,4]
 * tells them apart. It tells an accidental difference from none; it is no protection against somebody who looks for a second
 * state with the same digest.
 */
final class RangeDigest {
    private RangeDigest() {}

    /** What tells the domains of all guests from one another and from page-granular spaces. */
    static long salt(int guestId, int domain) {
        return mix(mix(guestId) ^ domain);
    }

    /** The number of one mapping; {@code salt} tells address spaces apart, see {@link #salt}. */
    static long of(long salt, long first, long last, long target, long attributes) {
        long mixed = mix(salt ^ first);
        mixed = mix(mixed ^ last);
        mixed = mix(mixed ^ target);
        return mix(mixed ^ attributes);
    }

    /** The finaliser of SplitMix64: a bijection, so a difference in one word is never lost on the way. */
    private static long mix(long value) {
        long mixed = value + 0x9e3779b97f4a7c15L;
        mixed = (mixed ^ mixed >>> 30) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
        return mixed ^ mixed >>> 31;
    }
}
