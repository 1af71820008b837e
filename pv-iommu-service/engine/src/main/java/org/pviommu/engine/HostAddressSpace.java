package org.pviommu.engine;

/**
 * Port: one address space of a {@link HostIommu}. Frames are 4 KiB; ranges are a first bus frame and a page count.
 *
 * <p>The engine calls with the guest's lock held, so an implementation sees one {@code map}, {@code unmap},
 * {@code flush}, {@code attach}, {@code detach} or {@code destroy} at a time; devices may do DMA meanwhile.
 */
public interface HostAddressSpace {

    /**
     * Maps bus frames {@code [firstBfn, firstBfn + pages - 1]} to the memory that starts at {@code offsetBytes} of
     * {@code memory}. All or nothing.
     *
     * @param access {@link Access} bits
     * @return 0, or a negative errno and nothing was mapped
     */
    int map(long firstBfn, long pages, GuestMemory memory, long offsetBytes, int access);

    /**
     * Removes the translations of bus frames from {@code firstBfn} on. Neighbours that were mapped in the same call are
     * not disturbed. A device may still hit a cached translation until {@link #flush}.
     *
     * <p>The engine asks for what it has mapped, and for nothing else. Where there is a hole nevertheless, a host stops there, or it
     * goes on behind the hole and counts only what it has removed: as many leading pages are then certain.
     *
     * @return how many pages from {@code firstBfn} on are no longer translated: {@code pages} when all went well; fewer
     *     (at least 1) when only the leading ones could be removed; more when the host could only remove a larger piece.
     *     Or a negative errno and nothing was removed: {@code -EBUSY} says that this host cannot cut the mapping that
     *     {@code firstBfn} belongs to and speaks about that page alone; any other errno speaks about all pages.
     */
    long unmap(long firstBfn, long pages);

    /**
     * Makes sure that no device reaches memory through a translation that was removed and lies in {@code gather}, and
     * that no access that used one is still under way.
     *
     * @return 0 when that is certain, or a negative errno when it is not
     */
    int flush(IotlbGather gather);

    /**
     * Lets DMA of {@code endpoint} be translated by this address space.
     *
     * @return 0 or a negative errno
     */
    int attach(int endpoint);

    /**
     * Blocks all DMA of {@code endpoint}, cached translations included, and waits for accesses under way.
     *
     * @return 0 or a negative errno
     */
    int detach(int endpoint);

    /** Gives the address space back; no endpoint is attached and nothing is mapped in it. */
    void destroy();
}
