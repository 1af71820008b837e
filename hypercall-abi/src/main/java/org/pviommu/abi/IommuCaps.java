package org.pviommu.abi;

import java.lang.foreign.MemorySegment;

/**
 * What a guest is offered: answer of query_caps, all fields out; C: {@code struct iommu_caps}.
 *
 * <pre>
 *   0   4   8       16      24  28  32      40
 *  +---+---+-------+-------+---+---+-------+
 *  |ver|cap|max_bfn|pg_mask|ctx|hld|max_map|
 *  +---+---+-------+-------+---+---+-------+
 * </pre>
 */
public final class IommuCaps {
    /** Bytes of one structure. */
    public static final int SIZE = 40;

    /** Offset of the version of the ABI, 32 bits. */
    public static final int ABI_VERSION_OFFSET = 0;
    /** Offset of the capability bits, 32 bits. */
    public static final int CAPS_OFFSET = ABI_VERSION_OFFSET + Integer.BYTES;
    /** Offset of the highest bus frame of the aperture, inclusive, 64 bits. */
    public static final int MAX_BFN_OFFSET = CAPS_OFFSET + Integer.BYTES;
    /** Offset of the page sizes, 64 bits: bit n stands for 2^n bytes. */
    public static final int PAGE_SIZE_MASK_OFFSET = MAX_BFN_OFFSET + Long.BYTES;
    /** Offset of the bound on address spaces, number 0 included, 32 bits. */
    public static final int MAX_CONTEXTS_OFFSET = PAGE_SIZE_MASK_OFFSET + Long.BYTES;
    /** Offset of the bound on frames that wait for a flush, 32 bits. */
    public static final int MAX_HELD_FRAMES_OFFSET = MAX_CONTEXTS_OFFSET + Integer.BYTES;
    /** Offset of the quota of mapped pages, 64 bits. */
    public static final int MAX_MAPPED_FRAMES_OFFSET = MAX_HELD_FRAMES_OFFSET + Integer.BYTES;

    /** Capability: alloc_context, free_context and attach_device are offered. */
    public static final int CAP_CONTEXTS = 0x01;
    /** Capability: map_range and unmap_range are offered. */
    public static final int CAP_RANGES = 0x02;
    /** Capability: mixed is offered. */
    public static final int CAP_MIXED = 0x04;
    /** Capability: lookup_page is offered. */
    public static final int CAP_LOOKUP = 0x08;
    /** Capability: {@link IommuOp#F_DEFER} and flush are offered. */
    public static final int CAP_DEFER = 0x10;
    /** Capability: a coalesced mapping can be cut page by page; without it an unmap may be {@link IommuStatus#EBUSY}. */
    public static final int CAP_CUT = 0x20;

    private IommuCaps() {}

    /** Reads the version of the ABI of the structure at {@code offsetBytes}. */
    public static int abiVersion(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + ABI_VERSION_OFFSET);
    }

    /** Writes the version of the ABI of the structure at {@code offsetBytes}. */
    public static void putAbiVersion(MemorySegment array, long offsetBytes, int abiVersion) {
        array.set(WireLayout.U32, offsetBytes + ABI_VERSION_OFFSET, abiVersion);
    }

    /** Reads the capability bits of the structure at {@code offsetBytes}. */
    public static int caps(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + CAPS_OFFSET);
    }

    /** Writes the capability bits of the structure at {@code offsetBytes}. */
    public static void putCaps(MemorySegment array, long offsetBytes, int caps) {
        array.set(WireLayout.U32, offsetBytes + CAPS_OFFSET, caps);
    }

    /** Reads the highest bus frame of the aperture, inclusive, of the structure at {@code offsetBytes}. */
    public static long maxBfn(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + MAX_BFN_OFFSET);
    }

    /** Writes the highest bus frame of the aperture, inclusive, of the structure at {@code offsetBytes}. */
    public static void putMaxBfn(MemorySegment array, long offsetBytes, long maxBfn) {
        array.set(WireLayout.U64, offsetBytes + MAX_BFN_OFFSET, maxBfn);
    }

    /** Reads the page sizes (bit n stands for 2^n bytes) of the structure at {@code offsetBytes}. */
    public static long pageSizeMask(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + PAGE_SIZE_MASK_OFFSET);
    }

    /** Writes the page sizes (bit n stands for 2^n bytes) of the structure at {@code offsetBytes}. */
    public static void putPageSizeMask(MemorySegment array, long offsetBytes, long pageSizeMask) {
        array.set(WireLayout.U64, offsetBytes + PAGE_SIZE_MASK_OFFSET, pageSizeMask);
    }

    /** Reads the bound on address spaces, number 0 included, of the structure at {@code offsetBytes}. */
    public static int maxContexts(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + MAX_CONTEXTS_OFFSET);
    }

    /** Writes the bound on address spaces, number 0 included, of the structure at {@code offsetBytes}. */
    public static void putMaxContexts(MemorySegment array, long offsetBytes, int maxContexts) {
        array.set(WireLayout.U32, offsetBytes + MAX_CONTEXTS_OFFSET, maxContexts);
    }

    /** Reads the bound on frames that wait for a flush of the structure at {@code offsetBytes}. */
    public static int maxHeldFrames(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U32, offsetBytes + MAX_HELD_FRAMES_OFFSET);
    }

    /** Writes the bound on frames that wait for a flush of the structure at {@code offsetBytes}. */
    public static void putMaxHeldFrames(MemorySegment array, long offsetBytes, int maxHeldFrames) {
        array.set(WireLayout.U32, offsetBytes + MAX_HELD_FRAMES_OFFSET, maxHeldFrames);
    }

    /** Reads the quota of mapped pages of the structure at {@code offsetBytes}. */
    public static long maxMappedFrames(MemorySegment array, long offsetBytes) {
        return array.get(WireLayout.U64, offsetBytes + MAX_MAPPED_FRAMES_OFFSET);
    }

    /** Writes the quota of mapped pages of the structure at {@code offsetBytes}. */
    public static void putMaxMappedFrames(MemorySegment array, long offsetBytes, long maxMappedFrames) {
        array.set(WireLayout.U64, offsetBytes + MAX_MAPPED_FRAMES_OFFSET, maxMappedFrames);
    }
}
