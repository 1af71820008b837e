package org.pviommu.engine;

import org.pviommu.abi.IommuReservedRange;

/**
 * Bus frames of an endpoint that nobody may map: its own windows, the MSI window, or what firmware mapped.
 *
 * @param bfns the bus frames
 * @param kind why they are reserved
 */
public record ReservedRegion(FrameRange bfns, Kind kind) {

    /** Why a region is reserved. */
    public enum Kind {
        /** Not usable for DMA. */
        RESERVED(IommuReservedRange.KIND_RESERVED),
        /** Writes there are interrupts. */
        MSI(IommuReservedRange.KIND_MSI),
        /** Mapped one to one by firmware, and must stay so. */
        IDENTITY(IommuReservedRange.KIND_IDENTITY);

        private final int abiNumber;

        Kind(int abiNumber) {
            this.abiNumber = abiNumber;
        }

        /** Its number in {@code struct iommu_reserved_range}. */
        public int abiNumber() {
            return abiNumber;
        }
    }
}
