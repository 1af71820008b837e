package org.pviommu.systemtests.differential;

/** A call on one address space of one guest while the model works it off. */
final class RunningCall {
    final Call call;
    final GuestModel guest;
    final SpaceModel space;
    final HostAnswers host;
    final Coverage coverage;
    /** Whether the log had room. */
    final boolean mapsRoom;

    final boolean removalsRoom;

    final int[] statuses;
    final long[] results;
    /** Of ranges: the element removed something that no flush has covered. */
    final boolean[] removedSinceFlush;

    boolean earlyFlushFailed;
    /** Elements before this one, which are flushed, keep their success. */
    int firstUnflushed;
    /** Pages of that element that an early flush had made final. */
    long doneAtEarlyFlush;

    RunningCall(
            Call call,
            GuestModel guest,
            SpaceModel space,
            HostAnswers host,
            Coverage coverage,
            boolean mapsRoom,
            boolean removalsRoom) {
        this.call = call;
        this.guest = guest;
        this.space = space;
        this.host = host;
        this.coverage = coverage;
        this.mapsRoom = mapsRoom;
        this.removalsRoom = removalsRoom;
        this.statuses = new int[call.accessible];
        this.results = new long[call.accessible];
        this.removedSinceFlush = new boolean[call.accessible];
    }

    HostEvent next(HostEvent.Kind kind) {
        return host.next(kind, space);
    }
}
