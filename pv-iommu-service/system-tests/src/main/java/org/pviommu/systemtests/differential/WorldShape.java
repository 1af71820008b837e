package org.pviommu.systemtests.differential;

import java.util.List;

/**
 * What a world looks like.
 *
 * @param cutsMappings whether the host takes single pages out of a mapping
 * @param lastBfn the last bus frame of the aperture
 * @param guests who lives in it
 * @param bfns the bus frames that calls use and that are compared
 */
record WorldShape(boolean cutsMappings, long lastBfn, List<GuestShape> guests, List<Long> bfns) {

    /** The same on a host that does, or does not, take single pages out of a mapping. */
    WorldShape withCuts(boolean cuts) {
        return new WorldShape(cuts, lastBfn, guests, bfns);
    }
}
