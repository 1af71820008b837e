package org.pviommu.systemtests.differential;

import static org.pviommu.systemtests.differential.Divergence.check;

import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the host answered while a step ran, in its order, and what follows from it for an address space of the model. Checks on
 * the way that the host was asked for exactly what it should have been asked for.
 */
final class HostAnswers {
    private static final int FLUSH_ATTEMPTS = 3;
    static final int EBUSY = 16;

    private final List<HostEvent> all;
    private final Iterator<HostEvent> events;
    private final Coverage coverage;

    HostAnswers(List<HostEvent> all, Coverage coverage) {
        this.all = all;
        this.events = all.iterator();
        this.coverage = coverage;
    }

    HostEvent next(HostEvent.Kind kind, @Nullable SpaceModel expected) {
        check(events.hasNext(), "the host was not asked: %s expected", kind);
        HostEvent event = events.next();
        check(event.kind() == kind, "the host was asked for %s, %s expected", event, kind);
        check(expected == null || event.space() == expected.hostSpace, "wrong address space: %s", event);
        return event;
    }

    void end() {
        check(!events.hasNext(), "the host was asked for more than it should: %s", all);
    }

    // Flushes.

    boolean flush(SpaceModel space) {
        for (int attempt = 0; attempt < FLUSH_ATTEMPTS; attempt++) {
            if (next(HostEvent.Kind.FLUSH, space).outcome() == 0) {
                space.flushed();
                return true;
            }
        }
        coverage.event(Event.FLUSH_FAILURE);
        return false;
    }

    boolean flushAndRelease(SpaceModel space) {
        return !space.gathered || flush(space);
    }

    void flushAll(GuestModel guest) {
        guest.spaces.values().forEach(this::flushAndRelease);
    }

    // Removals that no operation asked for.

    /** The host was asked for {@code bfn} alone; false when it refused. */
    boolean removeOne(SpaceModel space, long bfn) {
        HostEvent event = next(HostEvent.Kind.UNMAP, space);
        check(event.firstBfn() == bfn && event.pages() == 1, "bfn=%d alone was to be removed: %s", bfn, event);
        if (event.outcome() < 1) {
            return false;
        }
        space.remove(bfn, false);
        removeUnasked(space, bfn + 1, bfn + event.outcome() - 1);
        return true;
    }

    void removeUnasked(SpaceModel space, long firstBfn, long lastBfn) {
        if (firstBfn <= lastBfn) {
            coverage.event(Event.LONG_UNMAP);
        }
        for (long bfn = firstBfn; bfn <= lastBfn; bfn++) {
            if (space.isMapped(bfn)) {
                space.remove(bfn, false);
            }
        }
    }

    /** Everything was to be removed and flushed; false when something is left. */
    boolean drain(SpaceModel space) {
        boolean removed = unmapEverything(space);
        space.gathered = true; // everything is flushed, whatever was removed
        return flush(space) && removed;
    }

    private boolean unmapEverything(SpaceModel space) {
        boolean all = true;
        long from = 0;
        for (Long first = space.mappedFrom(from, Long.MAX_VALUE);
                first != null;
                first = space.mappedFrom(from, Long.MAX_VALUE)) {
            long pages = 1;
            while (space.isMapped(first + pages)) {
                pages++;
            }
            all &= unmapRun(space, first, pages);
            from = first + pages;
        }
        return all;
    }

    private boolean unmapRun(SpaceModel space, long first, long pages) {
        boolean all = true;
        for (long done = 0; done < pages; ) {
            long left = pages - done;
            HostEvent event = next(HostEvent.Kind.UNMAP, space);
            check(
                    event.firstBfn() == first + done && event.pages() == left,
                    "%d pages from bfn=%d expected: %s",
                    left,
                    first + done,
                    event);
            check(event.outcome() <= left, "nothing is mapped behind the run, yet: %s", event);
            for (long i = 0; i < event.outcome(); i++) {
                space.remove(first + done + i, false);
            }
            all &= event.outcome() > 0;
            done += event.outcome() > 0 ? event.outcome() : event.outcome() == -EBUSY ? 1 : left;
        }
        return all;
    }
}
