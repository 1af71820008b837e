package org.pviommu.systemtests.differential;

import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pviommu.engine.Access;
import org.pviommu.engine.EngineException.Kind;
import org.pviommu.engine.FrameRange;

/** Frames that one guest lets another one map: given, taken back, taken back by force. Null means done. */
final class GrantModel {
    private static final long LAST_MFN = (1L << 40) - 1;

    private final Collection<GuestModel> guests;
    private final Coverage coverage;

    GrantModel(Collection<GuestModel> guests, Coverage coverage) {
        this.guests = guests;
        this.coverage = coverage;
    }

    /** What is asked for; ranges are as the caller says, possible or not. */
    record Grant(int owner, long ownerFirstMfn, long pages, int grantee, long granteeFirstMfn, int access) {}

    @Nullable
    Kind give(GuestModel owner, GuestModel grantee, Grant grant) {
        Kind refusal = tryToGive(owner, grantee, grant);
        coverage.event(refusal == null ? Event.GRANT_GIVEN : Event.GRANT_REFUSED);
        return refusal;
    }

    private @Nullable Kind tryToGive(GuestModel owner, GuestModel grantee, Grant grant) {
        if (!owner.isAlive() || !grantee.isAlive()) {
            return Kind.NOT_FOUND;
        }
        boolean accessible = grant.access() == Access.READ || grant.access() == Access.READ_WRITE;
        if (owner.id() == grantee.id() || !accessible) {
            return Kind.INVALID;
        }
        if (!areFrames(grant.ownerFirstMfn(), grant.pages())) {
            return Kind.INVALID;
        }
        FrameRange given = range(grant.ownerFirstMfn(), grant.pages());
        RegionModel source = owner.regionOf(given);
        if (source == null) {
            return Kind.NOT_FOUND;
        }
        if (source.isGranted() || anyReserved(owner, given) || !areFrames(grant.granteeFirstMfn(), grant.pages())) {
            return Kind.INVALID;
        }
        return enter(grantee, source, grant);
    }

    private @Nullable Kind enter(GuestModel grantee, RegionModel source, Grant grant) {
        FrameRange mfns = range(grant.granteeFirstMfn(), grant.pages());
        List<RegionModel> inTheWay = grantee.regions.values().stream()
                .filter(region -> region.overlaps(mfns))
                .toList();
        if (inTheWay.stream().anyMatch(region -> isLive(grantee, region))) {
            return Kind.EXISTS;
        }
        long freed = inTheWay.stream().mapToLong(region -> region.mfns.count()).sum();
        if (grantee.registeredFrames() - freed + grant.pages() > grantee.shape.maxMemoryFrames()) {
            return Kind.LIMIT;
        }
        if (!inTheWay.isEmpty()) {
            coverage.event(Event.GRANT_OVER_REVOKED);
        }
        inTheWay.forEach(region -> grantee.regions.remove(region.mfns.first()));
        grantee.regions.put(mfns.first(), RegionModel.granted(mfns, source, grant.ownerFirstMfn(), grant.access()));
        return null;
    }

    /** Whether its numbers cannot be given to another grant: anything but a revoked one that nobody holds. */
    private static boolean isLive(GuestModel guest, RegionModel region) {
        return !region.revoked || guest.holds(region) > 0;
    }

    private static boolean areFrames(long firstMfn, long pages) {
        return pages >= 1 && pages <= LAST_MFN + 1 && firstMfn >= 0 && firstMfn <= LAST_MFN - (pages - 1);
    }

    private static FrameRange range(long first, long pages) {
        return new FrameRange(first, first + pages - 1);
    }

    private static boolean anyReserved(GuestModel guest, FrameRange mfns) {
        for (long mfn = mfns.first(); mfn <= mfns.last(); mfn++) {
            if (guest.shape.isReservedMfn(mfn)) {
                return true;
            }
        }
        return false;
    }

    @Nullable
    Kind revoke(GuestModel grantee, long firstMfn, boolean force, HostAnswers host) {
        if (grantee.life == GuestModel.Life.GONE) {
            return Kind.NOT_FOUND;
        }
        if (!areFrames(firstMfn, 1)) {
            return Kind.INVALID;
        }
        RegionModel region = grantee.regionOf(firstMfn);
        if (region == null || !region.isGranted() || region.mfns.first() != firstMfn) {
            return Kind.NOT_FOUND;
        }
        region.revoked = true;
        if (!force) {
            coverage.event(Event.GRANT_REVOKED);
            return null;
        }
        return takeBack(grantee, region, host);
    }

    private @Nullable Kind takeBack(GuestModel grantee, RegionModel region, HostAnswers host) {
        boolean removedAny = false;
        for (SpaceModel space : grantee.spaces.values()) {
            for (Long bfn = space.mappedFrom(0, Long.MAX_VALUE);
                    bfn != null;
                    bfn = space.mappedFrom(bfn + 1, Long.MAX_VALUE)) {
                SpaceModel.Page page = Divergence.found(space.page(bfn), "mapped without a page");
                if (region.mfns.contains(page.mfn())) {
                    removedAny |= host.removeOne(space, bfn);
                }
            }
        }
        host.flushAll(grantee);
        boolean done = grantee.holds(region) == 0;
        if (removedAny || !done) {
            coverage.event(done ? Event.GRANT_FORCED : Event.GRANT_FORCE_UNFINISHED);
        }
        return done ? null : Kind.HOST;
    }

    /** The grants that lead to {@code region}. */
    List<RegionModel> grantsOf(RegionModel region) {
        return guests.stream()
                .flatMap(guest -> guest.regions.values().stream())
                .filter(candidate -> region.equals(candidate.source))
                .toList();
    }

    /** Whether another guest may map frames of {@code region}, or has not let go of all of them. */
    boolean hasLiveGrants(RegionModel region) {
        return guests.stream()
                .anyMatch(guest -> guest.regions.values().stream()
                        .anyMatch(grant -> region.equals(grant.source) && isLive(guest, grant)));
    }
}
