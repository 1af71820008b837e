package org.pviommu.journal;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Grant;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestMemory;
import org.pviommu.journal.record.JournalRecord;
import org.pviommu.journal.replay.ReplayReport;
import org.pviommu.journal.replay.Replayer;
import org.pviommu.journal.store.JournalException;

/**
 * The guests that a journal says were there when the service stopped or died. They are in the state in which the last record
 * left them, in an engine without a host IOMMU, and their devices can do nothing, until each of them comes back with the memory
 * it had, or comes anew.
 *
 * <p>Threads: any.
 */
public final class Recovery implements AutoCloseable {
    private final Replayer replayer;
    private final ReplayReport report;
    private final Set<Integer> waiting = new ConcurrentSkipListSet<>();

    private Recovery(Replayer replayer, ReplayReport report) {
        this.replayer = replayer;
        this.report = report;
        before().forEach(guest -> waiting.add(guest.id()));
    }

    /**
     * Runs what the journal has, and records the new start.
     *
     * @param start what the new start is recorded as
     * @throws JournalException when the journal does not come out as recorded: then nobody knows what the guests had; or when they had
     *     it on another host IOMMU, with another aperture
     */
    public static Recovery run(Journal journal, Replayer replayer, JournalRecord.ServiceStart start) {
        ReplayReport report = replayer.run(journal.store().lastSequence());
        if (report.difference() != null) {
            throw new JournalException(
                    "the journal cannot be followed: " + report.difference().describe());
        }
        try {
            replayer.restartHere(start);
        } catch (EngineException e) {
            throw new JournalException("its guests cannot be waited for: " + e.getMessage(), e);
        }
        journal.started(start);
        replayer.recordTo(journal::logOf); // a guest that does not come back is removed from here
        Recovery recovery = new Recovery(replayer, report);
        journal.keep(replayer.came());
        return recovery;
    }

    /** How the replay went. */
    public ReplayReport report() {
        return report;
    }

    /** The guests that have not come back, by number. */
    public List<Guest> waiting() {
        return before().stream().filter(guest -> waiting.contains(guest.id())).toList();
    }

    private List<Guest> before() {
        Engine engine = replayer.engine();
        return engine == null ? List.of() : engine.guests();
    }

    /** Whether a guest of that number was there and has not come back. */
    public boolean isWaiting(int guestId) {
        return waiting.contains(guestId);
    }

    /** The guest as it was, or null. */
    public @Nullable Guest before(int guestId) {
        Engine engine = replayer.engine();
        return engine == null || !waiting.contains(guestId) ? null : engine.guest(guestId);
    }

    /**
     * A guest comes back.
     *
     * @param memories what it has brought, by first mfn; see {@link Engine#returnGuest}
     * @throws EngineException NOT_FOUND when nobody of that number is waited for, and as there
     */
    public synchronized Guest comeBack(Engine engine, int guestId, Map<Long, GuestMemory> memories) {
        Guest before = before(guestId);
        if (before == null) {
            throw new EngineException(EngineException.Kind.NOT_FOUND, "guest=" + guestId + " is not waited for");
        }
        List<Grant> grants = grants(grant -> grant.granteeId() == guestId);
        try {
            Guest guest = engine.returnGuest(before, memories, grants);
            waiting.remove(guestId);
            return guest;
        } catch (EngineException e) {
            if (e.kind() != EngineException.Kind.BUSY && e.kind() != EngineException.Kind.INVALID) {
                waiting.remove(guestId); // its end is recorded
            }
            throw e;
        }
    }

    /**
     * A guest does not come back, but anew: what it had is gone, which is recorded. So are the guests whose mappings lead to its
     * memory, because that has not outlived them.
     */
    public synchronized void forget(int guestId) {
        Guest before = before(guestId);
        if (before == null) {
            return;
        }
        waiting.remove(guestId);
        left(guestId);
        Objects.requireNonNull(replayer.engine()).removeGuest(before);
    }

    /**
     * The memory of a guest goes, which may have come back before: those who had it mapped and have not come back cannot any more,
     * and whoever had it without mapping it has it no longer. Recorded.
     */
    public synchronized void left(int ownerId) {
        for (Grant grant : grants(each -> each.ownerId() == ownerId)) {
            if (grant.holds() > 0) {
                forget(grant.granteeId());
            } else if (!grant.revoked()) {
                revoke(grant);
            }
        }
    }

    /**
     * A guest that has not come back and may map, or has mapped, frames [firstMfn, firstMfn + pages - 1] of {@code ownerId}; or
     * null. Until it has come back or is forgotten the owner keeps them.
     */
    public @Nullable Integer granteeToCome(int ownerId, long firstMfn, long pages) {
        return grants(grant -> grant.ownerId() == ownerId
                        && (grant.holds() > 0 || !grant.revoked())
                        && waiting.contains(grant.granteeId())
                        && grant.ownerFirstMfn() < firstMfn + pages
                        && firstMfn < grant.ownerFirstMfn() + grant.pages())
                .stream()
                .map(Grant::granteeId)
                .findAny()
                .orElse(null);
    }

    /** Whether that is a grant of {@code ownerId} to a guest that has not come back. */
    public boolean isGrantToCome(int ownerId, int granteeId, long granteeFirstMfn) {
        return waiting.contains(granteeId)
                && !grants(grant -> grant.ownerId() == ownerId
                                && grant.granteeId() == granteeId
                                && grant.granteeFirstMfn() == granteeFirstMfn)
                        .isEmpty();
    }

    private void revoke(Grant grant) {
        Guest grantee = before(grant.granteeId());
        if (grantee != null) {
            Objects.requireNonNull(replayer.engine()).revoke(grant.granteeId(), grant.granteeFirstMfn(), false);
        }
    }

    private List<Grant> grants(Predicate<Grant> which) {
        Engine engine = replayer.engine();
        return engine == null
                ? List.of()
                : engine.grants().stream().filter(which).toList();
    }

    @Override
    public void close() {
        replayer.close();
    }
}
