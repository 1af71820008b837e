package org.pviommu.engine;

/**
 * What a device may do with a page. The values are those of a VT-d second-stage entry, so that an access is also the low
 * bits of a table entry. Read and write are independent here; that hypercalls offer no write-only mapping is the ABI's
 * rule, not the engine's.
 */
public final class Access {
    /** The device may read. */
    public static final int READ = 1;
    /** The device may write. */
    public static final int WRITE = 2;
    /** Both. */
    public static final int READ_WRITE = READ | WRITE;

    private Access() {}

    /** {@code rw}, {@code r-}, {@code -w} or {@code --}, for people. */
    public static String name(int access) {
        return ((access & READ) != 0 ? "r" : "-") + ((access & WRITE) != 0 ? "w" : "-");
    }
}
