package org.pviommu.engine.support;

import java.util.List;
import java.util.Locale;
import org.pviommu.engine.FrameRange;

/**
 * One call that a {@link RecordingHost} received.
 *
 * @param kind which method
 * @param space number of the address space, in the order in which they were made; -1 for a new one
 * @param first first bus frame of a map or unmap; the endpoint of an attach or detach
 * @param pages how many pages a map or unmap speaks about
 * @param offsetBytes offset in the region's memory of a map
 * @param access access of a map
 * @param flushed ranges of a flush, in the order of the gather
 * @param wholeSpace whether a flush covers everything
 */
public record HostCall(
        Kind kind,
        int space,
        long first,
        long pages,
        long offsetBytes,
        int access,
        List<FrameRange> flushed,
        boolean wholeSpace) {

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

    static HostCall of(Kind kind, int space) {
        return range(kind, space, 0, 0);
    }

    static HostCall range(Kind kind, int space, long first, long pages) {
        return new HostCall(kind, space, first, pages, 0, 0, List.of(), false);
    }

    /** Method and address space, for comparing orders: {@code flush 1}. */
    public String brief() {
        return kind.name().toLowerCase(Locale.ROOT) + " " + space;
    }
}
