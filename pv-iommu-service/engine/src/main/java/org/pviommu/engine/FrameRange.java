package org.pviommu.engine;

/**
 * A range of frame numbers, bus or machine, inclusive {@code [first, last]}.
 *
 * @param first first frame
 * @param last last frame, not below {@code first}
 */
public record FrameRange(long first, long last) {

    /** The highest frame number there is: 64-bit addresses of 4 KiB frames. */
    public static final long MAX_FRAME = (1L << 52) - 1;

    /** Refuses an empty or impossible range. */
    public FrameRange {
        if (first < 0 || last < first || last > MAX_FRAME) {
            throw new IllegalArgumentException("first=" + first + " last=" + last + " max=" + MAX_FRAME);
        }
    }

    /** Whether {@code frame} lies in the range. */
    public boolean contains(long frame) {
        return first <= frame && frame <= last;
    }

    /** How many frames; cannot overflow, because both ends are below 2^52. */
    public long count() {
        return last - first + 1;
    }
}
