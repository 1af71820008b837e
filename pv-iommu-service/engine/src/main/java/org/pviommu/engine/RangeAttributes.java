package org.pviommu.engine;

/**
 * What a mapping of a {@link RangeIndex} carries: the rights, in the lowest bits, and in the upper ones the number of the guest's newest
 * region when it was made, by which {@link GuestRegion#servesMapping} tells what it leads to.
 */
final class RangeAttributes {
    private static final int MMIO = 4;
    /** It was refused, and the host did not take all of it back: nobody is let in, and the range stays taken. */
    private static final int FAILED = 8;

    private static final int STATE = 0xff;
    private static final int SERIAL_SHIFT = 8;

    private RangeAttributes() {}

    static long of(int access, boolean mmio, long serial) {
        return serial << SERIAL_SHIFT | (mmio ? MMIO : 0) | access;
    }

    static long failed(long attributes) {
        return (attributes & -1L << SERIAL_SHIFT) | FAILED;
    }

    static boolean isFailed(long attributes) {
        return (attributes & FAILED) != 0;
    }

    static int access(long attributes) {
        return (int) attributes & Access.READ_WRITE;
    }

    static boolean isMmio(long attributes) {
        return (attributes & MMIO) != 0;
    }

    /** Whether the host IOMMU has, or may have, anything of it. */
    static boolean isHosted(long attributes) {
        return (attributes & (Access.READ_WRITE | FAILED)) != 0;
    }

    static long serial(long attributes) {
        return attributes >>> SERIAL_SHIFT;
    }

    /** What counts for the digest: what the guest asked for, not when. */
    static long state(long attributes) {
        return attributes & STATE;
    }
}
