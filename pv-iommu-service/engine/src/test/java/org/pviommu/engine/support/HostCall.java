package org.pviommu.engine.support;

import java.util.List;
import org.pviommu.engine.FrameRange;

/**
 * One call that a {@link RecordingHost} received.
 *
 * @param kind which method
 * @param first first bus frame of a map or unmap; the endpoint of an attach or detach
 * @param pages how many pages a map or unmap speaks about
 * @param offsetBytes offset in the region's memory of a map
 * @param access access of a map
 * @param flushed ranges of a flush, in the order of the gather
 * @param wholeSpace whether a flush covers everything
 */
public record HostCall(
        Kind kind, long first, long pages, long offsetBytes, int access, List<FrameRange> flushed, boolean wholeSpace) {

    /** Which method of the port. */
    public enum Kind {
        /** A new address space. */
        CREATE,
        /** A run mapped. */
        MAP,
        /** A run removed. */
        UNMAP,
        /** Removals made effective. */
        FLUSH,
        /** An endpoint let in. */
        ATTACH,
        /** An endpoint blocked. */
        DETACH,
        /** An address space given back. */
        DESTROY
    }

    static HostCall of(Kind kind) {
        return range(kind, 0, 0);
    }

    static HostCall range(Kind kind, long first, long pages) {
        return new HostCall(kind, first, pages, 0, 0, List.of(), false);
    }
}
