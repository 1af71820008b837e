package org.pviommu.server.grants;

import java.util.List;
import org.pviommu.engine.Engine;
import org.pviommu.engine.EngineException;
import org.pviommu.engine.Grant;
import org.pviommu.engine.Guest;
import org.pviommu.engine.GuestRegion;

/**
 * The service's rules over the engine's grants. A granted range takes frame numbers and quota of the grantee, so a guest may
 * give only to those that accept its grants, by the operator's configuration; the operator may give to all.
 */
public final class Grants {
    /**
     * Grants that one guest can have. Each takes a memory mapping for its hold counts, of which a Linux process has 65,530
     * ({@code vm.max_map_count}); 128 guests with 128 each take a quarter of them, whatever guests do.
     */
    public static final int MAX_RECEIVED = 128;

    private final Engine engine;
    private final Acceptance acceptance;

    /** The operator's decision. */
    @FunctionalInterface
    public interface Acceptance {
        /** Whether frames of {@code ownerId} may appear among those of {@code granteeId}; both unsigned. */
        boolean accepts(int granteeId, int ownerId);
    }

    /** Grants between the guests of {@code engine}. */
    public Grants(Engine engine, Acceptance acceptance) {
        this.engine = engine;
        this.acceptance = acceptance;
    }

    /** Whether the grantee accepts grants of this owner; it need not be connected. */
    public boolean accepts(int granteeId, int ownerId) {
        return acceptance.accepts(granteeId, ownerId);
    }

    /**
     * Gives, without asking whether the grantee accepts; parameters as in {@link Engine#grant}. One at a time, so that the
     * number of grants is exact.
     *
     * @throws EngineException as there; LIMIT also for a grantee that has {@value #MAX_RECEIVED} grants
     */
    public synchronized void give(
            int ownerId, long ownerFirstMfn, long pages, int granteeId, long granteeFirstMfn, int access) {
        Guest grantee = engine.guest(granteeId);
        if (grantee != null) {
            requireRoom(grantee, granteeFirstMfn, pages);
        }
        engine.grant(ownerId, ownerFirstMfn, pages, granteeId, granteeFirstMfn, access);
    }

    private static void requireRoom(Guest grantee, long firstMfn, long pages) {
        long received = grantee.regions().stream()
                .filter(region -> region.isGranted() && !isReplaced(region, firstMfn, pages))
                .count();
        if (received >= MAX_RECEIVED) {
            throw new EngineException(
                    EngineException.Kind.LIMIT,
                    "grants=" + received + " max=" + MAX_RECEIVED + " of guest=" + grantee.id()
                            + ", those taken back included whose mfns nothing new has taken");
        }
    }

    /** A grant that was taken back makes room for one over its numbers. Differences: the sum of two numbers may overflow. */
    private static boolean isReplaced(GuestRegion region, long firstMfn, long pages) {
        return region.isRevoked() && region.lastMfn() >= firstMfn && region.firstMfn() - firstMfn < pages;
    }

    /**
     * Takes a grant of {@code ownerId}, who may have left, back; see {@link Engine#revoke(int, int, long, boolean)}.
     *
     * @throws EngineException NOT_FOUND when this owner has not granted that; HOST when not all of a forced one is flushed
     */
    public void revoke(int ownerId, int granteeId, long granteeFirstMfn, boolean force) {
        engine.revoke(ownerId, granteeId, granteeFirstMfn, force);
        Guest owner = engine.guest(ownerId);
        if (owner != null && !owner.isAlive()) {
            engine.removeGuest(owner); // it has left, and this may have been the last that kept its memory
        }
    }

    /** All grants, by grantee and frame. */
    public List<Grant> all() {
        return engine.grants();
    }
}
