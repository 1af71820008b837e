package org.pviommu.engine;

/**
 * What a host IOMMU can do.
 *
 * @param name for people: {@code simulated}, {@code iommufd}, {@code vfio-type1}
 * @param lastBfn the last bus frame that can be translated (inclusive): the aperture is {@code [0, lastBfn]}
 * @param pageSizeMask page sizes in bytes, one bit each; bit 12 is always set
 * @param cutsMappings whether a page can be taken out of a mapping that was made with more pages
 */
public record HostCapabilities(String name, long lastBfn, long pageSizeMask, boolean cutsMappings) {

    /** The largest aperture the engine's tables can hold: 48-bit bus addresses. */
    public static final long MAX_LAST_BFN = (1L << 36) - 1;

    /** Refuses an aperture the engine cannot hold, which is our mistake or the backend's. */
    public HostCapabilities {
        if (lastBfn < 0 || lastBfn > MAX_LAST_BFN) {
            throw new IllegalArgumentException("lastBfn=" + lastBfn + " max=" + MAX_LAST_BFN);
        }
        if ((pageSizeMask & 4096) == 0) {
            throw new IllegalArgumentException("pageSizeMask=" + pageSizeMask + " lacks 4096");
        }
    }
}
