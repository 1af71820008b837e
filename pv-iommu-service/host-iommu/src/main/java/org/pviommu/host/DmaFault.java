package org.pviommu.host;

/**
 * A DMA that the simulated IOMMU refused.
 *
 * @param endpoint the device
 * @param iovaBytes bus address of the refused part of the access
 * @param write whether the device wanted to write
 * @param reason why
 */
public record DmaFault(int endpoint, long iovaBytes, boolean write, Reason reason) {

    /** Why a DMA was refused. */
    public enum Reason {
        /** The endpoint is attached to no address space. */
        BLOCKED,
        /** Nothing is mapped there. */
        NOT_MAPPED,
        /** Mapped, but not for this direction. */
        NOT_PERMITTED,
        /** Mapped, but the memory behind it is gone: closed, or its file was cut short. */
        MEMORY_GONE
    }
}
