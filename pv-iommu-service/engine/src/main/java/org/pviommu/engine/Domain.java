package org.pviommu.engine;

import org.jspecify.annotations.Nullable;

/**
 * A domain as its driver names it, from its first endpoint to its last: the number may be used again at once, the object is never.
 *
 * @param id its number, unsigned
 * @param space its mappings; null for a bypass domain
 */
record Domain(int id, @Nullable RangeSpace space) {
    boolean isBypass() {
        return space == null;
    }
}
