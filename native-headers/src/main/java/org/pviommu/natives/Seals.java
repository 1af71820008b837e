package org.pviommu.natives;

import org.pviommu.natives.libc.LibC;

/** Bits of {@link FileDescriptor#seals()}: what can no longer be done to a memfd, by anybody, ever. */
public final class Seals {

    /** No seal can be added any more. */
    public static final int SEAL = LibC.F_SEAL_SEAL();
    /** The file cannot become shorter. */
    public static final int SHRINK = LibC.F_SEAL_SHRINK();
    /** The file cannot become longer. */
    public static final int GROW = LibC.F_SEAL_GROW();
    /** The file cannot be written, nor mapped writable. */
    public static final int WRITE = LibC.F_SEAL_WRITE();
    /** As {@link #WRITE}, except through mappings that exist already. */
    public static final int FUTURE_WRITE = LibC.F_SEAL_FUTURE_WRITE();

    private Seals() {}
}
