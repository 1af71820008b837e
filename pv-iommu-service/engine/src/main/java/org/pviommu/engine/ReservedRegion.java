package org.pviommu.engine;

/**
 * Bus frames of an endpoint that nobody may map: its own windows, the MSI window, or what firmware mapped.
 *
 * @param bfns the bus frames
 * @param kind why they are reserved
 */
public record ReservedRegion(FrameRange bfns, Kind kind) {

    /** Why a region is reserved; the order is that of the ABI's numbers. */
    public enum Kind {
        /** Not usable for DMA. */
        RESERVED,
        /** Writes there are interrupts. */
        MSI,
        /** Mapped one to one by firmware, and must stay so. */
        IDENTITY
    }
}
