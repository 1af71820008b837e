package org.pviommu.engine;

import java.util.List;

/**
 * What one guest may do, set by the operator before the guest appears.
 *
 * @param enabled whether PV IOMMU exists for this guest; otherwise each call returns -ENOSYS
 * @param permitted whether this guest may use it; otherwise each call returns -EPERM
 * @param maxMemoryFrames how many frames it may register
 * @param maxMappedFrames how many pages it may have mapped at a time (-ENOSPC beyond)
 * @param maxTablePages how many 4 KiB pages of tables its mappings may take (-ENOSPC beyond)
 * @param maxHeldFrames how many removed frames may wait for a flush before the service flushes early
 * @param maxContexts how many address spaces it may have, number 0 included
 * @param reservedMfns frames that belong to the hypervisor although they lie in the guest's memory: -EPERM
 */
public record GuestPolicy(
        boolean enabled,
        boolean permitted,
        long maxMemoryFrames,
        long maxMappedFrames,
        int maxTablePages,
        int maxHeldFrames,
        int maxContexts,
        List<FrameRange> reservedMfns) {

    /** 256 GiB of guest memory: 128 MiB of frame metadata at 2 bytes a frame. */
    public static final long DEFAULT_MAX_MEMORY_FRAMES = 1L << 26;
    /** 64 GiB mapped, so that a Dom0 of that size can map all of itself once. */
    public static final long DEFAULT_MAX_MAPPED_FRAMES = 1L << 24;
    /** 64 MiB of tables: enough for 2^24 dense pages (32,768 leaves and their parents) and half as much again. */
    public static final int DEFAULT_MAX_TABLE_PAGES = 49_152;
    /** 256 MiB of frames may wait for a flush. */
    public static final int DEFAULT_MAX_HELD_FRAMES = 65_536;

    /** As many as one number space of the ABI could want in practice; each costs its tables only when it is made. */
    public static final int DEFAULT_MAX_CONTEXTS = 64;
    /** A context number has 16 bits. */
    public static final int MAX_CONTEXTS = 1 << 16;

    /** Refuses impossible limits, which are the operator's mistake. */
    public GuestPolicy {
        requireAtLeast("maxMemoryFrames", maxMemoryFrames, 0);
        requireAtLeast("maxMappedFrames", maxMappedFrames, 0);
        requireAtLeast("maxTablePages", maxTablePages, 4);
        requireAtLeast("maxHeldFrames", maxHeldFrames, 1);
        requireAtLeast("maxContexts", maxContexts, 1);
        if (maxContexts > MAX_CONTEXTS) {
            throw new IllegalArgumentException("maxContexts=" + maxContexts + " max=" + MAX_CONTEXTS);
        }
        reservedMfns = List.copyOf(reservedMfns);
    }

    /** A guest that may use everything within the default limits. */
    public static GuestPolicy permissive() {
        return new GuestPolicy(
                true,
                true,
                DEFAULT_MAX_MEMORY_FRAMES,
                DEFAULT_MAX_MAPPED_FRAMES,
                DEFAULT_MAX_TABLE_PAGES,
                DEFAULT_MAX_HELD_FRAMES,
                DEFAULT_MAX_CONTEXTS,
                List.of());
    }

    private static void requireAtLeast(String name, long value, long min) {
        if (value < min) {
            throw new IllegalArgumentException(name + "=" + value + " min=" + min);
        }
    }
}
