package org.pviommu.host;

import java.util.List;
import org.pviommu.engine.FrameRange;
import org.pviommu.engine.IotlbGather;

/**
 * One call that went through a {@link FaultInjectingIommu}, with what the caller was told.
 *
 * @param kind which call
 * @param space the address space: 1 for the first that was created through the wrapper, and so on; 0 for a creation
 *     that was refused
 * @param endpoint the endpoint of an attach or detach, else 0
 * @param firstBfn first bus frame of a map or unmap, else 0
 * @param pages pages asked for by a map or unmap, else 0
 * @param flushed the ranges of a flush; empty for all other calls, and for a flush of the whole address space
 * @param outcome what the caller was told: 0, a count, or a negative errno
 * @param injected whether a plan or chance chose this call to be tampered with
 */
public record HostCall(
        Kind kind,
        int space,
        int endpoint,
        long firstBfn,
        long pages,
        List<FrameRange> flushed,
        long outcome,
        boolean injected) {

    /** The calls that a host can refuse. */
    public enum Kind {
        /** {@link org.pviommu.engine.HostIommu#createAddressSpace}. */
        CREATE,
        /** {@link org.pviommu.engine.HostAddressSpace#map}. */
        MAP,
        /** {@link org.pviommu.engine.HostAddressSpace#unmap}. */
        UNMAP,
        /** {@link org.pviommu.engine.HostAddressSpace#flush}. */
        FLUSH,
        /** {@link org.pviommu.engine.HostAddressSpace#attach}. */
        ATTACH,
        /** {@link org.pviommu.engine.HostAddressSpace#detach}. */
        DETACH
    }

    /** Told about each call when it is over, in the thread of the caller. */
    @FunctionalInterface
    public interface Listener {
        /** A call is over. */
        void called(HostCall call);
    }

    static HostCall created(int space, long outcome, boolean injected) {
        return new HostCall(Kind.CREATE, space, 0, 0, 0, List.of(), outcome, injected);
    }

    static HostCall ofPages(Kind kind, int space, long firstBfn, long pages, long outcome, boolean injected) {
        return new HostCall(kind, space, 0, firstBfn, pages, List.of(), outcome, injected);
    }

    static HostCall ofEndpoint(Kind kind, int space, int endpoint, long outcome, boolean injected) {
        return new HostCall(kind, space, endpoint, 0, 0, List.of(), outcome, injected);
    }

    static HostCall flushed(int space, IotlbGather gather, long outcome, boolean injected) {
        FrameRange[] ranges = new FrameRange[gather.rangeCount()];
        for (int i = 0; i < ranges.length; i++) {
            ranges[i] = new FrameRange(gather.firstBfn(i), gather.lastBfn(i));
        }
        return new HostCall(Kind.FLUSH, space, 0, 0, 0, List.of(ranges), outcome, injected);
    }
}
