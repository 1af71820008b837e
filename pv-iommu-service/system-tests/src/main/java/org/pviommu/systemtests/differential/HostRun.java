package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;

import java.util.function.Supplier;

/** How far a host call has been matched with the pages of operations. */
final class HostRun {
    final HostEvent event;
    private long taken;
    private boolean ended;

    private HostRun(HostEvent event) {
        this.event = event;
    }

    static HostRun none() {
        return new HostRun(new HostEvent(HostEvent.Kind.MAP, 0, 0, 0, 0, false));
    }

    boolean isUsedUp() {
        return ended || taken == event.pages();
    }

    HostRun orNext(Supplier<HostEvent> next) {
        return isUsedUp() ? new HostRun(next.get()) : this;
    }

    void take(long bfn) {
        check(bfn == event.firstBfn() + taken, "bfn=%d was given to the host out of order: %s", bfn, event);
        taken++;
    }

    /** The page taken last is the last one that the call's outcome speaks about. */
    boolean isLastOfOutcome() {
        return taken == event.outcome();
    }

    void endHere() {
        ended = true;
    }

    @Override
    public String toString() {
        return event + " taken=" + taken;
    }
}
