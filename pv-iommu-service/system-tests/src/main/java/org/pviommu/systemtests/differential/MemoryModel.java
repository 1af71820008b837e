package org.pviommu.systemtests.differential;

import org.jspecify.annotations.Nullable;
import org.pviommu.engine.EngineException.Kind;
import org.pviommu.engine.FrameRange;

/** Memory that guests register and take back. Null means done. */
final class MemoryModel {
    private final GrantModel grants;
    private final Coverage coverage;

    MemoryModel(GrantModel grants, Coverage coverage) {
        this.grants = grants;
        this.coverage = coverage;
    }

    @Nullable
    Kind register(GuestModel guest, FrameRange mfns, long firstFrame) {
        Kind refusal = refusal(guest, mfns);
        if (refusal == null) {
            guest.regions.put(mfns.first(), RegionModel.registered(mfns, firstFrame));
            if (guest.unregistered.remove(mfns)) {
                coverage.event(Event.REGION_REPLACED);
            }
        } else {
            coverage.event(Event.REGISTER_REFUSED);
        }
        return refusal;
    }

    private static @Nullable Kind refusal(GuestModel guest, FrameRange mfns) {
        if (!guest.isAlive()) {
            return Kind.NOT_FOUND;
        }
        if (guest.regions.values().stream().anyMatch(region -> region.overlaps(mfns))) {
            return Kind.EXISTS;
        }
        return guest.registeredFrames() + mfns.count() > guest.shape.maxMemoryFrames() ? Kind.LIMIT : null;
    }

    @Nullable
    Kind unregister(GuestModel guest, FrameRange mfns, HostAnswers host) {
        RegionModel region = guest.regions.get(mfns.first());
        if (region == null || region.mfns.last() != mfns.last()) {
            coverage.event(Event.UNREGISTER_UNKNOWN);
            return Kind.NOT_FOUND;
        }
        if (region.isGranted()) {
            return Kind.INVALID;
        }
        if (grants.hasLiveGrants(region)) {
            coverage.event(Event.UNREGISTER_GRANTED);
            return Kind.BUSY;
        }
        boolean held = guest.holds(region) > 0;
        if (held) {
            host.flushAll(guest);
        }
        if (guest.holds(region) > 0) {
            coverage.event(Event.UNREGISTER_MAPPED);
            return Kind.BUSY;
        }
        if (held) {
            coverage.event(Event.UNREGISTER_FLUSHED);
        }
        guest.regions.remove(mfns.first());
        guest.unregistered.add(mfns);
        return null;
    }
}
