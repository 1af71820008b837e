package org.pviommu.engine;

/**
 * A leaf entry of the table, in the format of a VT-d second-stage entry with one software bit.
 *
 * <pre>
 *  63        53 52   51                              12 11        2  1  0
 * +------------+----+----------------------------------+-----------+--+--+
 * |      0     |OWED|               mfn                |     0     |W |R |
 * +------------+----+----------------------------------+-----------+--+--+
 * </pre>
 *
 * 0 is "not mapped". An owed entry has neither R nor W: its translation was removed, the frame is held until the flush
 * that covers the removal has completed, and the bus frame cannot be mapped again before.
 */
final class PageEntry {
    static final long EMPTY = 0;
    static final long OWED = 1L << 52;
    private static final long ACCESS_MASK = Access.READ_WRITE;
    private static final int FRAME_SHIFT = 12;

    /** The last mfn that fits into bits 51:12. */
    static final long LAST_MFN = (1L << 40) - 1;

    /** What two entries differ by when their frames are neighbours. */
    static final long NEXT_FRAME = 1L << FRAME_SHIFT;

    private static final long FRAME_MASK = LAST_MFN << FRAME_SHIFT;

    private PageEntry() {}

    static long mapped(long mfn, int access) {
        return (mfn << FRAME_SHIFT) | access;
    }

    static long owed(long mappedEntry) {
        return (mappedEntry & FRAME_MASK) | OWED;
    }

    static boolean isMapped(long entry) {
        return (entry & ACCESS_MASK) != 0;
    }

    static boolean isOwed(long entry) {
        return (entry & OWED) != 0;
    }

    static long mfn(long entry) {
        return (entry & FRAME_MASK) >>> FRAME_SHIFT;
    }

    static int access(long entry) {
        return (int) (entry & ACCESS_MASK);
    }
}
